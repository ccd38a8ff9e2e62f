"""One line of plain text for each event that a reader of a log wants to know of: the place, and what happened there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from rich.text import Text

from flujo.cli.drawing import STYLES
from flujo.cli.tree import RunTree, Tone
from flujo.cli.wording import one_line, span, usd_shown, value_shown
from flujo.events import (
    Answered,
    Asked,
    AskEvent,
    AskFailed,
    BackedOff,
    CacheHit,
    Event,
    FellBack,
    Judged,
    LimitPassed,
    NotAdmitted,
    Paid,
    Questioned,
    Replied,
    RunResumed,
    RunStarted,
    StepEnded,
)
from flujo.money import show_usd


def lines_of(event: Event, tree: RunTree) -> Iterator[Text]:
    """The line of this event, if it has one; ``tree`` knows what came before."""
    if (words := _WORDS.get(type(event))) is None:
        return
    told = words(event, tree)
    if told is not None:
        tone, text = told
        yield Text.assemble((f"{one_line(event.step) or 'run'}: ", "bold"), (one_line(text), STYLES[tone]))


Words = tuple[Tone, str] | None


def _run_started(event: RunStarted, tree: RunTree) -> Words:
    return "plain", f"{event.pipeline} starts with {value_shown(event.input)}"


def _run_resumed(event: RunResumed, tree: RunTree) -> Words:
    return "plain", f"goes on after it was {event.status}; what was answered before is told again, and not paid again"


def _asked(event: Asked, tree: RunTree) -> Words:
    why = event.feedback[-1] if event.feedback else None
    after = "" if why is None else f" after {why.plugin}: {why.feedback}"
    return "plain", f"{_which(event)} asks {event.agent}{after}"


def _answered(event: Answered, tree: RunTree) -> Words:
    return "plain", f"{_which(event)} answered {value_shown(event.output)}"


def _ask_failed(event: AskFailed, tree: RunTree) -> Words:
    return "bad", f"{_which(event)} failed ({event.outcome}): {event.error}"


def _judged(event: Judged, tree: RunTree) -> Words:
    if event.plugin == "output_type" and event.accepted:
        return None
    feedback = f": {event.feedback}" if event.feedback else ""
    if event.redirect_to is not None:
        return "warning", f"{_which(event)}: {event.plugin} redirects to {event.redirect_to}{feedback}"
    if event.accepted:
        return "good", f"{_which(event)}: {event.plugin} {'replaces the answer' if event.replaced else 'accepts'}"
    return "bad", f"{_which(event)}: {event.plugin} {'crashed' if event.crashed else 'rejects'}{feedback}"


def _paid(event: Paid, tree: RunTree) -> Words:
    entry = event.entry
    cost = "an unknown amount" if entry.cost_usd is None else f"{show_usd(entry.cost_usd)} USD"
    return "quiet", f"attempt {entry.attempt} paid {cost}, {usd_shown(tree.root.ledger)} so far"


def _backed_off(event: BackedOff, tree: RunTree) -> Words:
    return "quiet", f"waits {event.delay_s:g} s before attempt {event.attempt + 1}"


def _fell_back(event: FellBack, tree: RunTree) -> Words:
    return "warning", f"falls back: {event.error}"


def _not_admitted(event: NotAdmitted, tree: RunTree) -> Words:
    bound = "an unknown amount" if event.bound is None else event.bound
    return "bad", f"{_which(event)} not admitted: {event.dimension} up to {bound}, {event.left} of {event.limit} left"


def _limit_passed(event: LimitPassed, tree: RunTree) -> Words:
    return "bad", f"passed a limit: {event.dimension} {event.spent}, at most {event.limit}"


def _cache_hit(event: CacheHit, tree: RunTree) -> Words:
    return "good", "taken from the cache"


def _questioned(event: Questioned, tree: RunTree) -> Words:
    return "warning", f"asks a person: {event.message}"


def _replied(event: Replied, tree: RunTree) -> Words:
    return "good", f"a person answered {value_shown(event.answer)}"


def _step_ended(event: StepEnded, tree: RunTree) -> Words:
    node = tree.node(event.step)
    took = "" if node.started_at is None else f" after {span(event.at - node.started_at)}"
    if event.status == "completed":
        return "good", f"completed{took}"
    tone: Tone = "bad" if event.status in ("failed", "limited") else "warning"
    return tone, f"{event.status}{took}" + (f": {event.error}" if event.error else "")


def _which(event: AskEvent) -> str:
    return f"attempt {event.attempt}, redirect {event.hop}" if event.hop else f"attempt {event.attempt}"


_WORDS: Final[dict[type[Event], Callable[[Any, RunTree], Words]]] = {
    RunStarted: _run_started,
    RunResumed: _run_resumed,
    Asked: _asked,
    Answered: _answered,
    AskFailed: _ask_failed,
    Judged: _judged,
    Paid: _paid,
    BackedOff: _backed_off,
    FellBack: _fell_back,
    NotAdmitted: _not_admitted,
    LimitPassed: _limit_passed,
    CacheHit: _cache_hit,
    Questioned: _questioned,
    Replied: _replied,
    StepEnded: _step_ended,
}
