"""The section on why tests failed: one entry for each cause, with the tests that it shows in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from flujo_testing.report.html.element import Element, element
from flujo_testing.report.html.tables import empty, section
from flujo_testing.report.html.texts import counted, cut, signed_dollars
from flujo_testing.report.record import Cause, SuiteRecord

MOST_CAUSES: Final = 50
FIRST_TESTS: Final = 5
MOST_TESTS: Final = 200
MOST_OF_AN_EXAMPLE: Final = 3000
MOST_OF_A_NAME: Final = 300


def causes(record: SuiteRecord) -> Element:
    """The causes, largest first."""
    if not record.causes:
        none = "No test failed for a reason that was looked into." if record.red else "No test failed."
        return section("causes", "Causes", empty(none if record.cases else "No test was run."))
    shown = [_cause(cause, opened=place < 3) for place, cause in enumerate(record.causes[:MOST_CAUSES])]
    left_out = len(record.causes) - len(shown)
    note = element("p", f"{counted(left_out, 'smaller cause')} not shown.", class_="note") if left_out else None
    tests = len({test for cause in record.causes for test in cause.tests})
    told = f"{counted(len(record.causes), 'cause')}, {counted(tests, 'test')}"
    return section("causes", "Causes", *shown, note, told=told)


def _cause(cause: Cause, *, opened: bool) -> Element:
    return element(
        "details",
        element(
            "summary",
            element("h3", cut(cause.title, MOST_OF_A_NAME)),
            element("span", cut(cause.kind, 40), class_="kind"),
            element("span", counted(len(cause.tests), "test"), class_="count"),
            None if cause.usd is None else element("span", signed_dollars(Decimal(cause.usd)), class_="money"),
        ),
        element("div", _steps(cause.steps), _example(cause), _command(cause), *_tests(cause.tests), class_="inside"),
        class_="item find",
        open=opened,
    )


def _steps(steps: tuple[str, ...]) -> Element | None:
    return steps_line(steps) if steps else None


def steps_line(steps: tuple[str, ...]) -> Element:
    """``in the steps write, review``"""
    noun = "in the step" if len(steps) == 1 else "in the steps"
    names = [element("code", cut(step, 120)) for step in steps[:12]]
    more = f"and {len(steps) - 12} more" if len(steps) > 12 else None
    return element("p", noun, *names, more, class_="steps")


def _example(cause: Cause) -> Element | None:
    if not cause.example:
        return None
    return element("pre", cut(cause.example, MOST_OF_AN_EXAMPLE), class_="example", tabindex=0)


def _command(cause: Cause) -> Element | None:
    if not cause.command:
        return None
    code = element("code", cut(cause.command, 600))
    return element("p", element("span", "see it", class_="label"), code, class_="command")


def _tests(tests: Sequence[str]) -> Iterator[Element]:
    """The first ones, and the others folded."""
    yield _names(tests[:FIRST_TESTS])
    if others := tests[FIRST_TESTS:]:
        summary = element("summary", counted(len(others), "more test"))
        yield element("details", summary, _names(others[:MOST_TESTS], left_out=len(others) - MOST_TESTS))


def _names(tests: Sequence[str], left_out: int = 0) -> Element:
    names = [element("li", element("code", cut(test, MOST_OF_A_NAME))) for test in tests]
    if left_out > 0:
        names.append(element("li", f"and {left_out:,} more", class_="note"))
    return element("ul", *names, class_="names")
