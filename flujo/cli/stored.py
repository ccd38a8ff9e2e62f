"""``flujo runs``, ``show``, ``fork`` and ``export``: what a store holds. Light until a command is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flujo.cli.endings import Refused
from flujo.cli.options import AsJson, RunId, StoreUrl, Whole

if TYPE_CHECKING:
    from flujo.stores.records import StoredRun


def runs(
    store: StoreUrl = None,
    last: Annotated[
        int | None, typer.Option("--last", "-n", min=1, metavar="N", help="Only the newest N runs.")
    ] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only runs with this status, such as failed.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the runs of a store, the newest first."""
    from flujo.cli.console import JsonLines
    from flujo.cli.listing import say_runs, summary_data
    from flujo.cli.shelf import opened

    with opened(store) as shelf:
        found = [run for run in shelf.runs() if status in (None, run.status)][:last]
        waiting = shelf.waiting()
    if as_json:
        lines = JsonLines()
        for run in found:
            lines.write(summary_data(run))
    else:
        say_runs(found, waiting)


def show(run: RunId, store: StoreUrl = None, whole: Whole = False, as_json: AsJson = False) -> None:
    """Tell one run: every attempt with its feedback, verdicts, context changes and cost, and what is in doubt."""
    from flujo.cli.console import JsonLines
    from flujo.cli.listing import run_data
    from flujo.cli.telling import say_run

    found = _loaded(run, store)
    if as_json:
        JsonLines().write(run_data(found))
    else:
        say_run(found, store, whole=whole)


def fork(
    run: RunId,
    path: Annotated[str, typer.Option("--from", metavar="PATH", help="The step from which on to run anew.")],
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a new run that keeps every answer from before a step: 'flujo resume' goes on with it."""
    from flujo.cli.console import JsonLines
    from flujo.cli.ending import next_command_of
    from flujo.cli.shelf import opened, run_meant

    with opened(store) as shelf:
        made = shelf.fork(run_meant(shelf, run), path)
    if as_json:
        JsonLines().write({"run_id": made})
        return
    typer.echo(f"{made}\nnext: {next_command_of(made, 'interrupted', (), store)}")


def export(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="The run; or --all.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="All runs of the store, the oldest first.")] = False,
    store: StoreUrl = None,
) -> None:
    """Write runs as JSON lines: the run, then its events; of one that has not ended, its answers so far."""
    from flujo.cli.console import JsonLines
    from flujo.cli.listing import exported
    from flujo.cli.shelf import opened, run_meant

    if (run is None) is not everything:
        raise Refused("name one run, or pass --all for every run of the store")
    lines = JsonLines()
    with opened(store) as shelf:
        ids = [run_meant(shelf, run)] if run is not None else [one.run_id for one in reversed(shelf.runs())]
        for run_id in ids:
            for line in exported(shelf.load(run_id)):
                lines.write(line)


def _loaded(run: str, store: str | None) -> StoredRun:
    from flujo.cli.shelf import opened, run_meant

    with opened(store) as shelf:
        return shelf.load(run_meant(shelf, run))
