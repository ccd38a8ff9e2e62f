"""Adds up what the processes of a run of tests reported: one case per test, and why the red ones are red.

Categories of reports are those in which pytest counts them, so reruns and expected failures are told as it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from _pytest._code.code import ExceptionRepr
from pydantic import TypeAdapter

from flujo_testing.golden.inert import inert
from flujo_testing.report.causes import RedTest
from flujo_testing.report.places import Place, place_at
from flujo_testing.report.record import CaseRecord, Outcome, RunRecord
from flujo_testing.report.signs import Sign, message_of_text, normal, sign, sign_of_text
from flujo_testing.report.told import PROPERTY, Told

Report = pytest.TestReport | pytest.CollectReport
Reports = Mapping[str, Iterable[Any]]
"""By category, as the reporter of the terminal keeps them; some categories hold no reports."""

_OUTCOMES: Final[tuple[Outcome, ...]] = ("failed", "error", "xpassed", "xfailed", "skipped", "passed")
"""The strongest first: a test may have passed and fail when it is torn down."""
_WITHOUT: Final = ("", "rerun")
"""Phases that passed on the way, and what was run again, take time as well."""
_PHASES: Final = {"collect": 0, "setup": 1, "call": 2, "teardown": 3}
_TOLD: Final = TypeAdapter(Told)
_WORKER_DOWN: Final = "???"


@dataclass(slots=True)
class Case:
    """A test while its reports are added up."""

    outcomes: set[Outcome] = field(default_factory=set)
    seconds: float = 0.0
    phases: dict[str, Told] = field(default_factory=dict)
    runs: tuple[RunRecord, ...] = ()

    @property
    def failed(self) -> list[Told]:
        return [self.phases[when] for when in sorted(self.phases, key=lambda when: _PHASES.get(when, 2))]


@dataclass(frozen=True, slots=True)
class Gathered:
    """``cases`` by node id as pytest has it; ``started`` in seconds since the epoch."""

    cases: Mapping[str, Case]
    started: float
    seconds: float

    @property
    def red(self) -> tuple[RedTest, ...]:
        return tuple(
            RedTest(test, tuple(_signs(failed))) for test, case in self.cases.items() if (failed := case.failed)
        )

    def records(self, cause_of: Mapping[str, str]) -> tuple[CaseRecord, ...]:
        return tuple(_record(inert(test), case, cause_of) for test, case in sorted(self.cases.items()))


def gathered(reports: Reports, root: Path, began: float) -> Gathered:
    """``root`` is the folder that node ids start from; ``began`` counts where no test was started."""
    cases: dict[str, Case] = {}
    times: list[tuple[float, float]] = []
    for category, report in _those_of_tests(reports):
        case = cases.setdefault(report.nodeid, Case())
        if isinstance(report, pytest.TestReport):
            case.seconds += report.duration
            times.append((report.start, report.stop))
        if category in _OUTCOMES:
            case.outcomes.add(category)
        row = vars(report).get(PROPERTY)
        told = Told() if row is None else _TOLD.validate_json(row)
        if told.runs:
            case.runs = told.runs
        if category in ("failed", "error") and report.failed:
            case.phases.setdefault(report.when or "call", told if told.sign else _told_by(report, root))
    started = min((start for start, _ in times), default=began)
    ended = max((stop for _, stop in times), default=started)
    return Gathered({test: case for test, case in cases.items() if case.outcomes}, started, ended - started)


def _those_of_tests(reports: Reports) -> Iterator[tuple[str, Report]]:
    for category in (*_WITHOUT, *_OUTCOMES):
        for report in reports.get(category, ()):
            if isinstance(report, Report):
                yield category, report


def _record(test: str, case: Case, cause_of: Mapping[str, str]) -> CaseRecord:
    outcome = next(outcome for outcome in _OUTCOMES if outcome in case.outcomes)
    told = case.failed[0] if case.failed else Told()
    return CaseRecord(
        test=test,
        outcome=outcome,
        seconds=case.seconds,
        message="\n".join(failed.message for failed in case.failed),
        cause=cause_of.get(test),
        runs=case.runs,
        file=told.file,
        line=told.line,
    )


def _signs(failed: Iterable[Told]) -> Iterator[Sign]:
    for told in failed:
        assert told.sign is not None, "a phase that failed gives a sign"
        yield told.sign


# What told nothing of itself ----------------------------------------------------------------------------


def _told_by(report: Report, root: Path) -> Told:
    """From what pytest keeps: the test failed before the toolkit was loaded, or nobody was left to tell."""
    text, place = _error_of(report, root)
    first = text.partition("\n")[0]
    if report.when == _WORKER_DOWN:
        found = sign("crash", normal(first), first)
    elif isinstance(report, pytest.CollectReport):
        found = sign("collection", normal(first), first)
    elif isinstance(report.longrepr, str):
        found = sign("outcome", normal(first), first)
    else:
        found = sign_of_text(text, place)
    file, line = (inert(report.nodeid.partition("::")[0]), 0) if place is None else (inert(place.file), place.line)
    return Told(found, message_of_text(text), file, line)


def _error_of(report: Report, root: Path) -> tuple[str, Place | None]:
    if isinstance(report.longrepr, ExceptionRepr) and report.longrepr.reprcrash is not None:
        crash = report.longrepr.reprcrash
        return crash.message, place_at(root / crash.path, crash.lineno, root)
    text = report.longrepr if isinstance(report.longrepr, str) else report.longreprtext
    shown = [line[1:].strip() for line in text.splitlines() if line.startswith("E  ")]
    return (shown[-1] if shown else text), None
