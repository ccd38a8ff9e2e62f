"""What differs between two stories is said in the words of the field, and always said."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flujo.structure import MISSING
from flujo_testing.transcript import Difference, differences, plain, render, story_of
from flujo_testing.transcript.difference import WIDTH, arrow, short, shown
from flujo_testing.transcript.plain import same
from tests.flujo_testing.transcript_runs import RUNS

PAID = {"model": "test:a", "input": 120, "output": 40, "usd": "0.00104"}


def texts(expected: dict[str, Any], actual: dict[str, Any]) -> list[str]:
    return [difference.text for difference in differences(expected, actual)]


def in_attempt(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The texts for two stories that differ in the first attempt of ``w``."""
    stories = [{"steps": {"w": {"attempt 1": section}}} for section in (before, after)]
    return texts(*stories)


def in_steps(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return texts({"steps": before}, {"steps": after})


# An attempt ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"paid": PAID}, {}, ["w/attempt:1 is no longer paid: 0.00104 -> 0"]),
        ({}, {"paid": [PAID, PAID]}, ["w/attempt:1 is now paid: 0 -> 0.00104 + 0.00104"]),
        (
            {"paid": PAID}, {"paid": [PAID, PAID]},
            ["w/attempt:1 pays for 2 requests, not 1: 0.00104 -> 0.00104 + 0.00104"],
        ),
        ({"paid": PAID}, {"paid": PAID | {"model": "test:b"}}, ["model of w/attempt:1: test:a -> test:b"]),
        ({"paid": PAID}, {"paid": PAID | {"usd": "0.1"}}, ["paid usd of w/attempt:1: 0.00104 -> 0.1"]),
        ({"paid": PAID}, {"paid": PAID | {"usd": "unknown"}}, ["paid usd of w/attempt:1: 0.00104 -> unknown"]),
        ({"paid": PAID}, {"paid": PAID | {"cache_read": 7}}, ["paid cache_read tokens of w/attempt:1: 0 -> 7"]),
        ({"paid": PAID}, {"paid": PAID | {"outcome": "timeout"}}, ["outcome of w/attempt:1: ok -> timeout"]),
        ({"paid": PAID}, {"paid": PAID | {"usd_from": "table"}}, ["paid usd_from of w/attempt:1: nothing -> table"]),
        ({"paid": PAID}, {"paid": dict(reversed(PAID.items()))}, ["parts of w/attempt:1 are in another order"]),
        (
            {"paid": [PAID, PAID]}, {"paid": [PAID, PAID | {"input": 1}]},
            ["paid input tokens of w/attempt:1/request:2: 120 -> 1"],
        ),
        (
            {"paid": PAID}, {"paid": [PAID]},
            [
                'paid of w/attempt:1: {model: "test:a", input: 120, output: 40, usd: "0.00104"} -> '
                '[{model: "test:a", input: 120, output: 40, usd: "0.00104"}]'
            ],
        ),
        ({"paid": "odd"}, {"paid": PAID}, [
            'paid of w/attempt:1: "odd" -> {model: "test:a", input: 120, output: 40, usd: "0.00104"}'
        ]),
        (
            {"feedback": [{"from": "p", "text": "6 words"}, {"from": "p", "text": "dull"}]},
            {"feedback": [{"from": "p", "text": "dull"}, {"from": "p", "text": "new"}]},
            ['feedback "6 words" no longer reaches w/attempt:1', 'feedback "new" now reaches w/attempt:1'],
        ),
        ({"feedback": [{"from": "p", "text": "a"}]}, {}, ['feedback "a" no longer reaches w/attempt:1']),
        (
            {"feedback": [{"from": "p", "text": "a"}, {"from": "p", "text": "b"}]},
            {"feedback": [{"from": "p", "text": "b"}, {"from": "p", "text": "a"}]},
            ['feedback[0].text of w/attempt:1: "a" -> "b"', 'feedback[1].text of w/attempt:1: "b" -> "a"'],
        ),
        ({"feedback": "odd"}, {}, ['feedback of w/attempt:1: "odd" -> nothing']),
        ({"plugin tone": "accepted"}, {}, ["plugin tone no longer runs in w/attempt:1"]),
        ({}, {"plugin tone": "accepted"}, ["plugin tone now runs in w/attempt:1"]),
        (
            {"plugin tone": "accepted"}, {"plugin tone": {"rejected": "too sad"}},
            ['plugin tone in w/attempt:1: accepted -> rejected "too sad"'],
        ),
        (
            {"plugin tone": {"paid": PAID, "accepted": True}}, {"plugin tone": "accepted"},
            ["w/attempt:1/plugin:tone is no longer paid: 0.00104 -> 0"],
        ),
        (
            {"plugin tone": {"paid": PAID}}, {"plugin tone": {"paid": PAID | {"input": 1}, "rejected": "no"}},
            [
                "paid input tokens of w/attempt:1/plugin:tone: 120 -> 1",
                'plugin tone in w/attempt:1: nothing -> rejected "no"',
            ],
        ),
        ({"plugin tone": 1}, {"plugin tone": 2}, ["plugin tone in w/attempt:1: told 1 -> told 2"]),
        (
            {"plugin tone": "accepted"}, {"plugin tone": {"accepted": True}},
            ['plugin tone of w/attempt:1: "accepted" -> {accepted: true}'],
        ),
        (
            {"plugin a": "accepted", "plugin b": "accepted"}, {"plugin b": "accepted", "plugin a": "accepted"},
            ["plugins run in another order in w/attempt:1"],
        ),
        ({"input_from": "classify"}, {"input_from": "run"}, ["input of w/attempt:1 comes from run, not classify"]),
        ({"input_from": "run"}, {"input": "x y"}, ['input of w/attempt:1 no longer comes from run, it is "x y"']),
        ({"input": "x y"}, {"input_from": "run"}, ['input of w/attempt:1 comes from run, it was "x y"']),
        ({"input": "x"}, {"input": "y"}, ['input of w/attempt:1: "x" -> "y"']),
        ({"input_from": "run"}, {}, ['input_from of w/attempt:1: "run" -> nothing']),
        ({"output": "a"}, {"output": "b"}, ['output of w/attempt:1: "a" -> "b"']),
        ({"output": 1}, {"output": True}, ["output of w/attempt:1: 1 -> true"]),
        ({"output": None}, {}, ["output of w/attempt:1: null -> nothing"]),
        (
            {"output": {"a": [1, {"b": 2}], "c": 3}}, {"output": {"a": [1, {"b": 4}], "d": 3}},
            [
                "output.a[1].b of w/attempt:1: 2 -> 4", "output.c of w/attempt:1: 3 -> nothing",
                "output.d of w/attempt:1: nothing -> 3",
            ],
        ),
        ({"output": [1, 2, 3, 4]}, {"output": [1, 9, 4]}, ["output[1:3] of w/attempt:1: [2, 3] -> [9]"]),
        (
            {"output": [1, 2, 3]}, {"output": [8, 2, 9]},
            ["output[0] of w/attempt:1: 1 -> 8", "output[2] of w/attempt:1: 3 -> 9"],
        ),
        ({"output": [1, 2]}, {"output": [1, 2, 2]}, ["output[2:2] of w/attempt:1: [] -> [2]"]),
        (
            {"output": {"a": 1, "b": 2}}, {"output": {"b": 2, "a": 1}},
            ["keys of output of w/attempt:1 are in another order"],
        ),
        (
            {"output": {"$float": "nan"}}, {"output": {"$float": "inf"}},
            ['output of w/attempt:1: {$float: "nan"} -> {$float: "inf"}'],
        ),
        ({"output": 1, "error": 2}, {"error": 2, "output": 1}, ["parts of w/attempt:1 are in another order"]),
        ({"timeout": "late"}, {"error": "odd"}, [
            'timeout of w/attempt:1: "late" -> nothing', 'error of w/attempt:1: nothing -> "odd"',
        ]),
    ],
)  # fmt: skip
def test_what_changed_in_an_attempt_is_said_in_words(
    before: dict[str, Any], after: dict[str, Any], told: list[str]
) -> None:
    assert in_attempt(before, after) == told


