"""What differs between two stories, in the words of the field: empty for equal ones, and for no others.

Equal is what reads the same: 1 and true differ, and so do two orders of keys.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from flujo.structure import MISSING
from flujo_testing.transcript.decisions import TELL_DECISION
from flujo_testing.transcript.difference import Difference, arrow, in_another_order, leaves, short, shown
from flujo_testing.transcript.payments import KINDS
from flujo_testing.transcript.plain import same
from flujo_testing.transcript.quoting import key_text
from flujo_testing.transcript.sources import MAPPERS

Table = dict[str, Any]
Found = Iterator[Difference]

_PART: Final = re.compile(r"(attempt|branch|fallback|item|iteration|redirect|step) (.*)", re.DOTALL)
_OF_A_STEP: Final = ("attempt ", "branch ", "fallback ", "item ", "iteration ")
_FAMILIES: Final = {
    "step ": "steps of {} are in another order",
    "branch ": "branches of {} are in another order",
    "item ": "items of {} are in another order",
    "iteration ": "iterations of {} are in another order",
    "attempt ": "attempts of {} are in another order",
    "plugin ": "plugins run in another order in {}",
}
_NAME: Final = re.compile(r"[A-Za-z0-9_][\w./:-]*", re.ASCII)
_COUNTED: Final = {"item ": "{} has {}, not {} items", "iteration ": "{} runs {}, not {} iterations"}
_FROM: Final = ("input", "items", "question", "select", *sorted(MAPPERS))
"""What is told as a value, or by where it came from."""
_VERBS: Final = frozenset({"set", "removed", "appended", "cut", "order"})
_RUN: Final = {"context": "initial context"}
_RESULT: Final = {"context": "final context", "paid_before": "paid before the run went on, and not reached"}


def differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[Difference]:
    """Everything in which two stories differ: the steps first, then what follows for the result."""
    before, after = dict(expected), dict(actual)
    pairs = sorted(_pairs(before, after), key=lambda pair: pair[0] == "result")
    found = [change for key, was, now in pairs for change in _of_run(key, was, now)]
    return [*found, *_order("", before, after)]


# The run and its sections -------------------------------------------------------------------------------


def _of_run(key: str, before: Any, after: Any) -> Found:
    if type(before) is dict and type(after) is dict and key in ("result", "steps"):
        tell = _of_result if key == "result" else _of_steps
        for name, was, now in _pairs(before, after):
            yield from tell(name, was, now)
        if in_another_order(before, after):
            yield Difference("order", "", list(before), list(after), f"{_thing(key)} are in another order")
    else:
        yield from _value(key, "", before, after, _RUN.get(key))


def _of_result(key: str, before: Any, after: Any) -> Found:
    if key == "status":
        yield Difference("status", "", before, after, f"status {_names(before, after)}")
    elif key == "spent" and type(before) is dict and type(after) is dict:
        for name, was, now in _pairs(before, after):
            yield Difference("spent", "", was, now, f"spent {key_text(name)}: {_names(was, now, '0')}")
        yield from _order("", before, after)
    else:
        yield from _value(key, "", before, after, _RESULT.get(key))


def _of_steps(name: str, before: Any, after: Any) -> Found:
    yield from _part("step", name, name, before, after)


def _part(kind: str, title: str, path: str, before: Any, after: Any) -> Found:
    """A step, an attempt, a branch, ...: new, gone, or different inside. A reader calls it ``title``."""
    if before is MISSING or after is MISSING:
        became = "is new" if before is MISSING else "is gone"
        yield Difference(kind, path, before, after, f"{title} {became}")
    elif type(before) is dict and type(after) is dict:
        yield from _section(path, before, after)
    else:
        yield Difference(kind, path, before, after, f"{title}: {arrow(before, after)}")


def _section(path: str, before: Table, after: Table) -> Found:
    told: set[str] = set()
    for key in _FROM:
        if _moved(key, before, after):
            told |= {key, f"{key}_from"}
            yield _moved_value(key, path, before, after)
    for start, words in _COUNTED.items():
        was, now = _family(before, start), _family(after, start)
        if len(was) != len(now):
            told |= was.keys() ^ now.keys()
            yield Difference(start.strip(), path, len(was), len(now), words.format(path, len(now), len(was)))
    for key, one, other in _pairs(before, after):
        if key not in told:
            yield from _of_section(path, key, one, other, is_step=is_step(before, after))
    yield from _order(path, before, after)


def _of_section(path: str, key: str, before: Any, after: Any, *, is_step: bool) -> Found:
    if (match := _PART.fullmatch(key)) is not None:
        inner = _inner_path(path, match[1], match[2], is_step)
        title = f"{inner} to {match[2].partition(' to ')[2]}" if match[1] == "redirect" else inner
        yield from _part(match[1], title, inner, before, after)
        return
    tell = _TELL.get(key) or (_plugin if key.startswith("plugin ") else None)
    told = [] if tell is None else list(tell(path, key, before, after))
    yield from told or _value(key, path, before, after)


def _inner_path(path: str, kind: str, name: str, is_step: bool) -> str:
    """The engine's path of a part. A branch that is told as its only step stands for both."""
    kind_around, colon, name_around = path.rpartition("/")[2].partition(":")
    if is_step and colon and kind_around == "branch":
        path = f"{path}/{name_around}"
    if kind == "step":
        return f"{path}/{name}"
    return f"{path}/{kind}:{name.partition(' ')[0] if kind == 'redirect' else name}"


