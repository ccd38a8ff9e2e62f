"""What differs in decisions, iterations, items, questions and caches is said in the words of the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flujo.events import CacheMissed, Decided, RunResumed, StepEnded
from flujo.structure import MISSING
from flujo_testing.transcript import Difference, differences, story_of
from tests.flujo_testing import composite_runs as runs
from tests.flujo_testing.transcript_runs import retold


def in_step(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    return differences({"steps": {"s": before}}, {"steps": {"s": after}})


def texts(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The texts for two stories that differ in the step ``s``."""
    return [str(found) for found in in_step(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"condition": "sales"}, {"condition": "legal"}, ['s decided "legal" instead of "sales"']),
        ({"condition": 1}, {"condition": True}, ["s decided true instead of 1"]),
        ({"condition": 1}, {}, ["condition of s: 1 -> nothing"]),
        ({"condition": "a" * 100 + "b"}, {"condition": "a" * 100 + "c"}, [
            f'condition of s: ...{"a" * 20}b" -> ...{"a" * 20}c"'
        ]),
        (
            {"iteration 1": {"exit_condition": False}}, {"iteration 1": {"exit_condition": True}},
            ["s/iteration:1 now ends its loop"],
        ),
        (
            {"iteration 1": {"exit_condition": True}}, {"iteration 1": {"exit_condition": False}, "iteration 2": {}},
            ["s runs 2, not 1 iterations", "s/iteration:1 no longer ends its loop"],
        ),
        (
            {"iteration 1": {"exit_condition": True}}, {"iteration 1": {}},
            ["exit_condition of s/iteration:1: true -> nothing"],
        ),
        ({"iteration 1": {}, "iteration 2": {}}, {"iteration 1": {}, "iteration 3": {}}, [
            "s/iteration:2 is gone", "s/iteration:3 is new",
        ]),
        ({"iteration 1": {}, "iteration 2": {}}, {"iteration 2": {}, "iteration 1": {}}, [
            "iterations of s are in another order"
        ]),
        ({"item 1": {}, "item 2": {}}, {"item 2": {}, "item 1": {}}, ["items of s are in another order"]),
        (
            {"items": ["a"], "item 1": {}}, {"items": ["a", "b"], "item 1": {}, "item 2": {}},
            ["s has 2, not 1 items", 'items[1:1] of s: [] -> ["b"]'],
        ),
        ({"items": ["a"]}, {"items_from": "run"}, ['items of s come from run, it was ["a"]']),
        ({"items_from": "run"}, {"items": ["a"]}, ['items of s no longer come from run, it is ["a"]']),
        ({"items_from": "run"}, {"items_from": "write"}, ["items of s come from write, not run"]),
        (
            {"iteration 2": {"iteration_input_mapper": "x y"}}, {"iteration 2": {"iteration_input_mapper_from": "run"}},
            ['iteration_input_mapper of s/iteration:2 comes from run, it was "x y"'],
        ),
        ({"select": ["a", "b"]}, {"select": ["b", "c"]}, ['s no longer selects "a"', 's now selects "c"']),
        ({"select": ["a", "b"]}, {"select": ["b", "a"]}, ['select[0] of s: "a" -> "b"', 'select[1] of s: "b" -> "a"']),
        ({"select": ["a"]}, {"select": [1]}, ['select[0] of s: "a" -> 1']),
        ({"question": "a?"}, {"question": "b?"}, ['question of s: "a?" -> "b?"']),
        ({"question": "a?"}, {}, ['s no longer asks "a?"']),
        ({}, {"question": "a?"}, ['s now asks "a?"']),
        ({"question": "a?"}, {"question_from": "message"}, ['question of s comes from message, it was "a?"']),
        ({"answer": 1}, {"answer": 2}, ["answer of s: 1 -> 2"]),
        ({"answer": 1}, {"status": "paused"}, ["s is no longer answered: 1", "status of s: completed -> paused"]),
        ({"status": "paused"}, {"answer": 1}, ["status of s: paused -> completed", "s is now answered: 1"]),
        ({"cache": "hit"}, {"cache": "miss"}, ["s is no longer taken from the cache"]),
        ({"cache": "miss"}, {"cache": "hit"}, ["s is now taken from the cache"]),
        ({"cache": "miss"}, {}, ['cache of s: "miss" -> nothing']),
    ],
)  # fmt: skip
def test_what_changed_in_a_step_with_others_inside_is_said_in_words(
    before: dict[str, Any], after: dict[str, Any], told: list[str]
) -> None:
    assert texts(before, after) == told


def test_a_part_has_the_path_that_the_engine_gives_it() -> None:
    attempts = [{"attempt 1": {"output": number}} for number in (1, 2)]
    around: list[tuple[Any, str]] = [
        (lambda inner: {"iteration 1": {"step w": inner}}, "s/iteration:1/w"),
        (lambda inner: {"item 2": {"step w": {"branch x": {"step y": inner}}}}, "s/item:2/w/branch:x/y"),
        (lambda inner: {"branch x": {"kind": "pipeline", "step y": inner}}, "s/branch:x/x/y"),
        (lambda inner: {"branch x": {"step y": inner, "branch z": inner}}, "s/branch:x/x/y"),
        (lambda inner: {"branch x": {"iteration 1": {"step y": inner}}}, "s/branch:x/x/iteration:1/y"),
        (lambda inner: {"step w": inner}, "s/w"),
    ]
    for make, path in around:
        assert texts(*map(make, attempts))[0] == f"output of {path}/attempt:1: 1 -> 2"


def test_a_decision_says_what_kind_of_difference_it_is_with_both_values() -> None:
    assert in_step({"condition": 1}, {"condition": 2}) == [
        Difference("decision", "s", 1, 2, "s decided 2 instead of 1")
    ]
    assert in_step({"item 1": {}}, {}) == [Difference("item", "s", 1, 0, "s has 0, not 1 items")]
    assert in_step({"select": []}, {"select": ["x"]}) == [
        Difference("decision", "s", MISSING, "x", 's now selects "x"')
    ]


async def test_another_decision_of_the_same_run_is_named() -> None:
    result = await runs.branched()
    lying = [replace(e, value="legal") if isinstance(e, Decided) else e for e in result.transcript]
    found = [str(difference) for difference in differences(story_of(result), retold(result, lying))]
    assert found == ['route decided "legal" instead of "sales"']


async def test_another_answer_is_named_where_it_was_given_and_where_it_was_put_in() -> None:
    result = await runs.answered()
    lying = [
        replace(event, answers=(("approve", 8),)) if isinstance(event, RunResumed) else event
        for event in result.transcript
    ]
    found = [str(difference) for difference in differences(story_of(result), retold(result, lying))]
    assert found == ["resumed[0].answers.approve of the run: 7 -> 8"]


async def test_a_step_that_is_asked_instead_of_taken_from_the_cache_is_named() -> None:
    result = await runs.cached_twice()
    again = [event for event in result.transcript if event.step.startswith("again")]
    hit, end = again[1:]
    missed = CacheMissed("again", 0.0, "key")
    asked = [replace(event, step="again/polish") for event in result.transcript if event.step == "polish/polish"]
    lying = [told for event in result.transcript for told in ([missed, *asked] if event is hit else [event])]
    found = [str(difference) for difference in differences(story_of(result), retold(result, lying))]
    assert end == StepEnded("again", 0.0, "completed", "rain: fine", None)
    assert found[0] == "again is no longer taken from the cache"
