"""The live view: one line for each thing that happens, and on a terminal what is being asked at the moment.

A listener of events. Nothing is counted here that the transcript does not hold. The lines of branches that
run at once come in order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from examples.support_triage.lines import say
from flujo.events import (
    Asked,
    AskEvent,
    AskFailed,
    BackedOff,
    Event,
    Judged,
    LimitPassed,
    Merged,
    NotAdmitted,
    Paid,
    StepEnded,
    StepStarted,
)
from flujo.money import ZERO, add, show_usd, subtract

PLACE = 18
"""Columns for the place at the beginning of a line."""
REDRAWS_PER_S = 15


class Progress:
    """Tells a run while it happens: hand ``told`` to the runner as a listener, within ``shown()``."""

    def __init__(self, console: Console, budget: Decimal) -> None:
        self._console = console
        self._budget = budget
        self._spent = ZERO
        self._asking: dict[str, str] = {}
        self._paying: set[str] = set()
        self._spinner = Spinner("line")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """What is being asked stays visible below the lines; only on a terminal, where it can be redrawn."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, transient=True, get_renderable=self._now, refresh_per_second=REDRAWS_PER_S):
            yield

    def told(self, event: Event) -> None:
        tell = _TELL.get(type(event))
        if tell is not None:
            tell(self, event)

    def step_started(self, event: StepStarted) -> None:
        name = event.step.rpartition("/")[2]
        if name.startswith("fallback:"):
            self._say(event.step, f"falls back to {name.partition(':')[2]}", "yellow")
        if event.kind == "parallel":
            self._say(event.step, "starts its branches at once", "dim")

    def step_ended(self, event: StepEnded) -> None:
        self._asking.pop(event.step, None)
        style = "green" if event.status == "completed" else "bold red"
        self._say(event.step, event.status, style)

    def asked(self, event: Asked) -> None:
        self._asking[event.step] = f"{place_of(event.step)} asks {event.agent}, attempt {event.attempt}"

    def paid(self, event: Paid) -> None:
        entry = event.entry
        self._paying.add(event.step)
        self._spent = add(self._spent, entry.cost_usd or ZERO)
        cost = "an unknown amount" if entry.cost_usd is None else f"{show_usd(entry.cost_usd)} USD"
        left = show_usd(subtract(self._budget, self._spent))
        text = f"attempt {entry.attempt} paid {cost}: {show_usd(self._spent)} spent, {left} left"
        self._say(event.step, text, "cyan")

    def ask_failed(self, event: AskFailed) -> None:
        self._say(event.step, f"{_attempt(event)} failed: {event.error}", "red")

    def judged(self, event: Judged) -> None:
        if event.plugin == "output_type" and event.accepted and event.step not in self._paying:
            return  # a function that returned what it says it returns is no news
        verdict = "accepted" if event.accepted else f"rejected: {event.feedback}"
        if event.redirect_to is not None:
            verdict = f"redirected to {event.redirect_to}: {event.feedback}"
        style = "green" if event.accepted and event.redirect_to is None else "yellow"
        self._say(event.step, f"{_attempt(event)} {event.plugin} {verdict}", style)

    def backed_off(self, event: BackedOff) -> None:
        self._asking[event.step] = f"{place_of(event.step)} waits {event.delay_s:g} s"
        self._say(event.step, f"waits {event.delay_s:g} s before attempt {event.attempt + 1}", "dim")

    def merged(self, event: Merged) -> None:
        fields = ", ".join(f"{name} from {', '.join(branches)}" for name, branches in event.sources)
        self._say(event.step, f"merged {fields}", "dim")

    def not_admitted(self, event: NotAdmitted) -> None:
        bound = f"{event.dimension} up to {event.bound}, {event.left} left"
        text = f"{_attempt(event)} not admitted: {bound}"
        self._say(event.step, text, "bold red")

    def limit_passed(self, event: LimitPassed) -> None:
        text = f"passed a limit: {event.dimension} {event.spent}, at most {event.limit}"
        self._say(event.step, text, "bold red")

    def _say(self, path: str, text: str, style: str) -> None:
        say(self._console, f"{place_of(path):<{PLACE}} {text}", style, indent=PLACE + 1)

    def _now(self) -> Group:
        asking = Table.grid(padding=(0, 1))
        for text in self._asking.values():
            asking.add_row(self._spinner, Text(text, style="dim", no_wrap=True, overflow="crop"))
        budget = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=float(self._budget), completed=float(self._spent), width=20)
        budget.add_row("budget", bar, f"{show_usd(self._spent)} of {show_usd(self._budget)} USD")
        return Group(asking, budget)


def place_of(path: str) -> str:
    """The path of a step for people: without the words ``branch`` and ``fallback``."""
    return "/".join(segment.partition(":")[2] or segment for segment in path.split("/"))


def _attempt(event: AskEvent) -> str:
    redirect = f", redirect {event.hop}," if event.hop else ""
    return f"attempt {event.attempt}{redirect}"


_TELL: dict[type[Event], Callable[[Progress, Any], None]] = {
    StepStarted: Progress.step_started,
    StepEnded: Progress.step_ended,
    Asked: Progress.asked,
    Paid: Progress.paid,
    AskFailed: Progress.ask_failed,
    Judged: Progress.judged,
    BackedOff: Progress.backed_off,
    Merged: Progress.merged,
    NotAdmitted: Progress.not_admitted,
    LimitPassed: Progress.limit_passed,
}