# Steps, branches, the run -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"write": {}}, {}, ["write is gone"]),
        ({}, {"write": {}}, ["write is new"]),
        ({"write": {}}, {"write": 1}, ["write: {} -> 1"]),
        ({"a": {}, "b": {}}, {"b": {}, "a": {}}, ["steps are in another order"]),
        ({"write": {}}, {"write": {"attempt 3": {}}}, ["write/attempt:3 is new"]),
        ({"write": {"fallback small": {"output": 1}}}, {"write": {"fallback small": {"output": 2}}}, [
            "output of write/fallback:small: 1 -> 2"
        ]),
        (
            {"w": {"attempt 1": {"redirect 1 to senior": {}}}}, {"w": {"attempt 1": {"redirect 1 to junior": {}}}},
            ["w/attempt:1/redirect:1 to senior is gone", "w/attempt:1/redirect:1 to junior is new"],
        ),
        ({"r": {"branch legal": {}, "branch b": {}}}, {"r": {"branch b": {}}}, ["r/branch:legal is gone"]),
        (
            {"r": {"branch a": {}, "branch b": {}}}, {"r": {"branch b": {}, "branch a": {}}},
            ["branches of r are in another order"],
        ),
        (
            {"r": {"branch a": {"attempt 1": {"output": 1}}}}, {"r": {"branch a": {"attempt 1": {"output": 2}}}},
            ["output of r/branch:a/a/attempt:1: 1 -> 2"],
        ),
        (
            {"r": {"branch a": {"step x": {"attempt 1": {"output": 1}}, "step y": {}}}},
            {"r": {"branch a": {"step y": {}, "step x": {"attempt 1": {"output": 2}}}}},
            ["output of r/branch:a/x/attempt:1: 1 -> 2", "steps of r/branch:a are in another order"],
        ),
        ({"r": {"branch a": {"failed": "ignored"}}}, {"r": {"branch a": {}}}, [
            'failed of r/branch:a: "ignored" -> nothing'
        ]),
        ({"r": {"attempt 1": {}, "attempt 2": {}}}, {"r": {"attempt 2": {}, "attempt 1": {}}}, [
            "attempts of r are in another order"
        ]),
        ({"a": {}}, {"a": {"status": "failed"}}, ["status of a: completed -> failed"]),
        ({"a": {"status": "stopped"}}, {"a": {"status": "failed"}}, ["status of a: stopped -> failed"]),
        ({"a": {"backoff 1": {"delay_s": 2}}}, {"a": {"backoff 1": {"delay_s": 2.0}}}, [
            "backoff 1.delay_s of a: 2 -> 2.0"
        ]),
        ({"a": {"context": {"drafts": {"appended": ["x"]}}}}, {"a": {}}, [
            'context drafts in a: appended ["x"] -> nothing'
        ]),
        (
            {"a": {"context": {"count": {"was": 1, "now": 2}, "b": {"set": 1}}}},
            {"a": {"context": {"count": {"was": 1, "now": 3}, "b": {"k": {"set": 1}}}}},
            ["context count in a: {was: 1, now: 2} -> {was: 1, now: 3}", "context b in a: set 1 -> {k: {set: 1}}"],
        ),
        ({"a": {"context": {"m": {}, "n": {}}}}, {"a": {"context": {"n": {}, "m": {}}}}, [
            "parts of a are in another order"
        ]),
        ({"a": {"context": 1}}, {"a": {"context": {}}}, ["context of a: 1 -> {}"]),
        ({"a": {"context": {}}}, {"a": {}}, ["context of a: {} -> nothing"]),
        (
            {"a": {"merged": {"by": "overwrite", "count": {"set": 1, "from": ["x"]}}}},
            {"a": {"merged": {"by": "overwrite", "count": {"set": 1, "from": ["y"]}}}},
            ['merged count in a: {set: 1, from: ["x"]} -> {set: 1, from: ["y"]}'],
        ),
    ],
)  # fmt: skip
def test_what_changed_in_the_steps_is_said_in_words(
    before: dict[str, Any], after: dict[str, Any], told: list[str]
) -> None:
    assert in_steps(before, after) == told


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"result": {"status": "completed"}}, {"result": {"status": "failed"}}, ["status completed -> failed"]),
        ({"result": {"output": "a"}}, {"result": {"output": "b"}}, ['output of the run: "a" -> "b"']),
        (
            {"result": {"spent": {"usd": "1", "requests": 2}}},
            {"result": {"spent": {"usd": "3", "cache_read_tokens": 5}}},
            ["spent usd: 1 -> 3", "spent requests: 2 -> 0", "spent cache_read_tokens: 0 -> 5"],
        ),
        ({"result": {"spent": {"usd": 1, "requests": 2}}}, {"result": {"spent": {"requests": 2, "usd": 1}}}, [
            "parts of the run are in another order"
        ]),
        ({"result": {"spent": {"usd": "1"}}}, {"result": {"spent": {"usd": 1}}}, ['spent usd: "1" -> 1']),
        ({"result": {"context": {"a": 1}}}, {"result": {"context": {"a": 2}}}, ["final context.a of the run: 1 -> 2"]),
        ({"result": {"a": 1, "b": 2}}, {"result": {"b": 2, "a": 1}}, ["parts of the result are in another order"]),
        ({"result": 1}, {"result": {}}, ["result of the run: 1 -> {}"]),
        ({"steps": {}}, {}, ["steps of the run: {} -> nothing"]),
        ({"input": "a", "context": {"x": 1}}, {"input": "b", "context": {"x": 2}}, [
            'input of the run: "a" -> "b"', "initial context.x of the run: 1 -> 2",
        ]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ["parts of the run are in another order"]),
        (
            {"result": {"status": "completed"}, "steps": {"a": {"output": 1}}},
            {"result": {"status": "failed"}, "steps": {"a": {"output": 2}}},
            ["output of a: 1 -> 2", "status completed -> failed"],
        ),
    ],
)  # fmt: skip
def test_what_changed_in_the_run_is_said_after_what_changed_in_its_steps(
    before: dict[str, Any], after: dict[str, Any], told: list[str]
) -> None:
    assert texts(before, after) == told


