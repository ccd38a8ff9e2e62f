"""What branches made of a context becomes one context: law C4, also against a naive reference."""

from __future__ import annotations

import collections
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from flujo.errors import ContextMergeConflict
from flujo.execution.merge import MergeNote, merge_context
from flujo.isolation import State
from tests.flujo.execution.books import Bare, Book, a_book, adds, branched, merged, notes_of, sets

# Nothing, one, many -----------------------------------------------------------------------------------


def test_without_a_merge_the_parent_stays_the_very_state_it_was() -> None:
    base = a_book()
    assert merge_context(base, branched(base, sets(count=7)), "no_merge") == (base, [])


@pytest.mark.parametrize("strategy", ["context_update", "overwrite", "keep_first"])
def test_branches_that_changed_nothing_leave_the_very_state(strategy: str) -> None:
    base = a_book()
    reordered = sets(notes=dict(reversed(base.fork().notes.items())))
    assert merge_context(base, branched(base, lambda book: book.names, reordered), strategy) == (base, [])
    assert merge_context(base, [], strategy) == (base, [])


def test_a_field_changed_in_one_branch_is_taken() -> None:
    book = merged(sets(count=7), adds("c"), sets(fresh=[1]))
    assert (book.count, book.names, book.model_extra) == (
        7,
        ["a", ["b"], "c"],
        {"surplus": {"k": 1}, "fresh": [1]},
    )
    assert notes_of(sets(count=7), adds("c"), sets(fresh=[1])) == [
        MergeNote("count", ("a",)),
        MergeNote("names", ("b",)),
        MergeNote("fresh", ("c",)),
    ]


def test_the_same_change_twice_is_no_conflict() -> None:
    same = sets(count=7, anything={"b": (1,), "a": 2})
    book = merged(same, sets(count=7, anything={"a": 2, "b": [1]}))
    assert (book.count, book.anything) == (7, {"b": (1,), "a": 2})
    assert notes_of(same, sets(count=7)) == [MergeNote("count", ("a", "b")), MergeNote("anything", ("a",))]


def test_what_was_set_is_known_to_be_set() -> None:
    base = State.take(Book(count=2, notes={}))
    assert merged(sets(count=7), sets(price=1.5), base=base).model_fields_set == {"count", "price", "notes"}

    def forget(book: Book) -> None:
        del book.notes
        book.model_fields_set.discard("notes")

    gone = merged(forget, base=base)
    assert (gone.model_fields_set, hasattr(gone, "notes")) == ({"count"}, False)


def test_a_deletion_is_a_change_whatever_was_there() -> None:
    base = State.take(Book(anything="absent", notes={"a": "absent"}))

    def forget(book: Book) -> None:
        del book.anything
        book.notes.pop("a")

    book = merged(forget, sets(count=7), base=base)
    assert (hasattr(book, "anything"), book.notes, book.count) == (False, {}, 7)


def test_knowing_that_a_field_was_set_is_merged_alone() -> None:
    base = State.take(Book())
    state, notes = merge_context(base, branched(base, sets(count=0)), "context_update")
    assert (state.fork().model_fields_set, notes) == ({"count"}, [])


def test_a_private_attribute_is_merged_alone() -> None:
    def born_again(book: Book) -> None:
        book._log.append("again")

    base = a_book()
    state, notes = merge_context(base, branched(base, born_again, lambda book: None), "context_update")
    assert (state.fork()._log, notes) == (["born", "again"], [])


def test_what_cannot_change_is_not_copied_for_those_who_look_at_what_was_merged() -> None:
    base = State.take(Book(count=2, names=["a"]))
    state = merge_context(base, branched(base, sets(count=7), adds("b")), "context_update")[0]
    assert state.atoms == {"count": 7, "price": 0.0, "anything": None}


# Recursion --------------------------------------------------------------------------------------------


def test_what_both_appended_follows_in_declared_order() -> None:
    assert merged(adds("c", ["d"]), lambda book: None, adds("c")).names == ["a", ["b"], "c", ["d"], "c"]