def is_step(before: Table, after: Table) -> bool:
    """Whether a section is a step's, and not that of several steps."""
    return any(key == "kind" or key.startswith(_OF_A_STEP) for key in {**before, **after})


def _order(path: str, before: Table, after: Table) -> Found:
    if not in_another_order(before, after):
        return
    told = [
        words for start, words in _FAMILIES.items() if in_another_order(_family(before, start), _family(after, start))
    ]
    for words in told or ["parts of {} are in another order"]:
        yield Difference("order", path, list(before), list(after), words.format(_place(path)))


def _family(table: Table, start: str) -> Table:
    return {key: value for key, value in table.items() if key.startswith(start)}


# What is in a section -----------------------------------------------------------------------------------


def _moved(key: str, before: Table, after: Table) -> bool:
    """From a value to a source or back, instead of from one to another."""
    told = [{name for name in (key, f"{key}_from") if name in table} for table in (before, after)]
    return sorted(map(sorted, told)) == [[key], [f"{key}_from"]]


def _moved_value(key: str, path: str, before: Table, after: Table) -> Difference:
    if f"{key}_from" in after:
        was, now = before[key], after[f"{key}_from"]
        text = f"{key} of {path} {_come(key)} from {_name(now)}, it was {short(was)}"
    else:
        was, now = before[f"{key}_from"], after[key]
        text = f"{key} of {path} no longer {_come(key)} from {_name(was)}, it is {short(now)}"
    return Difference(key, path, was, now, text)


def _source(path: str, key: str, before: Any, after: Any) -> Found:
    if before is not MISSING and after is not MISSING:
        what = key.removesuffix("_from")
        text = f"{what} of {path} {_come(what)} from {_name(after)}, not {_name(before)}"
        yield Difference(what, path, before, after, text)


def _come(what: str) -> str:
    return "come" if what == "items" else "comes"


def _status(path: str, key: str, before: Any, after: Any) -> Found:
    yield Difference("status", path, before, after, f"status of {path}: {_names(before, after, 'completed')}")


def _feedback(path: str, key: str, before: Any, after: Any) -> Found:
    was, now = _rejections(before), _rejections(after)
    if was is None or now is None:
        return
    for text in (was - now).elements():
        yield Difference("feedback", path, text, MISSING, f"feedback {text} no longer reaches {path}")
    for text in (now - was).elements():
        yield Difference("feedback", path, MISSING, text, f"feedback {text} now reaches {path}")


def _rejections(told: Any) -> Counter[str] | None:
    """The texts of rejections as they are shown; None for what is no list of rejections."""
    if told is MISSING:
        return Counter()
    if type(told) is not list or not all(type(item) is dict and "text" in item for item in told):
        return None
    return Counter(shown(item["text"]) for item in told)


def _plugin(path: str, key: str, before: Any, after: Any) -> Found:
    if before is MISSING:
        yield Difference("plugin", path, before, after, f"{key} now runs in {path}")
    elif after is MISSING:
        yield Difference("plugin", path, before, after, f"{key} no longer runs in {path}")
    else:
        was, now = _verdict(before), _verdict(after)
        payer = f"{path}/plugin:{key.removeprefix('plugin ')}"
        if not same(was.get("paid", MISSING), now.get("paid", MISSING)):
            yield from _paid(payer, "paid", was.pop("paid", MISSING), now.pop("paid", MISSING))
        if not same(was, now):
            yield Difference("verdict", path, before, after, f"{key} in {path}: {_judgement(was)} -> {_judgement(now)}")


