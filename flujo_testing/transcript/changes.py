"""How a change of a context reads: one mapping per changed value, from which the new value can be told.

* ``{set: 1}``: it was not there before; ``{removed: 1}``: it is gone, and was this
* ``{appended: [..]}``, ``{cut: [..]}``: a list got these at its end, or lost these from it
* ``{was: 1, now: 2}``: any other change of a value
* ``{key: <change>, ...}``: a mapping changed in these keys; ``{order: [..]}`` where the order of its keys
  differs

A key that is one of these words gets a ``$`` in front, like one that begins with ``$``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from flujo.structure import MISSING
from flujo_testing.transcript.plain import is_mark, plain, same

WORDS: Final = frozenset({"set", "removed", "appended", "cut", "was", "now", "order", "by", "from"})

Row = tuple[str, object, object]
"""A field, what it was and what it is now; MISSING where there was or is none."""


def changes_of(rows: Iterable[Row], known: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The change of every field, and the fields after it, as plain data. ``known``: the fields before it.

    A field that is said to have been otherwise than it is known has been changed without a word in between;
    then both values are told.
    """
    told, fields = {}, dict(known)
    for field, before, after in rows:
        was, now = _plain(before), _plain(after)
        secretly = not same(known.get(field), was) and MISSING not in (before, after)
        told[field_name(field)] = {"was": was, "now": now} if secretly else change(was, now)
        fields.pop(field, None)
        if now is not MISSING:
            fields[field] = now
    return told, fields


def difference_of(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The change of every key in which two tables of plain data differ; their order is not looked at."""
    keys = {**before, **after}
    pairs = [(key, before.get(key, MISSING), after.get(key, MISSING)) for key in keys]
    return {field_name(key): change(was, now) for key, was, now in pairs if not same(was, now)}


def change(before: Any, after: Any) -> dict[str, Any]:
    """The change from one piece of plain data to another; MISSING where there is none."""
    if before is MISSING:
        return {"set": after}
    if after is MISSING:
        return {"removed": before}
    if _is_table(before) and _is_table(after):
        return _change_of_table(before, after)
    if type(before) is list and type(after) is list:
        shorter = min(len(before), len(after))
        if same(before[:shorter], after[:shorter]):
            return {"appended": after[shorter:]} if len(after) > shorter else {"cut": before[shorter:]}
    return {"was": before, "now": after}


def field_name(key: str) -> str:
    """A user's key where it stands beside our words."""
    return f"${key}" if key in WORDS or key[:1] == "$" else key


def _change_of_table(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    told = difference_of(before, after)
    expected = [key for key in before if key in after] + [key for key in after if key not in before]
    if expected != list(after):
        told["order"] = list(after)
    return told


def _is_table(data: object) -> bool:
    return type(data) is dict and not is_mark(data)


def _plain(value: object) -> Any:
    return value if value is MISSING else plain(value)
