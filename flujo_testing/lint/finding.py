"""What the lint finds: one record per weak place, and the table of all rules. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

RULES: Final[Mapping[str, str]] = {
    # comments that excuse
    "FL001": "an excuse without a reason",
    "FL002": "an excuse that excuses nothing",
    # the text of a test
    "FL101": "a test runs a pipeline and compares nothing",
    "FL102": "a bound instead of a value: >= 0, > -1, <= 1000, !=",
    "FL103": "only that something is there: is not None",
    "FL104": "only that something is true, or false",
    "FL105": "only what type something has: isinstance, hasattr",
    "FL106": "only that something is not empty: len(...) > 0",
    "FL107": "only that a text occurs somewhere: in str(...), in result.output",
    "FL108": "any error will do: raises(Exception) without match",
    "FL109": "money is compared by approximation",
    "FL110": "an assertion that always holds",
    "FL111": "a failed assertion is swallowed",
    "FL112": "one of several outcomes will do: or, any, in (...)",
    "FL113": "a thing is compared with itself",
    "FL114": "a value is compared with ANY",
    "FL115": "a golden is redacted to nothing",
    "FL116": "every assertion depends on what the engine returned: in a loop over it, or behind an if on it",
    # what tests did when they ran
    "FL201": "a script was not used up",
    "FL202": "a fake was never called, and nothing says that it must not be",
    "FL203": "a golden of which nothing but replacements is left",
    # a change, as git tells it
    "FL301": "an assertion became weaker",
    "FL302": "an assertion was removed",
    "FL303": "a test was deleted",
    "FL304": "a test no longer runs, or may fail: skip, xfail",
    "FL305": "a golden is no longer compared",
    "FL306": "more of a golden is redacted",
    "FL307": "a tolerance was widened",
    "FL308": "an expected error was widened: its type, or its match",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One place: ``found`` says what is weak about it, ``write`` what to write instead.

    ``path`` is as the user named it, ``line`` and ``column`` count from 1, ``test`` is ``Class.test``, or the
    function that holds the assertion, or "" for a place outside of all.
    """

    path: str
    line: int
    column: int
    code: str
    test: str
    found: str
    write: str

    @property
    def message(self) -> str:
        """One line."""
        where = f"{self.test}: " if self.test else ""
        return f"{where}{self.found}; write: {self.write}"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.code} {self.message}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what was found. ``excused`` were found, too, but a comment says why they stand."""

    findings: tuple[Finding, ...] = ()
    excused: tuple[Finding, ...] = ()
    files: int = 0
    tests: int = 0
    """Tests that run a pipeline."""

    def __add__(self, other: Report) -> Report:
        return Report(
            self.findings + other.findings,
            self.excused + other.excused,
            self.files + other.files,
            self.tests + other.tests,
        )
