"""The record of one run of a suite: what every test did and cost, and why the red ones are red.

Plain data: text, numbers, tuples. Money is text in plain digits, for it goes through JSON; None is an amount that
nobody knows, never 0. Every text that may come out of a model or a test has been made inert.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from flujo.money import show_usd, total

if TYPE_CHECKING:
    from flujo_testing.review.groups import Changed

FORMAT: Final = "flujo-suite/1"

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
"""``error``: the test was called or not, but its setup, its teardown or its file failed."""


class RecordUnreadable(ValueError):
    """A file that is no record of a run of a suite; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One entry of a ledger. ``step`` is the path of the step that paid; ``outcome`` is that of the transport."""

    step: str
    model: str | None
    outcome: str
    usd: str | None
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of a pipeline. ``usd`` is None where some spend is unknown; ``status`` may be ``not ended``."""

    pipeline: str
    status: str
    usd: str | None
    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """One test. ``test`` is its node id, ``seconds`` the time of all its phases.

    ``message`` is "" for a test that is not red, else the error in a line or more; ``file``, relative to the root of
    the tests, and ``line``, from 1, are where it was raised in the user's code ("" and 0 where nobody can tell);
    ``cause`` is the key of its largest Cause.
    """

    test: str
    outcome: Outcome
    seconds: float
    message: str
    cause: str | None
    runs: tuple[RunRecord, ...]
    file: str = ""
    line: int = 0

    @property
    def is_red(self) -> bool:
        return self.outcome in ("failed", "error")

    @property
    def usd(self) -> str | None:
        """What all runs of the test spent; None if some of it is unknown."""
        return sum_usd(run.usd for run in self.runs)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why tests are red. ``key`` is a short hash that stays the same as long as the cause is.

    ``kind``: golden, law, fake, assertion, error, crash, lint, ... ``steps``: paths of the steps it shows in, sorted;
    ``tests``: node ids, sorted; ``example``: what the first of them says; ``command``: shell-quoted, to see it;
    ``usd``: by how much what is spent changes, None where it is not about money.
    """

    key: str
    title: str
    kind: str
    steps: tuple[str, ...]
    tests: tuple[str, ...]
    example: str
    command: str
    usd: str | None


@dataclass(frozen=True, slots=True)
class SuiteRecord:
    """``cases`` in the order of their node ids, ``causes`` largest first.

    ``audit`` is the last fault audit, by test, then by fault, as in ``golden/audit.yaml``; ``started_at`` is UTC, in
    ISO 8601.
    """

    cases: tuple[CaseRecord, ...]
    causes: tuple[Cause, ...]
    changed: tuple[Changed, ...]
    audit: Mapping[str, Mapping[str, str]] | None
    started_at: str
    seconds: float

    @property
    def red(self) -> tuple[CaseRecord, ...]:
        return tuple(case for case in self.cases if case.is_red)

    @property
    def usd(self) -> str | None:
        """What all runs of all tests spent; None if some of it is unknown."""
        return sum_usd(case.usd for case in self.cases)


def sum_usd(amounts: Iterable[str | None]) -> str | None:
    """Exact; None if one of them is unknown."""
    listed = list(amounts)
    known = [Decimal(amount) for amount in listed if amount is not None]
    return show_usd(total(known)) if len(known) == len(listed) else None


def as_json(record: SuiteRecord) -> str:
    return json.dumps({"format": FORMAT} | asdict(record), indent=1)


def suite_from_json(text: str | bytes, shown: str) -> SuiteRecord:
    """The record in the file that a user knows as ``shown``. Raises RecordUnreadable, whatever the file holds."""
    try:
        told = json.loads(text if isinstance(text, str) else text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RecordUnreadable(f"{shown} is not JSON: {error}") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise RecordUnreadable(f"{shown} is no record of a run in the format '{FORMAT}'")
    return SuiteRecord(**{name: _checked(name, kind, told, shown) for name, kind in _kinds().items()})


@cache
def _kinds() -> dict[str, TypeAdapter[Any]]:
    """Of the fields of a record. What reviews goldens is loaded where a record is read, not where one is made."""
    from flujo_testing.review.groups import Changed

    return {
        "cases": TypeAdapter(tuple[CaseRecord, ...]),
        "causes": TypeAdapter(tuple[Cause, ...]),
        "changed": TypeAdapter(tuple[Changed, ...]),
        "audit": TypeAdapter(Mapping[str, Mapping[str, str]] | None),
        "started_at": TypeAdapter(str),
        "seconds": TypeAdapter(float),
    }


def _checked(name: str, kind: TypeAdapter[Any], told: dict[str, object], shown: str) -> Any:
    if name not in told:
        raise RecordUnreadable(f"{shown} is no record of a run: it has no field '{name}'")
    try:
        return kind.validate_python(told[name])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) if isinstance(part, int) else f"{part!s:.80}" for part in (name, *first["loc"]))
        raise RecordUnreadable(f"{shown} is no record of a run: {where}: {first['msg']}") from None
