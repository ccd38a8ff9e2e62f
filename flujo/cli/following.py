"""How a run is followed while it happens: as a live tree on a terminal, line by line, or as JSON for scripts.

Each way is a listener (``told``) within a block (``shown``). Its times are those of the runner's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from threading import Lock
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from flujo.cli.console import JsonLines
from flujo.cli.drawing import View, tree_lines
from flujo.cli.facts import Facts
from flujo.cli.happening import lines_of
from flujo.cli.tree import RunTree
from flujo.cli.wording import one_line, span, usd_shown
from flujo.events import Event
from flujo.money import ZERO, show_usd, subtract
from flujo.pipeline import AnyPipeline

REDRAWS_PER_S = 10
HEADROOM = 2
"""Lines of a terminal that are left free, for the line at the bottom and the cursor."""


class Following(Protocol):
    def told(self, event: Event) -> None: ...
    def shown(self) -> AbstractContextManager[None]: ...


class LiveTree:
    """The tree of the run, drawn anew ten times a second; it stays on the screen when the run has ended."""

    def __init__(
        self, console: Console, pipeline: AnyPipeline, title: str, limit_usd: Decimal | None, now: Callable[[], float]
    ) -> None:
        self._console = console
        self._title = title
        self._limit = limit_usd
        self._now = now
        self._over = False
        self._heard = False
        self._lock = Lock()  # a thread of the screen's draws while the run goes on
        self.tree = RunTree()
        self.tree.expect(pipeline)

    def told(self, event: Event) -> None:
        with self._lock:
            self._heard = True
            self.tree.told(event)

    @contextmanager
    def shown(self) -> Iterator[None]:
        live = Live(
            console=self._console,
            get_renderable=self.drawn,
            refresh_per_second=REDRAWS_PER_S,
            vertical_overflow="visible",
        )
        with live:
            try:
                yield
            finally:
                self._over = True
                live.transient = not self._heard  # of a run that never began nothing stays on the screen

    def drawn(self) -> Group:
        with self._lock:
            return self._drawn(None if self._over else self._now())

    def _drawn(self, now: float | None) -> Group:
        lines = tree_lines(self.tree, self._console, View(now))
        return Group(*(lines if now is None else on_screen(lines, self._console)), self._foot(now))

    def _foot(self, now: float | None) -> Text:
        """Title, time, cost so far and what is left of the budget."""
        if now is None:
            return Text("")
        root = self.tree.root
        words = [span(now - (root.started_at if root.started_at is not None else now)), usd_shown(root.ledger)]
        if self._limit is not None:
            left = max(ZERO, subtract(self._limit, root.cost_usd))
            words.append(f"{show_usd(left)} of {show_usd(self._limit)} USD left")
        foot = Text.assemble((one_line(self._title), "bold"), ("  " + "  ·  ".join(words), "dim"))
        foot.truncate(self._console.width, overflow="ellipsis")
        return foot


def on_screen(lines: list[Text], console: Console) -> list[Text]:
    """The end of the lines, as many as a terminal shows at once."""
    room = max(1, console.height - HEADROOM)
    if len(lines) <= room:
        return lines
    hidden = len(lines) - room + 1
    return [Text(f"… {hidden} lines above", style="dim"), *lines[hidden:]]


class Lines:
    """One line for each thing that happens, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._wrote = False
        self.tree = RunTree()

    def told(self, event: Event) -> None:
        self._wrote = True
        self.tree.told(event)
        for line in lines_of(event, self.tree):
            self._console.print(line, soft_wrap=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._wrote:
                self._console.print()


class JsonEvents:
    """Every event as an object on a line."""

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines
        self._facts = Facts()

    def told(self, event: Event) -> None:
        self._lines.write(self._facts.of(event))

    @contextmanager
    def shown(self) -> Iterator[None]:
        yield
