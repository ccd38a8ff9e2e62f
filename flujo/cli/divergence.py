"""Where two runs of one pipeline part: the first event of the one that the other does not have, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Final

from flujo.canonical import canonical_json
from flujo.cli.facts import data_of, kind_of
from flujo.cli.wording import one_line, usd_shown, value_shown
from flujo.events import (
    Asked,
    AskEvent,
    BranchEnded,
    Chunk,
    Decided,
    Event,
    ItemEnded,
    Judged,
    Paid,
    PaidBefore,
    RunResumed,
    RunStarted,
)
from flujo.execution.ledger import Ledger

UNTOLD: Final = (RunStarted, RunResumed, PaidBefore, Chunk)
"""What depends on how the run was started, and not on the pipeline."""
WIDTH: Final = 100
"""Characters of a value that are shown."""
AROUND: Final = 20

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Divergence:
    """``path`` is where, ``kind`` the kind of event, ``before`` and ``after`` as JSON data; ``text`` is one line."""

    path: str
    kind: str
    before: Any
    after: Any
    text: str


def first_divergence(before: Iterable[Event], after: Iterable[Event], unknown: str | None = None) -> Divergence | None:
    """The first thing that the later run does otherwise; None if it does all the same.

    ``before`` is a whole transcript; ``after`` may be in order of arrival, and end where the run asked for an answer
    that nobody has (``unknown``): the earlier run may have ended there, too.
    """
    known, told = _numbered(before), _numbered(after)
    found = next(((key, one) for key, event in told.items() if (one := _compared(key, known.get(key), event))), None)
    if unknown is None:
        until = None if found is None else found[0]
        for key, event in known.items():
            if key == until:
                break
            if key not in told and (until is None or until in known):
                return _gone(key, event)
    return None if found is None else found[1]


def _numbered(events: Iterable[Event]) -> dict[Key, Event]:
    """Events by kind, place, and how many alike there were before."""
    seen: Counter[tuple[str, str]] = Counter()
    numbered: dict[Key, Event] = {}
    for event in events:
        if isinstance(event, UNTOLD):
            continue
        kind, place = kind_of(event), place_of(event)
        seen[kind, place] += 1
        numbered[kind, place, seen[kind, place]] = event
    return numbered


def place_of(event: Event) -> str:
    """The path of what the event is about: of a step, an ask, a plugin's verdict, a request, a decision, a part."""
    match event:
        case Judged():
            return f"{event.path}/plugin:{event.plugin}"
        case AskEvent():
            return event.path
        case Paid():
            return f"{event.entry.path}/request:{event.entry.entry_id.rpartition('/request:')[2]}"
        case Decided():
            return f"{event.step}/decision:{event.what}:{event.number}"
        case BranchEnded():
            return f"{event.step}/branch:{event.branch}"
        case ItemEnded():
            return f"{event.step}/item:{event.item}"
        case _:
            return event.step


def _compared(key: Key, before: Event | None, after: Event) -> Divergence | None:
    kind, place, _ = key
    if before is None:
        return Divergence(place, kind, None, _content(after), f"{_place(place)}: {_news(after)}")
    was, now = _content(before), _content(after)
    for name in now:
        if canonical_json(was[name]) != canonical_json(now[name]):
            words = _WORDS.get((kind, name), f"{kind.replace('_', ' ')}: {name.replace('_', ' ')}")
            text = f"{_place(place)} {words}: {_arrow(was[name], now[name], is_word=name in _NAMES)}"
            return Divergence(place, kind, was[name], now[name], one_line(text))
    return None


def _gone(key: Key, event: Event) -> Divergence:
    kind, place, _ = key
    return Divergence(
        place, kind, _content(event), None, f"{_place(place)}: {_OLDS.get(kind, _past(kind))} then, and not now"
    )


def _content(event: Event) -> dict[str, Any]:
    """What is compared of an event: not its time, nor what differs between any two runs."""
    if isinstance(event, Paid):
        entry = event.entry
        told = {
            "model": entry.model,
            "usage": entry.usage,
            "usd": usd_shown(Ledger((entry,))),
            "outcome": entry.outcome,
        }
        return {name: data_of(value) for name, value in told.items()}
    content = {
        field.name: data_of(getattr(event, field.name))
        for field in fields(event)
        if field.name
        not in ("step", "at", "attempt", "hop", "plugin", "entry", "number", "what", "branch", "item", "key")
    }
    if isinstance(event, Judged):
        return {"verdict": _verdict(event), **{name: content[name] for name in ("new_solution",) if event.replaced}}
    return content