def test_a_difference_says_what_kind_it_is_and_where_with_both_values() -> None:
    before = {"steps": {"a": {"attempt 1": {"paid": PAID, "plugin p": "accepted", "output": {"x": 1, "y": 2}}}}}
    after = {"steps": {"a": {"attempt 1": {"plugin p": {"rejected": "no"}, "output": {"y": 2, "x": 1}}}, "b": {}}}
    assert differences(before, after) == [
        Difference("paid", "a/attempt:1", PAID, MISSING, "a/attempt:1 is no longer paid: 0.00104 -> 0"),
        Difference(
            "verdict",
            "a/attempt:1",
            "accepted",
            {"rejected": "no"},
            'plugin p in a/attempt:1: accepted -> rejected "no"',
        ),
        Difference("order", "a/attempt:1", MISSING, MISSING, "keys of output of a/attempt:1 are in another order"),
        Difference("step", "b", MISSING, {}, "b is new"),
    ]
    assert str(differences(before, after)[0]) == "a/attempt:1 is no longer paid: 0.00104 -> 0"


# How values are shown -----------------------------------------------------------------------------------


def test_of_long_values_the_place_where_they_begin_to_differ_is_shown() -> None:
    was, now = "a" * 100 + "x" + "b" * 100, "a" * 100 + "y" + "b" * 100
    assert arrow(was, now) == f"...{'a' * 20}x{'b' * 59}... -> ...{'a' * 20}y{'b' * 59}..."
    assert arrow("a" * 100, "a" * 101) == f'...{"a" * 20}" -> ...{"a" * 20}a"'
    assert arrow("b", "a" * 100) == f'"b" -> "{"a" * 79}...'