def _verdict(told: Any) -> Table:
    return dict(told) if type(told) is dict else {"accepted": True} if told == "accepted" else {"told": told}


def _judgement(verdict: Table) -> str:
    if same(verdict, {"accepted": True}):
        return "accepted"
    return ", ".join(f"{key_text(key)} {short(value)}" for key, value in verdict.items()) or "nothing"


def _context(path: str, key: str, before: Any, after: Any) -> Found:
    was, now = ({} if table is MISSING else table for table in (before, after))
    if type(was) is not dict or type(now) is not dict:
        return
    for field, one, other in _pairs(was, now):
        text = f"{key} {key_text(field)} in {path}: {_change(one)} -> {_change(other)}"
        yield Difference(key, path, one, other, text)
    yield from _order(path, was, now)


def _change(change: Any) -> str:
    if type(change) is dict and len(change) == 1 and not _VERBS.isdisjoint(change):
        return " ".join(f"{verb} {short(value)}" for verb, value in change.items())
    return short(change)


# What was paid ------------------------------------------------------------------------------------------


def _paid(path: str, key: str, before: Any, after: Any) -> Found:
    was, now = _payments(before), _payments(after)
    if was is None or now is None:
        return
    if not now:
        yield Difference("paid", path, before, after, f"{path} is no longer paid: {_cost(was)} -> 0")
    elif not was:
        yield Difference("paid", path, before, after, f"{path} is now paid: 0 -> {_cost(now)}")
    elif len(was) != len(now):
        text = f"{path} pays for {len(now)} requests, not {len(was)}: {_cost(was)} -> {_cost(now)}"
        yield Difference("paid", path, before, after, text)
    else:
        for number, (one, other) in enumerate(zip(was, now, strict=True), 1):
            yield from _payment(path if len(was) == 1 else f"{path}/request:{number}", one, other)


def _payments(told: Any) -> list[Table] | None:
    """The payments of one ask; None for what is no payment."""
    payments = [] if told is MISSING else told if type(told) is list else [told]
    return payments if all(type(payment) is dict for payment in payments) else None


def _cost(payments: list[Table]) -> str:
    return " + ".join(_name(payment.get("usd", MISSING)) for payment in payments)


def _payment(path: str, before: Table, after: Table) -> Found:
    for key, was, now in _pairs(before, after):
        if key in ("model", "outcome"):
            none = "ok" if key == "outcome" else "nothing"
            yield Difference(key, path, was, now, f"{key} of {path}: {_names(was, now, none)}")
        elif key in KINDS:
            text = f"paid {key} tokens of {path}: {_names(was, now, '0')}"
            yield Difference("usage", path, was, now, text)
        else:
            kind = "price" if key == "usd" else "paid"
            yield Difference(kind, path, was, now, f"paid {key_text(key)} of {path}: {_names(was, now)}")
    yield from _order(path, before, after)


# Anything -----------------------------------------------------------------------------------------------


def _value(key: str, path: str, before: Any, after: Any, called: str | None = None) -> Found:
    for inner, was, now in leaves(before, after):
        what = f"{called or key_text(key)}{inner} of {_place(path)}"
        in_order = was is MISSING and now is MISSING
        text = f"keys of {what} are in another order" if in_order else f"{what}: {arrow(was, now)}"
        yield Difference("order" if in_order else key.partition(" ")[0], path, was, now, text)


def _pairs(before: Table, after: Table) -> Iterator[tuple[str, Any, Any]]:
    """Key, before and after where two tables differ."""
    for key in {**before, **after}:
        was, now = before.get(key, MISSING), after.get(key, MISSING)
        if not same(was, now):
            yield key, was, now


def _name(value: Any) -> str:
    """A name, a word of the format or a number as it is; anything else in quotes."""
    return value if type(value) is str and _NAME.fullmatch(value) else short(value)


def _names(before: Any, after: Any, none: str = "nothing") -> str:
    """Both, or ``none`` for what is not there; quotes keep apart what would look alike without."""
    was, now = (none if value is MISSING else _name(value) for value in (before, after))
    return arrow(before, after) if was == now else f"{was} -> {now}"


def _place(path: str) -> str:
    return path or "the run"


def _thing(key: str) -> str:
    return "steps" if key == "steps" else "parts of the result"


_TELL: Final[dict[str, Callable[[str, str, Any, Any], Found]]] = {
    "context": _context,
    "feedback": _feedback,
    "merged": _context,
    "paid": _paid,
    "paid_too_late": _paid,
    "status": _status,
    **{f"{key}_from": _source for key in _FROM},
    **TELL_DECISION,
}