def _verdict(event: Judged) -> str:
    if event.redirect_to is not None:
        return f"redirects to {event.redirect_to}"
    if event.accepted:
        return "accepts"
    return f"{'crashed' if event.crashed else 'rejects'}: {event.feedback}"


def _news(event: Event) -> str:
    kind = kind_of(event)
    match event:
        case Judged():
            return f"the plugin judges now ({_verdict(event)}), and did not then"
        case Asked():
            return f"{event.agent} is asked now, and was not then"
        case _:
            return f"{_OLDS.get(kind, _past(kind))} now, and not then"


def _past(kind: str) -> str:
    return f"'{kind.replace('_', ' ')}' was told"


def _place(path: str) -> str:
    return path or "the run"


def _arrow(before: Any, after: Any, *, is_word: bool = False) -> str:
    """``"a" -> "b"``; of long values the part where they begin to differ."""
    left, right = value_shown(before), value_shown(after)
    if is_word and isinstance(before, str) and isinstance(after, str):
        left, right = before, after
    if max(len(left), len(right)) > WIDTH:
        pairs = zip(left, right, strict=False)
        start = next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(left), len(right)))
        start = max(0, start - AROUND)
        left, right = (_cut(text, start) for text in (left, right))
    return f"{left} -> {right}"


def _cut(text: str, start: int) -> str:
    end = start + WIDTH
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


_NAMES: Final = frozenset({"agent", "kind", "model", "outcome", "status", "strategy", "usd", "verdict"})
"""Fields that hold words of ours, or names: shown without quotes."""
_WORDS: Final = {
    ("asked", "agent"): "asks another agent",
    ("asked", "input"): "is asked something else",
    ("asked", "feedback"): "is told other feedback",
    ("answered", "output"): "answers something else",
    ("ask_failed", "outcome"): "fails otherwise",
    ("ask_failed", "error"): "fails otherwise",
    ("judged", "verdict"): "judges otherwise",
    ("judged", "new_solution"): "replaces the answer by something else",
    ("paid", "model"): "is paid to another model",
    ("paid", "usage"): "uses something else",
    ("paid", "usd"): "costs something else",
    ("paid", "outcome"): "ends otherwise",
    ("decided", "value"): "decides otherwise",
    ("step_started", "kind"): "is another kind of step",
    ("step_started", "input"): "is given something else",
    ("step_ended", "status"): "ends otherwise",
    ("step_ended", "output"): "brings something else",
    ("step_ended", "error"): "fails otherwise",
    ("context_changed", "changes"): "changes the context otherwise",
    ("merged", "strategy"): "merges by another strategy",
    ("merged", "changes"): "merges something else",
    ("merged", "sources"): "merges from other branches",
    ("branch_ended", "status"): "ends otherwise",
    ("branch_ended", "output"): "brings something else",
    ("item_ended", "output"): "brings something else",
    ("backed_off", "delay_s"): "waits for another time",
    ("fell_back", "error"): "falls back for another reason",
    ("questioned", "message"): "asks a person something else",
    ("replied", "answer"): "is answered something else",
    ("run_ended", "status"): "ends otherwise",
    ("run_ended", "output"): "brings something else",
    ("run_ended", "error"): "fails otherwise",
}
_OLDS: Final = {
    "step_started": "the step ran",
    "step_ended": "the step ended",
    "asked": "it was asked",
    "answered": "it answered",
    "ask_failed": "it failed",
    "judged": "the plugin judged",
    "paid": "it was paid",
    "not_admitted": "it was not admitted",
    "limit_passed": "a limit was passed",
    "context_changed": "the context was changed",
    "fell_back": "it fell back",
    "backed_off": "it waited before its next attempt",
    "decided": "it was decided",
    "merged": "branches were merged",
    "branch_ended": "the branch ended",
    "item_ended": "the item ended",
    "questioned": "a person was asked",
    "replied": "a person answered",
    "cache_hit": "the cache held the result",
    "cache_missed": "the cache did not hold the result",
    "feedback_lost": "feedback was lost",
}
