"""Comments that excuse: what they speak of, that they need a reason, and that they are counted."""

from __future__ import annotations

import pytest

from tests.flujo_testing.lint.marked import HEAD, report_of, test_of

WHY = "# flujo: loose because the exact value is compared in test_snow"


def lines_of(text: str) -> tuple[list[str], list[str]]:
    """The rules that stand, and those that are excused."""
    report = report_of(text)
    return [finding.code for finding in report.findings], [finding.code for finding in report.excused]


def test_a_comment_behind_or_above_an_assertion_excuses_that_one() -> None:
    assert lines_of(test_of(f"assert result.output  {WHY}\nassert result.context")) == (["FL104"], ["FL104"])
    assert lines_of(test_of(f"{WHY}\nassert result.output\nassert result.context")) == (["FL104"], ["FL104"])


def test_a_comment_covers_a_statement_of_several_lines() -> None:
    body = f"assert (  {WHY}\n    result.output\n)\nassert (\n    result.context\n)  {WHY}\n"
    assert lines_of(test_of(body)) == ([], ["FL104", "FL104"])


@pytest.mark.parametrize(
    "head",
    [
        f"{WHY}\nasync def test_rain(flujo_run):",
        f"async def test_rain(flujo_run):  {WHY}",
        f"{WHY}\n@pytest.mark.slow\nasync def test_rain(flujo_run):",
        f"async def test_rain(\n    flujo_run,  {WHY}\n):",
    ],
)
def test_a_comment_at_the_head_of_a_test_excuses_the_test(head: str) -> None:
    other = test_of("assert result.output").removeprefix(HEAD).replace("test_rain", "test_snow")
    text = test_of("assert result.output\nassert result.context").replace("async def test_rain(flujo_run):", head)
    assert lines_of(text + other) == (["FL104"], ["FL104", "FL104"])


def test_a_comment_before_the_first_statement_excuses_the_file() -> None:
    text = f'"""A file."""\n\n{WHY}\n{test_of("assert result.output")}'
    assert lines_of(text) == ([], ["FL104"])


@pytest.mark.parametrize("comment", ["# flujo: loose", "# flujo: loose because", "# flujo: loose because  "])
def test_an_excuse_without_a_reason_excuses_nothing_and_is_found(comment: str) -> None:
    report = report_of(test_of(f"assert result.output  {comment}"))
    assert [(finding.code, finding.line, finding.column) for finding in report.findings] == [
        ("FL104", 16, 5),
        ("FL001", 16, 27),
    ]
    assert report.findings[1].write == "# flujo: loose because <who compares the exact value, and where>"


def test_an_excuse_that_nobody_needs_is_found() -> None:
    assert lines_of(test_of(f'assert result.output == "rain"  {WHY}')) == (["FL002"], [])


def test_other_comments_and_texts_excuse_nothing() -> None:
    body = f'assert result.output  # loose because I say so\nassert result.context, "{WHY}"'
    assert lines_of(test_of(body)) == (["FL104", "FL104"], [])
