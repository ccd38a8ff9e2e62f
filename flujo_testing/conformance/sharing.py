"""Which changeable objects are inside a value, so that two values can be seen to share one."""

from __future__ import annotations

import copy
from typing import Any

from flujo.structure import ATOMS


def shared_parts(one: object, other: object) -> list[Any]:
    """The changeable objects that are in both values."""
    parts, others = mutable_parts(one), mutable_parts(other)
    return [part for key, part in parts.items() if key in others]


def mutable_parts(value: Any) -> dict[int, Any]:
    """Every list, dict, set and object with attributes within a value that copies are made of, by its id."""
    parts: dict[int, Any] = {}
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if type(part) in ATOMS or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            waiting += part
        elif is_copied(part):
            waiting += vars(part).values()
        else:
            continue
        if not isinstance(part, tuple | frozenset):
            parts[id(part)] = part
    return parts


def is_copied(part: object) -> bool:
    """Whether it has attributes and a deep copy of its own: an enum's member has none, nor has a lock."""
    try:
        return hasattr(part, "__dict__") and copy.deepcopy(part) is not part
    except Exception:  # whatever a user's __deepcopy__ raises
        return False
