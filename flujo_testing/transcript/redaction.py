"""Replaces values of a story by path: what is secret, different in every run, or has no plain form.

A path names keys, joined by dots: ``steps.write.attempt 1.output``. ``*`` stands for any characters of one
key (``steps.*.attempt *.output``), ``[2]`` for the third item of a list, ``[*]`` for each, ``..`` for any
number of levels (``$..notes``, ``steps..paid``), and ``["a.b"]`` for a key with other characters. ``$`` is
the story itself and may be left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flujo_testing.transcript.plain import Unrepresentable, plain

Replacement = object
"""What stands in the place of a value: plain data, or a function of the value."""

_JSON_TEXT: Final = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
_PART: Final = re.compile(
    rf'(?P<dots>\.{{0,2}})(?:(?P<name>[^.\[\]"]+)|\[(?P<index>\d+|\*)\]|\[(?P<key>{_JSON_TEXT})\])'
)
_PLAIN_KEY: Final = re.compile(r'[^.\[\]"*]+')


class RedactionError(ValueError):
    """A path of a redaction cannot be read, or there is nothing at it; ``path`` is as it was written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"redaction {path!r}: {reason}")
        self.path = path


class NotTellable(ValueError):
    """A run holds a value without plain form: at ``path`` in its story, at ``inner`` in the value there."""

    def __init__(self, path: str, inner: str, reason: str) -> None:
        super().__init__(
            f"{path}{inner.removeprefix('$')} cannot be told in a golden: {reason}; "
            f"or redact it: redact={{{path!r}: '<redacted>'}}"
        )
        self.path = path
        self.inner = inner
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a path. ``index`` is None for a key, -1 for every item; ``deep``: at any depth below."""

    deep: bool
    key: re.Pattern[str] | None
    index: int | None

    def fits(self, key: str | int) -> bool:
        if isinstance(key, int):
            return self.index in (-1, key)
        return self.key is not None and self.key.fullmatch(key) is not None


def redacted(
    story: Mapping[str, Any], replacements: Mapping[str, Replacement], *, everywhere: bool = True
) -> dict[str, Any]:
    """A copy of the story with the values at these paths replaced, in this order.

    A function is called with the value that it replaces. What it returns is told as plain data. Raises
    RedactionError for a path with nothing at it: a redaction that does nothing hides that the run has
    changed. Where one of many stories is redacted, which need not all have it (``everywhere=False``), it does not.
    """
    told: Any = dict(story)
    for path, replacement in replacements.items():
        parts, found = _parts(path), list[object]()

        def replace(value: object, replacement: object = replacement, found: list[object] = found) -> object:
            found.append(value)
            return plain(replacement(value) if callable(replacement) else replacement)

        told = _mapped(told, parts, replace)
        if not found and everywhere:
            raise RedactionError(path, f"there is nothing at this path{_nearby(told, parts)}")
    return told  # type: ignore[no-any-return]


def refuse_unrepresentable(story: Mapping[str, Any]) -> None:
    """Raises NotTellable for the first value in a story that has no plain form."""
    if (found := _unrepresentable(story)) is not None:
        keys, value = found
        path = ""
        for key in reversed(keys):
            path = path_of(path, key)
        raise NotTellable(path, value.path, value.reason)


def path_of(path: str, key: str | int) -> str:
    """The path of what is at ``key`` below ``path``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key)}]"
    return f"{path}.{key}" if path else key


def _unrepresentable(data: Any) -> tuple[list[str | int], Unrepresentable] | None:
    """The first value without plain form, and the keys that lead there, the innermost first."""
    for key, item in data.items() if type(data) is dict else enumerate(data):
        cls = type(item)
        if cls is Unrepresentable:
            return [key], item
        if (cls is dict or cls is list) and (found := _unrepresentable(item)) is not None:
            found[0].append(key)
            return found
    return None


def _mapped(data: Any, parts: Sequence[_Part], replace: Callable[[object], object]) -> Any:
    if not parts:
        return replace(data)
    if isinstance(data, dict):
        return {key: _mapped_child(key, item, parts, replace) for key, item in data.items()}
    if isinstance(data, list):
        return [_mapped_child(key, item, parts, replace) for key, item in enumerate(data)]
    return data


def _mapped_child(key: str | int, item: Any, parts: Sequence[_Part], replace: Callable[[object], object]) -> Any:
    if parts[0].deep:
        item = _mapped(item, parts, replace)
    return _mapped(item, parts[1:], replace) if parts[0].fits(key) else item


def _parts(path: str) -> list[_Part]:
    rest, position, parts = path.removeprefix("$"), 0, list[_Part]()
    while position < len(rest):
        match = _PART.match(rest, position)
        first = position == 0 and rest == path
        if match is None or (match["name"] is not None and not match["dots"] and not first):
            raise RedactionError(path, f"'{rest[position:]}' is no part of a path; write steps.write.attempt 1.output")
        parts.append(_part(match))
        position = match.end()
    if not parts:
        raise RedactionError(path, "the path is empty; write steps.write.attempt 1.output")
    return parts


def _part(match: re.Match[str]) -> _Part:
    deep = match["dots"] == ".."
    if match["index"] is not None:
        return _Part(deep, None, -1 if match["index"] == "*" else int(match["index"]))
    if match["key"] is not None:
        return _Part(deep, re.compile(re.escape(json.loads(match["key"]))), None)
    return _Part(deep, re.compile(".*".join(map(re.escape, match["name"].split("*"))), re.DOTALL), None)


def _nearby(story: Any, parts: Sequence[_Part]) -> str:
    """What there is where the path has come to before it led nowhere."""
    reached: list[Any] = []
    for length in range(len(parts) - 1, 0, -1):
        _mapped(story, parts[:length], reached.append)
        if reached:
            break
    around = reached[0] if reached else story
    keys = ", ".join(map(repr, around)) if isinstance(around, dict) else "no keys"
    return f"; {'the last part that is there has' if reached else 'the story has'} {keys}"
