"""What the goldens of one run of the tests were found to be. Data only; workers send it to the controller."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    EQUAL = "equal"
    MISSING = "missing"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One story held against its golden.

    ``test`` is the node id of the variant that told it, ``text`` the story as a golden (None if equal),
    ``base`` the SHA-256 of the golden it was compared with (None if there was none).
    """

    path: str
    owner: str
    name: str | None
    test: str
    verdict: Verdict
    digest: str
    base: str | None
    text: str | None


@dataclass(slots=True)
class Findings:
    """By path of the golden and test: the latest comparison, since a rerun counts instead of what it repeats.

    ``unfinished`` are the owners of tests that did not pass, ``files`` the test files that gave tests,
    ``partial`` says that tests were left out.
    """

    comparisons: dict[str, dict[str, Comparison]] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    partial: bool = False

    def add(self, comparison: Comparison) -> None:
        self.comparisons.setdefault(comparison.path, {})[comparison.test] = comparison

    def merge(self, other: Findings) -> None:
        for comparison in other.all():
            self.add(comparison)
        self.unfinished |= other.unfinished
        self.files |= other.files
        self.partial |= other.partial

    def all(self) -> Iterator[Comparison]:
        return (comparison for tests in self.comparisons.values() for comparison in tests.values())

    def count(self, verdict: Verdict) -> int:
        """How many goldens were found to be so by some test."""
        return len({comparison.path for comparison in self.all() if comparison.verdict is verdict})

    def as_plain(self) -> dict[str, Any]:
        """As dicts, lists, text and booleans, which is what pytest-xdist carries."""
        return {
            "comparisons": [asdict(comparison) | {"verdict": comparison.verdict.value} for comparison in self.all()],
            "unfinished": sorted(self.unfinished),
            "files": sorted(self.files),
            "partial": self.partial,
        }


def from_plain(plain: dict[str, Any]) -> Findings:
    findings = Findings(unfinished=set(plain["unfinished"]), files=set(plain["files"]), partial=plain["partial"])
    for row in plain["comparisons"]:
        findings.add(Comparison(**{**row, "verdict": Verdict(row["verdict"])}))
    return findings


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
