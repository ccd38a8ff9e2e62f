"""A run seen from another process: looked up in its store again and again until nobody runs it any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

import anyio
from rich.console import Group
from rich.live import Live
from rich.text import Text

from flujo.cli.drawing import SPINNER, View, tree_lines
from flujo.cli.ending import say_ending
from flujo.cli.following import on_screen
from flujo.cli.known import brought, failure, tree_of
from flujo.cli.listing import ask_data, summary_data
from flujo.cli.telling import told_of
from flujo.cli.wording import one_line, short_id, span, usd_shown
from flujo.runner import SystemClock

if TYPE_CHECKING:
    from flujo.cli.console import JsonLines, Page
    from flujo.stores.records import StoredAsk, StoredRun
    from flujo.stores.store import Store


class Watched(Protocol):
    """A way to show a run that is looked up: ``seen`` at each look, ``ended`` when nobody runs it any more."""

    def shown(self) -> AbstractContextManager[None]: ...
    def seen(self, run: StoredRun) -> None: ...
    def ended(self, run: StoredRun) -> None: ...


async def followed(store: Store, run_id: str, watched: Watched, every_s: float) -> StoredRun:
    """The run as it was when nobody ran it any more."""
    with watched.shown():
        while (run := store.load(run_id)).summary.status == "running":
            watched.seen(run)
            await anyio.sleep(every_s)
        watched.seen(run)
    watched.ended(run)
    return run


class LiveStore:
    """The tree, drawn anew at each look."""

    def __init__(self, page: Page, store: str | None) -> None:
        self._page = page
        self._store = store
        self._live = Live(console=page, auto_refresh=False, vertical_overflow="visible")
        self._clock = SystemClock()

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._live:
            yield

    def seen(self, run: StoredRun) -> None:
        tree, running = tree_of(run), run.summary.status == "running"
        now = self._clock.utc().timestamp()
        lines = tree_lines(tree, self._page, View(now if running else None))
        if not running:
            self._live.update(Group(*lines, Text("")), refresh=True)
            return
        words = [
            span(now - run.summary.started_at.timestamp()),
            usd_shown(tree.root.ledger),
            f"run {short_id(run.summary.run_id)}",
        ]
        turn = SPINNER[round(now * 2) % len(SPINNER)]
        foot = Text.assemble(
            (f"{turn} ", "bold cyan"), (one_line(run.summary.pipeline), "bold"), ("  " + "  ·  ".join(words), "dim")
        )
        foot.truncate(self._page.width, overflow="ellipsis")
        self._live.update(Group(*on_screen(lines, self._page), foot), refresh=True)

    def ended(self, run: StoredRun) -> None:
        say_ending(self._page, told_of(run, tree_of(run)), self._store)


class Fresh:
    """Which answers of a run have not been told yet."""

    def __init__(self) -> None:
        self._number = 0

    def of(self, run: StoredRun) -> Iterator[StoredAsk]:
        for ask in run.asks:
            if ask.number > self._number:
                self._number = ask.number
                yield ask


class AnswerLines:
    """One line for each answer that is new."""

    def __init__(self, page: Page, store: str | None) -> None:
        self._page = page
        self._store = store
        self._fresh = Fresh()

    @contextmanager
    def shown(self) -> Iterator[None]:
        yield

    def seen(self, run: StoredRun) -> None:
        for ask in self._fresh.of(run):
            error = ask.answer.error
            text = brought(ask.answer.value) if error is None else failure(error)[1]
            line = Text.assemble((f"{one_line(ask.path)}: ", "bold"), (one_line(text), "" if error is None else "red"))
            self._page.print(line, soft_wrap=True)

    def ended(self, run: StoredRun) -> None:
        self._page.print()
        say_ending(self._page, told_of(run, tree_of(run)), self._store)


class JsonAnswers:
    """An object for each answer that is new, the run last."""

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines
        self._fresh = Fresh()

    @contextmanager
    def shown(self) -> Iterator[None]:
        yield

    def seen(self, run: StoredRun) -> None:
        for ask in self._fresh.of(run):
            self._lines.write({"event": "stored_answer", **ask_data(ask)})

    def ended(self, run: StoredRun) -> None:
        self._lines.write({"event": "run", **summary_data(run.summary)})
