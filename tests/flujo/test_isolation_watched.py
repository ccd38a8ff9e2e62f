"""What a step looks at in its context is known by name, so that its result holds as long as that stays the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, Field, field_validator

from flujo.canonical import NotRepresentable
from flujo.context import EXTRA, FIELDS_SET, PRIVATE, PipelineContext
from flujo.isolation import State, apply_output, delta, digests_of, updated
from flujo.loading import NAMES, NotCopyable
from tests.flujo.samples import Ctx, a_context, contexts, deeds, do, normal

ALL = {NAMES, EXTRA, PRIVATE, FIELDS_SET, *Ctx.model_fields}


class Plain(PipelineContext):
    n: int = 0
    s: str = ""
    items: list[int] = Field(default=[])
    table: dict[str, int] = Field(default={})


class Careful(Plain):
    @field_validator("n")
    @classmethod
    def kept(cls, n: int) -> int:
        return n


class Checked(Plain):
    model_config = ConfigDict(validate_assignment=True)


def plain(model: type[Plain] = Plain) -> State[Any]:
    return State.take(model(n=1, s="a", items=[1], table={"a": 1}))


LOOKS: dict[str, tuple[Callable[[Any], object], set[str]]] = {
    "nothing": (type, set()),
    "an atom": (lambda context: context.n, {"n"}),
    "a list": (lambda context: context.items, {"items"}),
    "hasattr": (lambda context: hasattr(context, "items"), {"items"}),
    "a private attribute": (lambda context: context._log, {PRIVATE}),
    "an extra": (lambda context: context.surplus, {EXTRA}),
    "no such extra": (lambda context: getattr(context, "nope", 7), {EXTRA}),
    "fields set": (lambda context: context.model_fields_set, {FIELDS_SET}),
    "change in place": (lambda context: context.items.append(1), {"items"}),
    "increment": (lambda context: setattr(context, "n", context.n + 1), {"n", FIELDS_SET}),
    "assignment": (lambda context: setattr(context, "n", 7), {FIELDS_SET}),
    "assignment of what is there": (lambda context: setattr(context, "n", 1), {"n", FIELDS_SET}),
    "assignment of an equal list": (lambda context: setattr(context, "items", [1, [2]]), {"items", FIELDS_SET}),
    "deletion": (lambda context: delattr(context, "items"), ALL),
    "dump": (lambda context: context.model_dump(), ALL),
    "json": (lambda context: context.model_dump_json(), ALL),
    "repr": (repr, ALL),
    "vars": (vars, ALL),
    "iteration": (list, ALL),
    "equality": (lambda context: context == 1 or context == a_context(), ALL),
    "deep copy": (copy.deepcopy, ALL),
    "shallow copy": (copy.copy, ALL),
    "a cached property": (lambda context: context.cache, ALL),
}


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_looked_at_is_put_into_the_reads(look: str) -> None:
    reads: set[str] = set()
    state = State.take(a_context()).watched(reads)
    assert reads == set()
    fork = state.fork()
    do_look, expected = LOOKS[look]
    do_look(fork)
    after = state.commit(fork)
    assert reads == expected
    assert normal(after.unwatched().fork()) == normal(after.fork())


@settings(max_examples=100, deadline=None)
@given(contexts(), st.lists(st.lists(deeds, max_size=3), max_size=3))
def test_a_watched_state_is_equal_to_one_that_is_not(base: Ctx, attempts: list[list[Any]]) -> None:
    state = State.take(base)
    watched = state.watched(set())
    for steps in attempts:
        one, other = state.fork(), watched.fork()
        for deed in steps:
            assert do(one, deed) == do(other, deed)
        state, watched = state.commit(one), watched.commit(other)
        assert normal(watched.fork()) == normal(state.fork())
        assert normal(watched.unwatched().view()) == normal(state.view())


@settings(max_examples=150, deadline=None)
@given(
    contexts(),
    st.lists(st.lists(deeds, min_size=1, max_size=3), min_size=1, max_size=3),
    st.lists(deeds, max_size=4),
)
def test_what_was_read_decides_what_comes_out(base: Ctx, attempts: list[list[Any]], others: list[Any]) -> None:
    def run(state: State[Any]) -> tuple[list[object], State[Any]]:
        told = []
        for steps in attempts:
            fork = state.fork()
            told += [do(fork, deed) for deed in steps]
            state = state.commit(fork)
        return told, state

    start, reads = State.take(base), set[str]()
    told, end = run(start.watched(reads))
    elsewhere = start.fork()
    for deed in others:
        if deed[0] not in ("alias", "cache", "vars"):  # aliases, and what is beside the fields, have no canonical form
            do(elsewhere, deed)
    different = start.commit(elsewhere)
    if held(different, reads) == held(start, reads):
        told_there, end_there = run(different)
        assert told_there == told
        assert normal(different.with_delta(delta(start, end.unwatched())).fork()) == normal(end_there.fork())


def held(state: State[Any], names: set[str]) -> list[object]:
    """What is there under these names."""
    values = {**state.values, NAMES: list(state.values)}
    return [(name, normal(values.get(name))) for name in sorted(names)]


@pytest.mark.parametrize("value", [1, [1]], ids=["an atom", "a list"])
@pytest.mark.parametrize("name", ["beside", "cache", "surplus"], ids=["new", "a cached property", "named as an extra"])
def test_what_stands_beside_the_fields_is_found_and_was_read(name: str, value: object) -> None:
    reads: set[str] = set()
    state = State.take(a_context())
    fork = state.fork()
    vars(fork)[name] = value
    state = state.commit(fork).watched(reads)
    assert (getattr(state.fork(), name), reads) == (value, {name})
    assert normal(state.fork()) == normal(state.unwatched().fork())


def test_what_was_put_beside_the_fields_and_taken_away_again_was_read() -> None:
    """Wherever it is there at first, it is gone afterwards."""
    reads: set[str] = set()
    state = plain().watched(reads)
    fork = state.fork()
    vars(fork)["beside"] = None
    state = state.commit(fork)
    assert "beside" not in reads
    fork = state.fork()
    del vars(fork)["beside"]
    state.commit(fork)
    assert reads == {NAMES, EXTRA, PRIVATE, FIELDS_SET, *Plain.model_fields, "beside"}


def test_what_was_changed_before_is_not_read_any_more() -> None:
    reads: set[str] = set()
    state = plain().watched(reads)
    fork = state.fork()
    fork.n = 7
    state = state.commit(fork)
    assert (state.fork().n, reads) == (7, {FIELDS_SET})


def test_what_becomes_what_it_was_at_first_was_read() -> None:
    reads: set[str] = set()
    state = plain().watched(reads)
    for n in (7, 1):
        fork = state.fork()
        fork.n = n
        state = state.commit(fork)
    assert reads == {"n", FIELDS_SET}


def test_reads_of_states_that_come_from_one_another_go_to_the_same_place() -> None:
    reads: set[str] = set()
    state = plain().watched(reads)
    state = updated(state, {"s": "b"}, "it")
    assert reads == {FIELDS_SET}
    _ = state.fork().items
    state = apply_output(state, {"table": {"a": 1}})
    assert reads == {FIELDS_SET, "items", "table"}
    state = state.with_delta((("n", 1),))
    assert reads == {FIELDS_SET, "items", "table", "n"}
    assert state.unwatched().fork() == Plain(n=1, s="b", items=[1], table={"a": 1})


def test_a_state_that_nobody_watches_tells_nobody() -> None:
    state = plain()
    assert (state.unwatched() is state, digests_of(state, [])) == (True, {})
    assert updated(state, {"s": "b"}, "it").fork() == Plain(n=1, s="b", items=[1], table={"a": 1})


def test_a_field_that_validation_changes_was_read() -> None:
    reads: set[str] = set()
    context = Plain(n=1)
    vars(context)["items"] = ("2",)
    state = updated(State.take(context).watched(reads), {"n": 7}, "it")
    assert (state.values["items"], reads) == ([2], {FIELDS_SET, "items"})


def test_a_validator_of_the_users_may_have_looked_at_everything() -> None:
    reads: set[str] = set()
    updated(plain(Careful).watched(reads), {"s": "b"}, "it")
    assert reads == {NAMES, EXTRA, PRIVATE, FIELDS_SET, *Plain.model_fields}
    checked: set[str] = set()
    plain(Checked).watched(checked).fork().n = 7
    assert checked == reads


def test_two_watch_at_once_and_each_sees_from_its_own_beginning() -> None:
    outer, inner = set[str](), set[str]()
    state = plain().watched(outer)
    fork = state.fork()
    fork.n = 7
    state = state.commit(fork).watched(inner)
    _ = state.fork().n, state.fork().items
    assert (outer, inner) == ({FIELDS_SET, "items"}, {"n", "items"})
    state = state.unwatched()
    _ = state.fork().table
    assert (outer, inner) == ({FIELDS_SET, "items", "table"}, {"n", "items"})
    _ = state.unwatched().fork().s
    assert (outer, inner) == ({FIELDS_SET, "items", "table"}, {"n", "items"})


def test_of_three_that_watch_the_latest_goes_first() -> None:
    all_reads = [set[str](), set[str](), set[str]()]
    state = plain()
    for reads in all_reads:
        state = state.watched(reads)
    for name in ("n", "s", "items"):
        getattr(state.fork(), name)
        state = state.unwatched()
    assert all_reads == [{"n", "s", "items"}, {"n", "s"}, {"n"}]
    assert type(state) is State


def test_a_watched_context_that_holds_itself_is_refused() -> None:
    state = State.take(a_context()).watched(set())
    fork = state.fork()
    fork.items.append(fork)
    with pytest.raises(NotCopyable, match=r"^Ctx\.items contains the context itself; take it out$"):
        state.commit(fork)


def test_a_digest_taken_of_a_watched_state_is_a_read() -> None:
    reads: set[str] = set()
    digests_of(plain().watched(reads), ["items"])
    assert reads == {"items"}


def test_a_context_of_another_class_was_made_of_everything() -> None:
    class Other(Plain): ...

    reads: set[str] = set()
    plain().watched(reads).commit(Other())
    assert reads == {NAMES, EXTRA, PRIVATE, FIELDS_SET, *Plain.model_fields}


def test_what_is_put_together_from_values_is_watched_still() -> None:
    reads: set[str] = set()
    state = plain().watched(reads)
    state = state.assembled({**state.values, "n": 7}, {"n", "s"}, frozenset())
    assert state.atoms == {"n": 7, "s": "a"}
    _ = state.fork().items
    assert reads == {"items"}


def test_digests_are_equal_where_canonical_json_is() -> None:
    one, other = plain(), State.take(Plain(s="b", n=1, table={"a": 1}, items=[2]))
    assert one.values["items"] != other.values["items"]
    first, second = digests_of(one, {"n", "table", NAMES}), digests_of(other, {"n", "table", NAMES})
    assert (first, list(first)) == (second, [NAMES, "n", "table"])
    assert digests_of(one, ["items"]) != digests_of(other, ["items"])
    assert digests_of(one, ["absent"]) == digests_of(other, ["absent"])
    assert len({json.dumps(digests_of(State.take(Ctx(anything=value)), ["anything"])) for value in (None, 1, "1")}) == 3


def test_what_is_absent_has_another_digest_than_none() -> None:
    state = State.take(Ctx())
    fork = state.fork()
    del fork.anything
    gone = state.commit(fork)
    assert digests_of(state, ["anything"]) != digests_of(gone, ["anything"])
    assert digests_of(state, [NAMES]) != digests_of(gone, [NAMES])


def test_what_has_no_canonical_form_is_named() -> None:
    state = State.take(Ctx(anything=[object]))
    with pytest.raises(NotRepresentable, match=r"^\$\.anything\[0\] has no JSON form: it is of type type"):
        digests_of(state, ["anything"])