def test_what_both_appended_to_an_empty_list_follows_in_declared_order() -> None:
    base = State.take(Book())
    assert merged(adds(1), adds(1), adds(2), base=base).names == [1, 1, 2]


def test_dicts_are_merged_by_key() -> None:
    def one(book: Book) -> None:
        book.notes["legal"].append(2)
        book.notes["style"]["tone"] = "warm"
        del book.notes["old"]

    def other(book: Book) -> None:
        book.notes["legal"].append(3)
        book.notes["style"]["length"] = 5
        book.notes["new"] = True

    assert merged(one, other).notes == {
        "legal": [1, 2, 3],
        "style": {"tone": "warm", "length": 5},
        "new": True,
    }
    assert merged(one, one).notes == {"legal": [1, 2, 2], "style": {"tone": "warm"}}


def test_models_are_merged_by_field() -> None:
    extra = "mark"

    def one(book: Book) -> None:
        book.page.title = "two"
        book.page.lines.append("y")
        book.page._views.append(1)

    def other(book: Book) -> None:
        book.page.lines.append("z")
        setattr(book.page, extra, 2)
        book.page._views.append(2)

    page = merged(one, other).page
    assert (page.title, page.lines, page.model_extra, page._views) == (
        "two",
        ["x", "y", "z"],
        {"mark": 2},
        [1, 2],
    )
    assert page.model_fields_set == {"title", "lines", "mark"}


def test_the_only_extra_of_a_model_can_be_deleted() -> None:
    def one(book: Book) -> None:
        del book.page.mark
        book.page.title = "two"

    def other(book: Book) -> None:
        del book.page.mark
        book.page.lines.append("y")

    page = merged(one, other).page
    assert (page.model_extra, page.title, page.lines) == ({}, "two", ["x", "y"])


def test_models_without_extras_and_private_attributes_are_merged_too() -> None:
    class Small(BaseModel):
        x: int = 0
        y: int = 0

    base = State.take(Book(anything=Small()))
    small = merged(lambda book: setattr(book.anything, "x", 3), lambda book: setattr(book.anything, "y", 5), base=base)
    assert small.anything == Small(x=3, y=5)
    assert small.anything.model_extra is small.anything.__pydantic_private__


def test_extras_and_private_attributes_are_merged_by_name() -> None:
    def one(book: Book) -> None:
        book._log.append(1)
        book.surplus["a"] = 1

    def other(book: Book) -> None:
        book._log.append(2)
        book.surplus["b"] = 2

    book = merged(one, other)
    assert (book._log, book.surplus) == (["born", 1, 2], {"k": 1, "a": 1, "b": 2})
    assert merged(lambda book: delattr(book, "surplus")).model_extra == {}


def test_a_context_without_extras_and_private_attributes_is_merged() -> None:
    base = State.take(Bare())
    fork = base.fork()
    fork.n = 5
    after = merge_context(base, [("a", base.commit(fork)), ("b", base)], "context_update")[0].fork()
    assert (after.n, after.model_extra, after.__pydantic_private__) == (5, None, None)


def test_a_dict_of_another_kind_stays_of_that_kind() -> None:
    base = State.take(Book(anything=collections.defaultdict(list, a=[1])))
    book = merged(lambda book: book.anything["a"].append(2), lambda book: book.anything["b"].append(3), base=base)
    assert book.anything == {"a": [1, 2], "b": [3]}
    assert book.anything["c"] == []


def test_a_stale_cached_property_is_dropped_by_a_merge() -> None:
    base = a_book()
    fork = base.fork()
    assert fork.length == 2
    base = base.commit(fork)
    assert vars(base.fork())["length"] == 2
    assert merged(adds("c"), base=base).length == 3
    assert merge_context(base, branched(base, lambda book: vars(book).pop("length")), "context_update") == (
        base,
        [],
    )


# Nothing is aliased -----------------------------------------------------------------------------------


