"""``flujo replay``: does the current code still do what a stored run did? Light until the command is called."""

from __future__ import annotations

from typing import Annotated

import typer

from flujo.cli.endings import CLEAN, FINDINGS, Refused
from flujo.cli.options import AsJson, PipelinePlace, RunId, StoreUrl


def replay(
    run: RunId,
    store: StoreUrl = None,
    pipeline: PipelinePlace = None,
    call: Annotated[
        list[str] | None,
        typer.Option("--call", metavar="PATTERN", help="Steps that are called anew, such as functions without costs."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the current code on a stored run's answers, asking nobody: say what it does otherwise first. Exit code: 1."""
    import anyio

    from flujo.cli.divergence import first_divergence
    from flujo.cli.references import reference_of, runner_named
    from flujo.cli.rerun import rerun
    from flujo.cli.shelf import opened, refusing, run_meant, summary_of

    with opened(store) as shelf:
        run_id = run_meant(shelf, run)
        runner = runner_named(reference_of(summary_of(shelf, run_id), pipeline))
        stored = shelf.load(run_id)  # after the pipeline's modules: the values are of their classes
    if stored.events is None:
        raise Refused(
            f"the run {run_id} has no end yet, so there is nothing to compare with: 'flujo resume' goes on with it"
        )
    with refusing():
        done = anyio.run(rerun, runner, stored, call or ())
    found = first_divergence(stored.events, done.events, done.unknown)
    if as_json:
        from flujo.cli.console import JsonLines

        told = (
            None
            if found is None
            else {
                "path": found.path,
                "kind": found.kind,
                "before": found.before,
                "after": found.after,
                "text": found.text,
            }
        )
        JsonLines().write({"run_id": run_id, "events": len(done.events), "difference": told})
    else:
        _say(run_id, len(done.events), None if found is None else found.text)
    raise typer.Exit(CLEAN if found is None else FINDINGS)


def _say(run_id: str, events: int, difference: str | None) -> None:
    from rich.text import Text

    from flujo.cli.console import Page
    from flujo.cli.wording import short_id

    page = Page()
    if difference is None:
        page.print(Text(f"✓ run {short_id(run_id)}: {events} events, no difference", style="green"), soft_wrap=True)
    else:
        page.print(Text(f"✗ run {short_id(run_id)}: {difference}", style="red"), soft_wrap=True)
