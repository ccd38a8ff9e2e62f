"""What a failed comparison says, and that it does nothing to a terminal or a CI service."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flujo_testing.golden.failure import MAX_DIFF_LINES, command_line, line_diff, told
from flujo_testing.golden.inert import inert
from flujo_testing.golden.mode import Mode, mode_of


def test_words_come_first_then_lines_then_the_command() -> None:
    text = told("golden/a.yaml tells another story", ["a: 1 -> 2"], "a: 1\nb: 3\n", "a: 2\nb: 3\n", "next: look")
    assert text.splitlines() == [
        "golden/a.yaml tells another story",
        "  a: 1 -> 2",
        "",
        "--- golden",
        "+++ this run",
        "@@ -1,2 +1,2 @@",
        "-a: 1",
        "+a: 2",
        " b: 3",
        "",
        "next: look",
    ]


def test_a_difference_deep_in_a_file_is_shown_with_its_line() -> None:
    old = [f"line {number}" for number in range(1, 10_001)]
    new = [*old[:5000], "another", *old[5001:]]
    assert list(line_diff("\n".join(old), "\n".join(new)))[2:] == [
        "@@ -4998,7 +4998,7 @@",
        " line 4998",
        " line 4999",
        " line 5000",
        "-line 5001",
        "+another",
        " line 5002",
        " line 5003",
        " line 5004",
    ]


def test_texts_that_differ_everywhere_are_not_held_against_each_other() -> None:
    old, new = "old\n" * 50_000, "new\n" * 60_000
    assert list(line_diff(old, new)) == ["(from line 1 on: 50000 lines of the golden, 60000 of this run)"]


def test_a_long_message_is_cut_and_says_so() -> None:
    text = told("head", map(str, range(50)), "", "x\n" * 1000, "next: look")
    assert "  ... and 10 more differences" in text.splitlines()
    assert f"... and {1003 - MAX_DIFF_LINES} more lines" in text.splitlines()


UPDATE = "python -m pytest 'tests/test_a.py::test_b[1]' --golden=update"
ACCEPT = f"next, if this is what it should be: {UPDATE}"


@pytest.mark.parametrize(
    ("mode", "artifacts", "command"),
    [
        (Mode.CHECK, None, ACCEPT),
        (Mode.CHECK, Path("out dir"), f"next: flujo golden review --from 'out dir'; or, to accept it: {UPDATE}"),
        (Mode.PENDING, None, f"next: flujo golden review; or, if this is what it should be: {UPDATE}"),
    ],
)
def test_the_next_command_fits_the_mode(mode: Mode, artifacts: Path | None, command: str) -> None:
    assert command_line(mode, artifacts, "tests/test_a.py::test_b[1]") == command


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x07", "a\\x1b[31mred\\x07"),
        ("a\u202eb\u2066c\u200bd", "a\\u202eb\\u2066c\\u200bd"),
        ("a\rb\x85c\u2028d", "a\\rb\\x85c\\u2028d"),
        ("::error file=a::b", "\\x3a:error file=a::b"),
        ("+ \t::stop-commands::x", "+ \t\\x3a:stop-commands::x"),
        ("a ##[group]b", "a #\\x23[group]b"),
        ("##vso[task.setvariable]x", "#\\x23vso[task.setvariable]x"),
        ("\ud800\x00", "\\ud800\\x00"),
        ("tests/test_a.py::test_b\ncaf\u00e9\tb", "tests/test_a.py::test_b\ncaf\u00e9\tb"),
    ],
)
def test_what_could_act_is_shown_instead(text: str, shown: str) -> None:
    assert inert(text) == shown


@given(st.text(alphabet=st.sampled_from("ab :#[]\n\r\t\x1b\x85\u2028\u202e\u00e9\ud800")))
def test_no_line_of_shown_text_is_a_command(text: str) -> None:
    for line in inert(text).split("\n"):
        assert not line.strip().startswith("::")
        assert "##[" not in line
        assert all(letter == "\t" or letter.isprintable() for letter in line)


@pytest.mark.parametrize(
    ("option", "environ", "mode"),
    [
        (None, {}, Mode.PENDING),
        (None, {"CI": "true"}, Mode.CHECK),
        (None, {"CI": "1"}, Mode.CHECK),
        (None, {"CI": "0"}, Mode.PENDING),
        (None, {"CI": "False"}, Mode.PENDING),
        (None, {"CI": ""}, Mode.PENDING),
        ("update", {"CI": "true"}, Mode.UPDATE),
        ("pending", {"CI": "true"}, Mode.PENDING),
        ("check", {}, Mode.CHECK),
    ],
)
def test_the_mode_is_what_was_asked_for_or_fits_the_place(
    option: str | None, environ: dict[str, str], mode: Mode
) -> None:
    assert mode_of(option, environ) is mode
