"""Where two bodies differ: a path such as ``$.messages[1].content``, and both sides.

For people who read a failed replay; whether two bodies are equal is decided elsewhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass

from flujo.canonical import path_segment

_DEEPEST = 100
_BEFORE, _AFTER = 20, 50
_MISSING = object()


@dataclass(frozen=True, slots=True)
class _Difference:
    path: str
    recorded: object
    asked: object


def first_difference(recorded: object, asked: object) -> tuple[str, str]:
    """Path and both sides of the first place where they differ, in the recorded order."""
    difference = next(_differences(recorded, asked, "$", 0))
    left, right = _shown(difference.recorded, difference.asked), _shown(difference.asked, difference.recorded)
    return difference.path, f"recorded {left}, asked {right}"


def weight(recorded: object, asked: object) -> int:
    """How much differs: the number of leaves on either side that the other has not."""
    return sum(_leaves(d.recorded, 0) + _leaves(d.asked, 0) for d in _differences(recorded, asked, "$", 0))


def _differences(recorded: object, asked: object, path: str, depth: int) -> Iterator[_Difference]:
    if depth < _DEEPEST and isinstance(recorded, dict) and isinstance(asked, dict):
        for key in [*recorded, *(key for key in asked if key not in recorded)]:
            left, right = recorded.get(key, _MISSING), asked.get(key, _MISSING)
            yield from _differences(left, right, path + path_segment(key), depth + 1)
    elif depth < _DEEPEST and isinstance(recorded, list) and isinstance(asked, list):
        for at in range(max(len(recorded), len(asked))):
            left = recorded[at] if at < len(recorded) else _MISSING
            right = asked[at] if at < len(asked) else _MISSING
            yield from _differences(left, right, f"{path}[{at}]", depth + 1)
    elif _text(recorded) != _text(asked):
        yield _Difference(path, recorded, asked)


def _leaves(value: object, depth: int) -> int:
    if value is _MISSING:
        return 0
    if depth >= _DEEPEST or not isinstance(value, (dict, list)):
        return 1
    inside = value.values() if isinstance(value, dict) else value
    return 1 + sum(_leaves(item, depth + 1) for item in inside)


def _text(value: object) -> str:
    """As JSON tells values apart: 1, 1.0 and true are three, though Python finds them equal."""
    if value is _MISSING:
        return "nothing"
    if isinstance(value, bytes):
        return f"bytes {base64.b64encode(value).decode()}"
    return json.dumps(value, sort_keys=True)


def _shown(value: object, other: object) -> str:
    if not isinstance(value, str):
        text = _text(value)
        return text if len(text) <= _BEFORE + _AFTER else text[: _BEFORE + _AFTER] + "…"
    same = _same_beginning(value, other) if isinstance(other, str) else 0
    start, end = max(0, same - _BEFORE), same + _AFTER
    return f"{'…' if start else ''}{json.dumps(value[start:end])}{'…' if end < len(value) else ''}"


def _same_beginning(left: str, right: str) -> int:
    pairs = zip(left, right, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))
