"""What a cause is called in the words of the field. Says nothing of how many goldens it shows in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flujo.structure import MISSING
from flujo_testing.review.causes import Caused
from flujo_testing.review.signs import GONE, MONEY, NEW, judgement, leading, ordered, payer_of, step_of
from flujo_testing.transcript.difference import short

MAX_NAMES: Final = 3
_PAYERS: Final = {
    ("attempt", "accepted"): "accepted attempts",
    ("attempt", "failed"): "failed attempts",
    ("redirect", "accepted"): "redirected asks",
    ("redirect", "failed"): "failed redirected asks",
    ("plugin", "accepted"): "plugins",
}
_BECAME: Final = {NEW: "new", GONE: "gone"}
_PLURALS: Final = {
    "attempt": "attempts",
    "branch": "branches",
    "fallback": "fallbacks",
    "item": "items",
    "iteration": "iterations",
    "redirect": "redirects",
    "step": "steps",
}


def title_of(first: Sequence[Caused]) -> str:
    """``first``: what the cause itself changes, in all goldens; it is not empty."""
    signs = first[0].signs
    if (names := first[0].edit.renamed) is not None:
        was, now = (_name(name.removeprefix(f"{signs.kind} ")) for name in names)
        return f"{signs.kind} {was} is now {now}"
    if signs.kind in MONEY:
        return _of_payments(first)
    if signs.kind == "spent":
        return "what runs have spent is no longer what they paid"
    if signs.kind == "order":
        return f"{ordered(first[0].edit)} are in another order"
    if signs.kind in ("feedback", "plugin") and signs.turn in _BECAME:
        return _of_feedback_and_plugins(first)
    if signs.kind in ("model", "outcome", "cache", "status"):
        difference = leading(first[0].edit)
        return f"{signs.kind}{_in(first)}: {_name(difference.before)} -> {_name(difference.after)}"
    if signs.kind == "verdict":
        return _of_verdicts(first)
    if any(key.endswith("_from") for key in first[0].edit.keys):
        return f"{signs.kind}{_of(first)} comes from elsewhere"
    if signs.kind in _PLURALS and signs.turn in _BECAME:
        return f"{_PLURALS[signs.kind]} are {_BECAME[signs.turn]}{_in(first)}"
    became = f"is {_BECAME[signs.turn]}" if signs.turn in _BECAME else "has changed"
    return f"{signs.kind.replace('_', ' ')}{_of(first)} {became}"


def steps_of(found: Sequence[Caused]) -> tuple[str, ...]:
    """The steps in which it shows, sorted, an item or iteration for all; the run itself is none."""
    steps = {step_of(difference) for one in found for difference in one.edit.differences}
    return tuple(sorted(steps - {""}))


def listed(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(names) - MAX_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:MAX_NAMES])} and {more} more"


def _of_payments(first: Sequence[Caused]) -> str:
    kind, turn = first[0].signs.kind, first[0].signs.turn
    if kind == "price":
        return f"requests cost {_direction(first)}"
    if kind == "usage":
        kinds = sorted({one.text.split(" ")[1] for each in first for one in each.edit.differences if one.kind == kind})
        return f"other numbers of {' and '.join(kinds)} tokens are paid{_in(first)}"
    payer = _PAYERS.get(payer_of(first[0].edit), "steps")
    if kind == "paid_too_late":
        return f"{payer} are paid too late"
    if turn == NEW and all(MISSING not in one.edit.values(one.edit.keys[0]) for one in first):
        return f"{payer} are paid for more requests"
    return f"{payer} are {_PAID[turn]}"


_PAID: Final = {NEW: "now paid", GONE: "no longer paid", "other": "paid otherwise"}


def _direction(first: Sequence[Caused]) -> str:
    amounts = [one.spends.get("known_usd", 0) for one in first]
    return (
        "more"
        if all(amount > 0 for amount in amounts)
        else "less"
        if all(amount < 0 for amount in amounts)
        else "something else"
    )


def _of_feedback_and_plugins(first: Sequence[Caused]) -> str:
    again = "no longer" if first[0].signs.turn == GONE else "now"
    if first[0].signs.kind == "feedback":
        return f"feedback {again} reaches the next attempt"
    names = sorted({key for one in first for key in one.edit.keys})
    return f"{names[0]} {again} runs{_in(first)}" if len(names) == 1 else f"plugins {again} run"


def _of_verdicts(first: Sequence[Caused]) -> str:
    names = sorted({one.edit.keys[0].removeprefix("plugin ") for one in first})
    was, now = (judgement(told) for told in first[0].edit.values(first[0].edit.keys[0]))
    who = f"plugin {names[0]} judges" if len(names) == 1 else f"plugins {listed(names)} judge"
    return f"{who} otherwise: {was} -> {now}" if was != now else f"{who} in other words: {now}"


def _in(first: Sequence[Caused]) -> str:
    steps = listed(steps_of(first))
    return f" in {steps}" if steps else ""


def _of(first: Sequence[Caused]) -> str:
    return f" of {listed(steps_of(first)) or 'the run'}"


def _name(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() and " " not in value else short(value)
