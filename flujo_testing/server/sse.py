"""Server-sent events as bytes: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One event; OpenAI's chat completions have no names."""

    name: str | None
    data: Mapping[str, Any]

    def __bytes__(self) -> bytes:
        named = "" if self.name is None else f"event: {self.name}\n"
        return f"{named}data: {json.dumps(self.data)}\n\n".encode()