def test_a_value_shown_shortly_ends_where_the_line_is_full() -> None:
    assert short("a" * 100) == '"' + "a" * (WIDTH - 1) + "..."
    assert short(MISSING) == "nothing"


def test_what_a_value_holds_does_nothing_to_a_terminal() -> None:
    assert shown({"a": "\x1b[2J\u202e\n::error::"}) == r'{a: "\x1b[2J\u202e\n::error::"}'


# Never silent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RUNS)
async def test_a_story_does_not_differ_from_itself(name: str) -> None:
    story = story_of(await RUNS[name]())
    assert differences(story, deepcopy(story)) == []


KEYS = st.sampled_from(
    [
        "steps", "result", "context", "merged", "paid", "feedback", "input", "input_from", "status",
        "spent", "output", "usd",
        "text", "by", "a", "$float", "attempt 1", "attempt x", "branch b", "step b", "redirect 1",
        "redirect 1 to s", "plugin p",
        "fallback f", "item 1",
    ]
)  # fmt: skip
SCALARS = st.sampled_from(
    [None, True, 1, 1.0, -0.0, 0.0, "", "1", "a", "accepted", "nothing", "completed", "ok", "0", "a b", "\n"]
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
STORIES = st.dictionaries(KEYS, DATA, max_size=4) | st.fixed_dictionaries(
    {"steps": st.dictionaries(KEYS, st.dictionaries(KEYS, DATA))}
)


@settings(deadline=None, max_examples=100)
@given(STORIES, STORIES)
def test_two_stories_have_no_differences_only_if_they_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (differences(one, other) == []) is same(one, other)
    assert differences(one, one) == []


@settings(deadline=None, max_examples=100)
@given(STORIES, st.data())
def test_one_changed_place_is_never_missed(story: dict[str, Any], data: st.DataObject) -> None:
    other = deepcopy(story)
    place: Any = other
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(list(place)))
        if not isinstance(place[key], dict) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(DATA)
            break
        place = place[key]
    assert (differences(story, other) == []) is (render(plain(story)) == render(plain(other)))
