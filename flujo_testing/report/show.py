"""The causes of a red run as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flujo_testing.golden.inert import inert
from flujo_testing.report.record import Cause, SuiteRecord

MOST: Final = 10
"""Causes that the summary of pytest shows."""


def headline(record: SuiteRecord) -> str:
    red, causes = len(record.red), len(record.causes)
    return (
        f"{red} of {counted(len(record.cases), 'test')} {'is' if red == 1 else 'are'} red: {counted(causes, 'cause')}"
    )


def lines(record: SuiteRecord, most: int | None = None) -> Iterator[str]:
    """Each cause in a few lines; of more than ``most`` causes the largest."""
    shown = record.causes[:most]
    width = max((len(str(len(cause.tests))) for cause in shown), default=1)
    for cause in shown:
        indent = " " * (width + 1)
        yield inert(f"{len(cause.tests):>{width}} {cause.kind}: {cause.title}{_money(cause)} [{cause.key}]")
        if cause.steps:
            yield inert(f"{indent}in:    {', '.join(cause.steps)}")
        if cause.tests:
            yield inert(f"{indent}first: {cause.tests[0]}")
        yield inert(f"{indent}says:  {cause.example}")
        yield inert(f"{indent}see:   {cause.command}")
    if len(record.causes) > len(shown):
        left = record.causes[len(shown) :]
        tests = len({test for cause in left for test in cause.tests})
        yield f"and {counted(len(left), 'cause')} more of {counted(tests, 'test')}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _money(cause: Cause) -> str:
    if cause.usd is None:
        return ""
    return f" ({'' if cause.usd.startswith('-') else '+'}{cause.usd} USD)"
