"""How a report is told: as lines for a pipe or the summary of pytest, as plain data, as one line of counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from flujo_testing.golden.inert import inert
from flujo_testing.lint.finding import Finding, Report

FORMAT = "flujo-lint/1"


def lines(report: Report) -> Iterator[str]:
    """One line per finding, as editors and CI read it."""
    return (one_line(str(finding)) for finding in report.findings)


def counts(report: Report) -> str:
    """What was found, of how much, and how much of it is excused."""
    files = len({finding.path for finding in report.findings})
    found = f"{_many(len(report.findings), 'finding')} in {_many(files, 'file')}" if files else "nothing loose"
    looked = f"{_many(report.files, 'file')} with {_many(report.tests, 'test')} of pipelines"
    return f"{found}; looked at {looked}; {len(report.excused)} excused by comments"


def as_plain(report: Report) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "format": FORMAT,
        "files": report.files,
        "tests": report.tests,
        "findings": [_plain(finding) for finding in report.findings],
        "excused": [_plain(finding) for finding in report.excused],
    }


def _plain(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "message": finding.message}


def one_line(text: str) -> str:
    """Harmless for a terminal and a CI log, and without line breaks."""
    return inert(text).replace("\n", "\\n")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
