"""Redaction by path: what a path reaches, what stands there afterwards, and what is said where it reaches nothing."""

from __future__ import annotations

from typing import Any

import pytest

from flujo_testing.transcript import NotTellable, RedactionError, Unrepresentable, redacted
from flujo_testing.transcript.redaction import path_of, refuse_unrepresentable

STORY: dict[str, Any] = {
    "input": "secret",
    "steps": {
        "write": {
            "attempt 1": {"output": {"notes": ["a", {"notes": "b"}]}, "paid": [{"usd": "1"}, {"usd": "2"}]},
            "attempt 2": {"output": "x.y"},
        },
        "a.b": {"attempt 1": {"output": "z", "*": 1, "[0]": 2}},
    },
}


def outputs(path: str) -> list[object]:
    """What the replacing function was given, one after the other."""
    given: list[object] = []
    redacted(STORY, {path: given.append})
    return given


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("input", ["secret"]),
        ("$.input", ["secret"]),
        ("steps.write.attempt 2.output", ["x.y"]),
        ("steps.write.attempt *.output", [{"notes": ["a", {"notes": "b"}]}, "x.y"]),
        ("steps.*.*.output", [{"notes": ["a", {"notes": "b"}]}, "x.y", "z"]),
        ('steps["a.b"].attempt 1.output', ["z"]),
        ('["steps"]["a.b"]["attempt 1"].output', ["z"]),
        ('steps..["*"]', [1]),
        ('$..["[0]"]', [2]),
        ("$..usd", ["1", "2"]),
        ("..usd", ["1", "2"]),
        ("steps..paid[1].usd", ["2"]),
        ("steps..paid[*].usd", ["1", "2"]),
        ("steps.write..[0]", ["a", {"usd": "1"}]),
        ("$..notes[0]", ["a"]),
    ],
)  # fmt: skip
def test_a_path_reaches_what_it_names(path: str, found: list[object]) -> None:
    assert outputs(path) == found


def test_any_characters_may_be_lines() -> None:
    assert redacted({"two\nlines": 1, "two": 2}, {"two*lines": "<n>"}) == {"two\nlines": "<n>", "two": 2}


def test_a_path_that_reaches_into_what_it_reaches_replaces_the_inner_value_first() -> None:
    assert outputs("$..notes") == ["b", ["a", {"notes": None}]]


def test_the_story_itself_stays_as_it_is() -> None:
    story = {"a": {"b": [1, 2]}}
    assert redacted(story, {"a.b[0]": "<b>"}) == {"a": {"b": ["<b>", 2]}}
    assert story == {"a": {"b": [1, 2]}}


def test_replacements_are_told_as_plain_data_and_come_one_after_the_other() -> None:
    told = redacted({"a": 1, "b": "x"}, {"a": lambda value: {"was": (value, float("nan"))}, "a.was[0]": b"", "*": None})
    assert told == {"a": None, "b": None}
    assert redacted({"a": 1}, {"a": lambda value: (value, float("nan"))}) == {"a": [1, {"$float": "nan"}]}


def test_a_value_without_plain_form_can_be_redacted() -> None:
    assert redacted({"a": [Unrepresentable("$.x", "why")]}, {"a[0]": "<a>"}) == {"a": ["<a>"]}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "steps.writ",
            "redaction 'steps.writ': there is nothing at this path; the last part that is there has 'write', 'a.b'",
        ),
        (
            "steps.write.attempt 3.output",
            "redaction 'steps.write.attempt 3.output': there is nothing at this path; "
            "the last part that is there has 'attempt 1', 'attempt 2'",
        ),
        (
            "nothing..at.all",
            "redaction 'nothing..at.all': there is nothing at this path; the story has 'input', 'steps'",
        ),
        (
            "steps..paid[7]",
            "redaction 'steps..paid[7]': there is nothing at this path; the last part that is there has no keys",
        ),
        ("input.x", "redaction 'input.x': there is nothing at this path; the last part that is there has no keys"),
        ("", "redaction '': the path is empty; write steps.write.attempt 1.output"),
        ("$", "redaction '$': the path is empty; write steps.write.attempt 1.output"),
        ("$input", "redaction '$input': 'input' is no part of a path; write steps.write.attempt 1.output"),
        ("a[x]", "redaction 'a[x]': '[x]' is no part of a path; write steps.write.attempt 1.output"),
        ("a[0]b", "redaction 'a[0]b': 'b' is no part of a path; write steps.write.attempt 1.output"),
        ("a.", "redaction 'a.': '.' is no part of a path; write steps.write.attempt 1.output"),
        ("a...b", "redaction 'a...b': '...b' is no part of a path; write steps.write.attempt 1.output"),
        ('a["b]', "redaction 'a[\"b]': '[\"b]' is no part of a path; write steps.write.attempt 1.output"),
        (r'a["\q"]', "redaction 'a[\"\\\\q\"]': '[\"\\q\"]' is no part of a path; write steps.write.attempt 1.output"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_or_cannot_be_read_is_an_error(path: str, message: str) -> None:
    with pytest.raises(RedactionError) as caught:
        redacted(STORY, {path: "x"})
    assert (str(caught.value), caught.value.path) == (message, path)


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        (["steps", "write", "attempt 1", "output", 3, "b"], "steps.write.attempt 1.output[3].b"),
        (["a.b", "*", 'c"', "[0]", ""], r'["a.b"]["*"]["c\""]["[0]"][""]'),
    ],
)
def test_a_path_is_written_as_it_is_read(keys: list[str | int], path: str) -> None:
    written, story = "", "here"  # type: tuple[str, Any]
    for key in keys:
        written = path_of(written, key)
    for key in reversed(keys):
        story = [0, 0, 0, story] if isinstance(key, int) else {key: story}
    given: list[object] = []
    redacted(story, {written: given.append})
    assert (written, given) == (path, ["here"])


def test_the_first_value_without_plain_form_is_named_with_its_path() -> None:
    story = {
        "a": 1,
        "b": {"c": [0, {"d": Unrepresentable("$[2]", "it is odd")}]},
        "e": Unrepresentable("$", "later"),
    }
    with pytest.raises(NotTellable) as caught:
        refuse_unrepresentable(story)
    assert (caught.value.path, caught.value.inner, caught.value.reason) == ("b.c[1].d", "$[2]", "it is odd")
    assert str(caught.value) == (
        "b.c[1].d[2] cannot be told in a golden: it is odd; or redact it: redact={'b.c[1].d': '<redacted>'}"
    )


def test_the_path_of_a_value_without_plain_form_may_begin_with_any_key() -> None:
    with pytest.raises(NotTellable) as caught:
        refuse_unrepresentable({"a.b": Unrepresentable("$", "it is odd")})
    assert caught.value.path == '["a.b"]'


def test_a_story_of_plain_data_is_not_refused() -> None:
    assert refuse_unrepresentable(STORY) is None  # type: ignore[func-returns-value]
