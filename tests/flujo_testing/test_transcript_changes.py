"""How a change of the context reads, and that two different changes never read alike."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flujo.structure import MISSING
from flujo_testing.transcript.changes import change, changes_of, difference_of
from flujo_testing.transcript.plain import same


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (MISSING, 1, {"set": 1}),
        (1, MISSING, {"removed": 1}),
        (1, 2, {"was": 1, "now": 2}),
        (1, True, {"was": 1, "now": True}),
        (None, {"a": 1}, {"was": None, "now": {"a": 1}}),
        ([1], [1, 2, 3], {"appended": [2, 3]}),
        ([1, 2, 3], [1], {"cut": [2, 3]}),
        ([1, 2], [2], {"was": [1, 2], "now": [2]}),
        ([1], [True, 2], {"was": [1], "now": [True, 2]}),
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": {"removed": 1}, "b": {"was": 2, "now": 3}, "c": {"set": 4}}),
        ({"a": {"b": [1]}}, {"a": {"b": [1, 2]}}, {"a": {"b": {"appended": [2]}}}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"order": ["b", "a"]}),
        ({"a": 1}, {"b": 2, "a": 1}, {"b": {"set": 2}, "order": ["b", "a"]}),
        ({"set": 1, "$x": 1}, {"set": 2}, {"$set": {"was": 1, "now": 2}, "$$x": {"removed": 1}}),
        ({"$float": "nan"}, {"$float": "inf"}, {"was": {"$float": "nan"}, "now": {"$float": "inf"}}),
    ],
)  # fmt: skip
def test_a_change_is_told_by_what_became_of_the_value(before: Any, after: Any, told: object) -> None:
    assert change(before, after) == told


def test_a_field_that_was_changed_without_a_word_in_between_shows_both_values() -> None:
    rows = [("a", [1, 2], [1, 2, 3]), ("b", [1], [1, 2])]
    told, fields = changes_of(rows, {"a": [1], "b": [1], "c": 0})
    assert told == {"a": {"was": [1, 2], "now": [1, 2, 3]}, "b": {"appended": [2]}}
    assert fields == {"c": 0, "a": [1, 2, 3], "b": [1, 2]}


def test_a_field_is_told_and_followed_as_plain_data() -> None:
    told, fields = changes_of([("a", Decimal(1), Decimal(2)), ("b", (1,), (1, 2))], {"a": {"$decimal": "1"}, "b": [1]})
    assert told == {"a": {"was": {"$decimal": "1"}, "now": {"$decimal": "2"}}, "b": {"appended": [2]}}
    assert fields == {"a": {"$decimal": "2"}, "b": [1, 2]}


def test_a_field_that_nobody_knew_of_shows_both_values() -> None:
    told, fields = changes_of([("a", [1], [1, 2]), ("b", None, 1)], {})
    assert told == {"a": {"was": [1], "now": [1, 2]}, "b": {"was": None, "now": 1}}
    assert fields == {"a": [1, 2], "b": 1}


def test_a_field_that_is_gone_is_followed_no_longer() -> None:
    told, fields = changes_of([("a", 1, MISSING), ("b", MISSING, 2)], {"a": 1})
    assert told == {"a": {"removed": 1}, "b": {"set": 2}}
    assert fields == {"b": 2}


def test_only_fields_that_differ_are_told() -> None:
    assert difference_of({"a": 1, "b": 2}, {"b": 2, "a": 1.0}) == {"a": {"was": 1, "now": 1.0}}


DATA = st.recursive(
    st.integers(0, 2) | st.sampled_from(["", "a"]) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "set", "was", "$a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=400)
@given(DATA, DATA, DATA)
def test_two_changes_of_one_value_read_alike_only_if_they_lead_to_the_same(before: Any, one: Any, other: Any) -> None:
    if not same(before, one) and not same(before, other):
        assert same(change(before, one), change(before, other)) is same(one, other)
