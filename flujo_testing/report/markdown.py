"""The run in Markdown, for the summary of a CI job.

All that came from tests and models stands in ``<code>`` with every letter that Markdown or HTML could read as an
entity, so it is shown and never obeyed: no table breaks, no link, no mention, no markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from flujo_testing.golden.inert import inert
from flujo_testing.report.record import CaseRecord, Cause, SuiteRecord
from flujo_testing.report.show import counted, headline

MOST: Final = 100
"""Causes that are told: GitHub refuses a summary of more than 1 MiB."""
DEAREST: Final = 5
_READ_BY_MARKDOWN: Final = re.compile(r"[^A-Za-z0-9 ,;/=+.…-]|(?<=www)\.")


def as_markdown(record: SuiteRecord) -> str:
    return "\n".join([*_causes(record), *_costs(record)]) + "\n"


def code(text: str) -> str:
    """The text as one piece of code on one line; nothing in it is markup."""
    shown = " ".join(inert(text).split())
    return f"<code>{_READ_BY_MARKDOWN.sub(lambda match: f'&#{ord(match[0])};', shown)}</code>" if shown else ""


def _causes(record: SuiteRecord) -> Iterator[str]:
    yield "### Flujo"
    yield ""
    if not record.causes:
        yield f"{counted(len(record.cases), 'test')}, none is red."
        return
    yield f"{headline(record)}."
    yield ""
    yield "| tests | kind | cause | steps | first | to see it |"
    yield "| ---: | --- | --- | --- | --- | --- |"
    for cause in record.causes[:MOST]:
        yield _row(cause)
    if (left := len(record.causes) - MOST) > 0:
        yield ""
        yield f"And {counted(left, 'cause')} more."


def _row(cause: Cause) -> str:
    money = "" if cause.usd is None else f" {code(cause.usd)} USD"
    steps = "<br>".join(map(code, cause.steps))
    first = "<br>".join(code(text) for text in (*cause.tests[:1], cause.example) if text)
    return (
        f"| {len(cause.tests)} | {code(cause.kind)} | {code(cause.title)}{money} | {steps} | {first} "
        f"| {code(cause.command)} |"
    )


def _costs(record: SuiteRecord) -> Iterator[str]:
    runs = [run for case in record.cases for run in case.runs]
    if not runs:
        return
    spent = "an unknown amount of" if record.usd is None else code(record.usd)
    yield ""
    yield f"{counted(len(runs), 'run')} of pipelines spent {spent} USD, at the prices of the tests."
    dearest = sorted(record.cases, key=lambda case: (-_amount(case), case.test))[:DEAREST]
    if rows := [f"| {code(case.usd or '')} | {code(case.test)} |" for case in dearest if _amount(case)]:
        yield ""
        yield "| USD | test |"
        yield "| ---: | --- |"
        yield from rows


def _amount(case: CaseRecord) -> Decimal:
    return Decimal(case.usd or 0)
