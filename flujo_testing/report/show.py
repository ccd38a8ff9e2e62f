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
    for cause in shown:
        yield inert(f"{counted(len(cause.tests), 'test')}, {cause.kind}: {cause.title}{_money(cause)} [{cause.key}]")
        if cause.steps:
            yield inert(f"    in:    {', '.join(cause.steps)}")
        if cause.tests:
            yield inert(f"    first: {cause.tests[0]}")
        yield inert(f"    says:  {cause.example}")
        yield inert(f"    see:   {cause.command}")
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
