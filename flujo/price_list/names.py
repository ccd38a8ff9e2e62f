"""Which names a listed model goes by, and whether a name is really one of them.

Public lists match by parts of names, so that they find a price for nearly anything: that of ``claude-2`` for a
``claude-200`` that nobody has listed. Here a name is taken for a model only if the list matches it *and* what the
list's own text leaves unexplained is a date, a version, or the vendor and region that some providers put in front.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Part = Literal["equals", "starts_with", "ends_with", "contains", "regex"]

# us.anthropic.claude-x, publishers/google/models/gemini-x
_FRONT = re.compile(r"(?:[a-z0-9_-]+[./])*")
# -20250929, -2025-09-29, @20250929, -latest, -v1, -v1:0, :0
_REAR = re.compile(r"(?:[-@]\d{8}|[-@]\d{4}-\d{2}-\d{2}|[-@]latest|-v\d+|:\d+)*")


@dataclass(frozen=True, slots=True)
class Clause:
    """One text that a name is compared with, in lower case."""

    how: Part
    text: str

    def matches(self, name: str) -> bool:
        """As the list does it."""
        return bool(_found(self, name))

    def explains(self, name: str) -> bool:
        """It matches, and the rest of the name says nothing of the model."""
        return any(
            _FRONT.fullmatch(name[: start + name.startswith((".", "/"), start)]) and _REAR.fullmatch(name[end:])
            for start, end in _found(self, name)
        )


@dataclass(frozen=True, slots=True)
class Clauses:
    """``any`` or ``all`` of several clauses."""

    how: Literal["any", "all"]
    clauses: tuple[Match, ...]

    def matches(self, name: str) -> bool:
        decide = any if self.how == "any" else all
        return decide(clause.matches(name) for clause in self.clauses)

    def explains(self, name: str) -> bool:
        return self.matches(name) and any(clause.explains(name) for clause in self.clauses)


Match = Clause | Clauses


def _found(clause: Clause, name: str) -> list[tuple[int, int]]:
    """Where in the name the clause finds its text: start and end of each place."""
    text = clause.text if clause.how == "regex" else clause.text.lower()
    size = len(text)
    match clause.how:
        case "equals":
            return [(0, size)] if name == text else []
        case "starts_with":
            return [(0, size)] if name.startswith(text) else []
        case "ends_with":
            return [(len(name) - size, len(name))] if name.endswith(text) else []
        case "contains":
            text = re.escape(text)
    return [found.span() for found in re.finditer(text, name)]
