"""Reading JSON that came from outside: what has not the expected shape reads as empty, never as an exception.

Whoever needs a value checks that it is there and says what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Json = Mapping[str, object]


def table(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def rows(value: object) -> Sequence[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def index(value: object) -> int:
    """The place of a part of a streamed answer; the first where none is named."""
    return value if isinstance(value, int) else 0


def excerpt(value: str, size: int = 300) -> str:
    """The beginning of a text that may be a whole page, on one line."""
    line = " ".join(value.split())
    return line if len(line) <= size else f"{line[:size]}…"


def json_or_none(value: bytes | str) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
