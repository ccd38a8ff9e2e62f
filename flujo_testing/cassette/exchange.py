"""One request with its answer, as a cassette keeps it: plain data, told apart by what was asked and where.

Only what stands in a field of these records is kept: no headers of requests, no times, no ids of runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flujo.canonical import digest

Data = Mapping[str, Any]
ANYWHERE = "anywhere"
"""The place of what was recorded elsewhere: it answers wherever it is asked."""


@dataclass(frozen=True)
class Exchange:
    """``at`` is where in the pipeline it was asked: the path of the ask, for HTTP with ``/request:n``.

    ``request`` and ``answer`` are JSON data; ``line`` is the one in the file, 0 for an exchange of this test.
    """

    at: str
    request: Data
    answer: Data
    line: int = 0

    @cached_property
    def key(self) -> str:
        """Equal for equal requests: the SHA-256 of the request, its body included."""
        return digest(self.request)

    @property
    def seal(self) -> str:
        """Ties an answer to its place and request: a hand that swaps two answers breaks two seals."""
        return digest({"at": self.at, "request": self.request, "answer": self.answer})

    @property
    def order(self) -> tuple[object, ...]:
        """Where it stands in the file: by place, never by who answered first."""
        numbered = (re.split(r"([0-9]+)", segment) for segment in self.at.split("/"))
        place = tuple(
            tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts if part) for parts in numbered
        )
        return place, self.key
