"""Annotations: whatever a test or a model says, one line is one command, and reads back to what was said."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given

from flujo_testing.report.github import annotation_of, annotations_of, folder_of, is_asked
from flujo_testing.report.record import Cause
from tests.flujo_testing.report import samples

COMMAND = re.compile(r"::([a-z]+) ([^:]*)::(.*)")


def read_back(line: str) -> tuple[str, dict[str, str], str]:
    """As the runner of GitHub reads a line: the first ``::`` ends the properties, ``,`` separates them."""
    match = COMMAND.fullmatch(line)
    if match is None:
        raise ValueError(f"no command: {line!r}")
    properties = dict(one.split("=", 1) for one in match[2].split(","))
    return match[1], {name: _decoded(value) for name, value in properties.items()}, _decoded(match[3])


def _decoded(text: str) -> str:
    for code, letter in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, letter)
    return text


def test_a_cause_is_an_error_at_the_place_of_its_first_test() -> None:
    record = samples.suite(samples.cause(tests=("a", "tests/test_rain.py::test_it")), cases=(samples.case(test="a"),))
    assert list(annotations_of(record)) == [
        "::error file=tests/test_rain.py,line=7,title=2 tests%2C law::"
        "a metered agent answered, but no entry says what was paid%0Aa%0A"
        "write/attempt:1: a metered agent answered%0Apython -m pytest tests/test_rain.py::test_it"
    ]
    (below,) = annotations_of(record, "backend")
    assert below.startswith("::error file=backend/tests/test_rain.py,line=7,")


def test_where_nobody_knows_the_place_none_is_told() -> None:
    line = annotation_of(samples.cause(tests=()), "", 0)
    assert line.partition("::")[2].partition("::")[0] == "error title=0 tests%2C law"


def test_github_shows_ten_annotations_of_a_step() -> None:
    assert len(list(annotations_of(samples.suite(*[samples.cause()] * 30)))) == 10


@given(samples.causes, samples.inert_texts)
def test_no_text_breaks_out_of_its_line_or_its_place(cause: Cause, file: str) -> None:
    line = annotation_of(cause, file, 7)
    assert len(line.splitlines()) == 1
    command, properties, message = read_back(line)
    assert (command, properties.keys() - {"file"}) == ("error", {"line", "title"})
    assert (properties.get("file", ""), properties["line"]) == (file, "7")
    assert message == "\n".join([cause.title, cause.tests[0], cause.example, cause.command])


def test_only_github_actions_asks_for_them() -> None:
    given = [{}, {"GITHUB_ACTIONS": "true"}, {"GITHUB_ACTIONS": "false"}, {"GITHUB_ACTIONS": "1"}, {"CI": "true"}]
    assert [is_asked(environ) for environ in given] == [False, True, False, False, False]


def test_files_are_told_from_the_root_of_the_repository() -> None:
    root = Path("/repository/backend")
    assert folder_of(root, {"GITHUB_WORKSPACE": "/repository"}) == "backend"
    assert folder_of(root, {"GITHUB_WORKSPACE": "/repository/backend"}) == ""
    assert [folder_of(root, {}), folder_of(root, {"GITHUB_WORKSPACE": "/elsewhere"})] == ["", ""]
