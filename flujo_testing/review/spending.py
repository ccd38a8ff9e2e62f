"""What the payments that a story tells add up to, in the terms of its ``result.spent``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from flujo.money import show_usd
from flujo.structure import MISSING
from flujo_testing.review.edits import PART, Edit, Table
from flujo_testing.transcript.payments import KIND_SUMS, UNKNOWN

KNOWN: Final = "known_usd"
"""What is known to have been spent, and as good as ``usd`` where nothing is unknown."""
POSSIBLE: Final = "possible_usd"
UNPRICED: Final = "unpriced_requests"
_ALWAYS: Final = frozenset({"requests", "input_tokens", "output_tokens"})

Sums = Mapping[str, Decimal]
"""Amounts by their names in ``spent``; those that are 0 are left out."""


def change_of(edit: Edit) -> Sums:
    """By how much the payments in an edit change what the run spends."""
    sums: Counter[str] = Counter()
    for key in edit.keys:
        was, now = edit.values(key)
        for sign, value in ((-1, was), (1, now)):
            for payment in payments_in(edit, key, value):
                for name, amount in _counted(payment):
                    sums[name] += sign * amount  # type: ignore[assignment]
    return _without_zeros(sums)


def added(one: Sums, other: Sums, sign: int = 1) -> Sums:
    names = {*one, *other}
    return _without_zeros({name: one.get(name, Decimal(0)) + sign * other.get(name, Decimal(0)) for name in names})


def amounts(spent: Any) -> Sums:
    """The amounts in ``result.spent``; none for what is no spending."""
    told = spent if type(spent) is dict else {}
    found = {name: amount for name, value in told.items() if (amount := _amount(value)) is not None}
    if "usd" in found:
        found |= {KNOWN: found["usd"], POSSIBLE: found["usd"]}
        del found["usd"]
    return _without_zeros(found)


def respent(before: Any, after: Any, change: Sums) -> Any:
    """``result.spent`` after this change, on the way from one story to another; MISSING where nothing was spent."""
    total = added(amounts(before), change)
    if MISSING in (before, after) and "requests" not in total:
        return MISSING
    is_known = UNPRICED not in total
    told: Table = {"usd": show_usd(total.get(KNOWN, Decimal(0))) if is_known else UNKNOWN}
    if not is_known:
        bounded = all(type(spent) is not dict or spent.get(POSSIBLE) != UNKNOWN for spent in (before, after))
        told[KNOWN] = show_usd(total.get(KNOWN, Decimal(0)))
        told[POSSIBLE] = show_usd(total.get(POSSIBLE, Decimal(0))) if bounded else UNKNOWN
        told[UNPRICED] = int(total[UNPRICED])
    for name in ("requests", *KIND_SUMS.values()):
        if name in total or name in _ALWAYS:
            told[name] = int(total.get(name, 0))
    return told


def payments_in(edit: Edit, key: str, value: Any) -> list[Table]:
    """The payments in a value of a key of an edit; users' data is not searched."""
    if edit.where == () and key == "steps" and type(value) is dict:
        return [payment for section in value.values() for payment in _payments_of_section(section)]
    return list(_payments_of_section(value) if edit.where == ("steps",) else _payments(key, value))


def _payments_of_section(section: Any) -> Iterator[Table]:
    for key, value in (section if type(section) is dict else {}).items():
        yield from _payments(key, value)


def _payments(key: str, value: Any) -> Iterator[Table]:
    if key == "paid_before" and type(value) is dict:
        for told in value.values():
            yield from _listed(told)
    elif key.startswith("paid"):
        yield from _listed(value)
    elif key.startswith("plugin ") and type(value) is dict:
        yield from _listed(value.get("paid", MISSING))
    elif PART.fullmatch(key):
        yield from _payments_of_section(value)


def _listed(told: Any) -> Iterator[Table]:
    yield from (one for one in (told if type(told) is list else [told]) if type(one) is dict)


def _counted(payment: Table) -> Iterator[tuple[str, Decimal]]:
    usd, possible = _amount(payment.get("usd")), _amount(payment.get(POSSIBLE))
    is_unknown = usd is None or payment.get("outcome") == "in_doubt"
    yield "requests", _amount(payment.get("requests")) or Decimal(1)
    yield UNPRICED, Decimal(is_unknown)
    yield KNOWN, usd or Decimal(0)
    yield POSSIBLE, max(usd or Decimal(0), possible or Decimal(0)) if is_unknown else usd or Decimal(0)
    for kind, name in KIND_SUMS.items():
        yield name, _amount(payment.get(kind)) or Decimal(0)


def _amount(value: Any) -> Decimal | None:
    """None for what is no amount."""
    if type(value) not in (int, str):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _without_zeros(sums: Mapping[str, Any]) -> Sums:
    return {name: Decimal(amount) for name, amount in sums.items() if amount}
