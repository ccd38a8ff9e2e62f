"""The gate of the typed programs turns red where a type checker and a program disagree. No checker runs here."""

from __future__ import annotations

import json

import pytest

from tests.types.agreement import disagreements, nothing_seen
from tests.types.checkers import read_mypy, read_pyright
from tests.types.programs import Line, marked, statements

PROGRAM = """import flujo

fits = a >> b
misfit = b >> a  # error
subtle = c >> a  # error: pyright
"""
MISFIT, SUBTLE = Line("rejected/one.py", 4), Line("rejected/one.py", 5)


def test_a_mark_is_for_both_checkers_or_for_the_one_it_names() -> None:
    assert marked({"rejected/one.py": PROGRAM}) == {"mypy": {MISFIT}, "pyright": {MISFIT, SUBTLE}}


@pytest.mark.parametrize("mark", ["# errors", "# error: pyre", "# error here", "# error:"])
def test_a_mark_that_says_something_else_is_refused(mark: str) -> None:
    with pytest.raises(ValueError, match=r"^rejected/one\.py:1: .* is no mark here"):
        marked({"rejected/one.py": f"a = 1  {mark}\n"})


def test_an_accepted_program_has_no_marks() -> None:
    with pytest.raises(ValueError, match=r"^accepted/one\.py:4: '# error' is no mark here"):
        marked({"accepted/one.py": PROGRAM})


def test_a_checker_that_agrees_is_green() -> None:
    assert disagreements("mypy", {MISFIT}, {MISFIT: "unsupported operand"}) == []


def test_a_rejected_line_that_is_accepted_is_red() -> None:
    assert disagreements("pyright", {MISFIT, SUBTLE}, {MISFIT: "no"}) == [
        "rejected/one.py:5: pyright accepts what it should reject"
    ]


def test_an_accepted_line_that_is_rejected_is_red() -> None:
    errors = {MISFIT: "no", Line("rejected/one.py", 3): "bad >>", Line("accepted/one.py", 7): "bad call"}
    assert disagreements("mypy", {MISFIT}, errors) == [
        "accepted/one.py:7: mypy rejects it: bad call",
        "rejected/one.py:3: mypy rejects it: bad >>",
    ]


def test_a_gate_that_looked_at_nothing_is_red() -> None:
    assert nothing_seen(3, {"mypy": {MISFIT}, "pyright": {MISFIT}}) == []
    assert nothing_seen(0, {"mypy": set(), "pyright": {MISFIT}}) == [
        "no statement of accepted/ was looked at",
        "mypy is to reject no line of rejected/",
    ]


def test_statements_are_counted_without_imports_definitions_and_docstrings() -> None:
    text = '"""Says what it is."""\nimport flujo\n\ndef f() -> int:\n    """Three."""\n    return 3\n\na = f()\nf()\n'
    assert statements([text, "b: int = 4\n"]) == 4


def test_errors_of_mypy_are_read_by_line() -> None:
    said = [
        {"file": "tests/types/rejected/one.py", "line": 4, "message": "bad\nmore", "severity": "error"},
        {"file": "tests/types/rejected/one.py", "line": 4, "message": "again", "severity": "error"},
        {"file": "tests/types/rejected/one.py", "line": 5, "message": "a hint", "severity": "note"},
        {"file": "flujo/pipeline.py", "line": 6, "message": "elsewhere", "severity": "error"},
    ]
    assert read_mypy("\n".join(map(json.dumps, said))) == {MISFIT: "bad"}


def test_errors_of_pyright_are_read_by_line_counted_from_one() -> None:
    file = "/a/tests/types/rejected/one.py"
    said = [
        {"file": file, "severity": "error", "message": "bad", "range": {"start": {"line": 3}}},
        {"file": file, "severity": "warning", "message": "a hint", "range": {"start": {"line": 4}}},
    ]
    assert read_pyright(json.dumps({"generalDiagnostics": said})) == {MISFIT: "bad"}