def test_a_merged_context_shares_nothing_with_those_it_came_from() -> None:
    base = a_book()
    forks = [base.fork(), base.fork()]
    forks[0].names.append(["c"])
    forks[1].names.append(["d"])
    forks[1].notes["new"] = [5]
    branches = [(name, base.commit(fork)) for name, fork in zip("ab", forks, strict=True)]
    state = merge_context(base, branches, "context_update")[0]
    seen = [*forks, branches[0][1].fork(), branches[1][1].fork(), state.fork()]
    for book in seen:
        book.names[-1].append("leak")
        book.notes.clear()
    assert state.fork().names == ["a", ["b"], ["c"], ["d"]]
    assert state.fork().notes == {**base.fork().notes, "new": [5]}
    assert branches[0][1].fork().names == ["a", ["b"], ["c"]]


def test_what_fields_of_a_branch_share_they_share_after_the_merge() -> None:
    def share(book: Book) -> None:
        book.anything = book.names
        book.names.append("c")

    base = a_book()
    state = merge_context(base, branched(base, share, sets(count=7)), "context_update")[0]
    fork = state.fork()
    fork.anything.append("d")
    after = state.commit(fork).fork()
    assert (after.names, after.count) == (["a", ["b"], "c", "d"], 7)


# Against a naive reference ----------------------------------------------------------------------------

NONE = object()
leaves = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, -0.0, 1.0]) | st.text("ab", max_size=1)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)
steps = st.tuples(st.sampled_from(["append", "put", "drop", "replace"]), st.integers(0, 3), trees)


def naive(was: Any, branches: list[Any]) -> Any:
    """The law, word for word, on JSON values; raises KeyError where there is a conflict."""
    new = [now for now in branches if text(now) != text(was)]
    if not new:
        return was
    if len(new) == 1:
        return new[0]
    if all(isinstance(value, dict) for value in [was, *new]):
        names = {name: None for value in [was, *new] for name in value}
        both = {name: naive(was.get(name, NONE), [value.get(name, NONE) for value in new]) for name in names}
        return {name: value for name, value in both.items() if value is not NONE}
    if all(isinstance(value, list) for value in [was, *new]):
        heads = {text(value[: len(was)]) for value in new}
        if heads == {text(was)}:
            return was + [item for value in new for item in value[len(was) :]]
    if len({text(value) for value in new}) == 1:
        return new[0]
    raise KeyError("conflict")


def text(value: Any) -> str:
    return "nothing" if value is NONE else json.dumps(value, sort_keys=True)


def changed_by(value: Any, step: tuple[str, int, Any]) -> Any:
    """A value after one step, which goes down to where it can be taken."""
    kind, where, fresh = step
    if kind == "replace":
        return fresh
    if isinstance(value, dict):
        name = "xyz"[where % 3]
        if kind == "put":
            return {**value, name: fresh}
        if kind == "drop":
            return {key: item for key, item in value.items() if key != name}
        return {key: changed_by(item, step) if key == name else item for key, item in value.items()}
    return [*value, fresh] if isinstance(value, list) and kind == "append" else value


@settings(max_examples=400, deadline=None)
@given(trees, st.lists(st.lists(steps, max_size=2), min_size=1, max_size=3))
def test_a_merge_is_what_the_law_says(was: Any, plans: list[list[Any]]) -> None:
    values = []
    for plan in plans:
        value = was
        for step in plan:
            value = changed_by(value, step)
        values.append(value)
    try:
        expected = naive(was, values)
    except KeyError:
        expected = NONE
    base = State.take(Book(anything=was))
    changes = [sets(anything=copy.deepcopy(value)) for value in values]
    try:
        outcome = merged(*changes, base=base).anything
    except ContextMergeConflict:
        outcome = NONE
    assert text(outcome) == text(expected)
    changing = [value for value in values if text(value) != text(was)] or [was]
    assert text(merged(*changes, base=base, strategy="overwrite").anything) == text(changing[-1])
    assert text(merged(*changes, base=base, strategy="keep_first").anything) == text(changing[0])
