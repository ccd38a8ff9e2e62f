"""``flujo watch``: follows a run that another process runs, by what its store tells. Light until it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from flujo.cli.endings import INTERRUPTED, OF_RUN
from flujo.cli.options import AsJson, RunId, StoreUrl

POLL_S = 0.5


def watch(
    run: RunId,
    store: StoreUrl = None,
    every: Annotated[
        float, typer.Option("--every", min=0.05, metavar="SECONDS", help="How often to look into the store.")
    ] = POLL_S,
    as_json: AsJson = False,
) -> None:
    """Follow a run that another process runs, to its end. Exit code: that of the run, as if it had run here."""
    import sys

    import anyio

    from flujo.cli.console import JsonLines, Page
    from flujo.cli.shelf import opened, run_meant
    from flujo.cli.watched import AnswerLines, JsonAnswers, LiveStore, Watched, followed

    page = Page()
    with opened(store) as shelf:
        run_id = run_meant(shelf, run)
        seen: Watched
        if as_json:
            seen = JsonAnswers(JsonLines())
        elif page.is_terminal and not page.is_dumb_terminal:
            seen = LiveStore(page, store)
        else:
            seen = AnswerLines(page, store)
        try:
            last = anyio.run(followed, shelf, run_id, seen, every)
        except KeyboardInterrupt:
            sys.stderr.write("flujo: no longer watching; the run goes on\n")
            raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(OF_RUN[last.summary.status])
