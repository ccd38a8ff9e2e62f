"""A delta leads from one state to the other, wherever it is done: to the state itself or to one that is like it."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, Field

from flujo.context import EXTRA, FIELDS_SET, PENDING, PRIVATE, PipelineContext, held_by
from flujo.isolation import State, changed, delta
from flujo.loading import NotCopyable
from flujo.structure import MISSING
from tests.flujo.samples import Ctx, a_context, contexts, deeds, do, normal


class Frozen(PipelineContext):
    model_config = ConfigDict(frozen=True)
    n: int = 1
    bag: list[int] = Field(default=[])


class Checked(PipelineContext):
    model_config = ConfigDict(validate_assignment=True)
    n: int = 1
    items: list[int] = Field(default=[])


class Sharing(PipelineContext):
    __shared__ = frozenset({"client"})
    client: Any = None


def after(state: State[Any], *steps: Any) -> State[Any]:
    fork = state.fork()
    for step in steps:
        step(fork)
    return state.commit(fork)


@settings(max_examples=150, deadline=None)
@given(contexts(), st.lists(st.lists(deeds, max_size=4), min_size=1, max_size=3))
def test_a_delta_leads_from_any_state_to_any_other(base: Ctx, attempts: list[list[Any]]) -> None:
    old = State.take(base)
    new = old
    for steps in attempts:
        fork = new.fork()
        for deed in steps:
            do(fork, deed)
        new = new.commit(fork)
    rows, back = delta(old, new), delta(new, old)
    for start in (old, State.take(copy.deepcopy(base))):
        assert normal(start.with_delta(rows).fork()) == normal(new.fork())
        assert normal(start.with_delta(rows).view()) == normal(new.view())
    assert normal(new.with_delta(back).view()) == normal(old.view())
    used = old.fork()
    do(used, ("deepen", "items", "n", 1))
    old.replay(used, rows)
    assert normal(used) == normal(new.fork())
    assert (old.with_delta(()), delta(new, new)) == (old, ())


def test_rows_name_what_changed_and_nothing_else() -> None:
    state = State.take(a_context())

    def change(context: Any) -> None:
        context.n = 7
        context.items.append(3)
        context._log.append("x")
        context.surplus.append(1)
        _ = context.table

    assert delta(state, after(state, change)) == (
        (EXTRA, {"surplus": [9, 1]}),
        (PRIVATE, {"_log": ["born", "x"]}),
        ("n", 7),
        ("items", [1, [2], 3]),
    )


def test_a_field_that_is_set_for_the_first_time_is_known_to_be_set() -> None:
    state = State.take(Ctx())
    new = after(state, lambda context: setattr(context, "n", 5))
    assert delta(state, new) == ((FIELDS_SET, {"n"}), ("n", 5))
    assert state.with_delta(delta(state, new)).fork().model_fields_set == {"n"}


def test_changes_are_told_by_field_then_by_extra() -> None:
    state = State.take(a_context())
    new = after(state, lambda context: context.surplus.append(1), lambda context: setattr(context, "n", 7))
    assert changed(state, new) == (("n", 1, 7), ("surplus", [9], [9, 1]))
    gone = after(state, lambda context: delattr(context, "surplus"))
    assert changed(state, gone) == (("surplus", [9], MISSING),)


def test_changes_between_classes_are_told_by_the_fields_of_both() -> None:
    class More(Checked):
        more: int | None = 0

    state = State.take(Checked())
    new = state.commit(More(n=1, more=2))
    assert changed(state, new) == (("more", MISSING, 2),)
    assert changed(new, state) == (("more", 2, MISSING),)
    none = state.commit(More(n=1, more=None))
    assert (changed(state, none), changed(none, state)) == ((("more", MISSING, None),), (("more", None, MISSING),))
    other = new.commit(Frozen(n=1, bag=[2]))  # type: ignore[arg-type]
    assert changed(State.take(Checked(n=1)), other) == (("items", [], MISSING), ("bag", MISSING, [2]))


def test_what_was_changed_and_changed_back_is_no_change() -> None:
    state = State.take(a_context())
    there = after(state, lambda context: context.items.append(3))
    back = after(there, lambda context: context.items.pop())
    assert (back is state, delta(state, back)) == (False, ())


def test_a_deleted_field_is_deleted_again() -> None:
    state = State.take(a_context())
    new = after(state, lambda context: delattr(context, "items"))
    assert delta(state, new)[0] == ("items", MISSING)
    assert hasattr(state.with_delta(delta(state, new)).fork(), "items") is False
    assert hasattr(new.with_delta(delta(state, new)).fork(), "items") is False


def test_fields_that_were_put_in_another_order_stand_in_that_order() -> None:
    state = State.take(Checked())
    new = after(state, lambda context: delattr(context, "n"), lambda context: setattr(context, "n", 1))
    assert list(vars(new.fork())) == ["items", "n"]
    assert list(vars(state.with_delta(delta(state, new)).fork())) == ["items", "n"]


@pytest.mark.parametrize("model", [Frozen, Checked])
def test_a_model_that_refuses_or_checks_assignment_is_changed_as_it_was(model: type[Any]) -> None:
    state = State.take(model())
    fork = state.fork()
    vars(fork)["n"] = "not checked"
    new = state.commit(fork)
    assert state.with_delta(delta(state, new)).fork().n == "not checked"


def test_what_fields_share_they_share_again() -> None:
    state = State.take(a_context())

    def share(context: Any) -> None:
        context.anything = [context.items]

    new = after(state, share)
    once = state.with_delta(delta(state, new)).fork()
    assert once.anything[0] is once.items
    longer = after(new, lambda context: context.items.append(7))
    again = new.with_delta(delta(new, longer)).fork()
    assert again.anything[0] is again.items
    assert again.items == [1, [2], 7]


def test_what_fields_share_they_share_after_another_field_was_changed() -> None:
    context = a_context()
    context.anything = [context.items]
    other = after(State.take(context), lambda context: setattr(context, "n", 7))
    longer = after(other, lambda context: context.items.append(3)).fork()
    assert (longer.anything[0] is longer.items, longer.items) == (True, [1, [2], 3])


def test_what_fields_share_is_not_told_where_it_stays_as_it_is() -> None:
    context = a_context()
    context.anything = [context.items]
    state = State.take(context)
    assert delta(state, after(state, lambda context: context.__dict__.update(beside=1))) == (("beside", 1),)


def test_a_delta_is_not_changed_by_what_is_done_afterwards() -> None:
    state = State.take(a_context())
    rows = delta(state, after(state, lambda context: context.items.append(3)))
    done, used = state.with_delta(rows), state.fork()
    state.replay(used, rows)
    for fork in (done.fork(), used):
        fork.items.append("more")
    assert (rows, done.fork().items) == ((("items", [1, [2], 3]),), [1, [2], 3])


def test_what_is_shared_is_not_copied_out_of_a_delta() -> None:
    client = [1]
    state = State.take(Sharing())
    done = state.with_delta((("client", client),))
    assert (done.values["client"] is client, done.fork().client is client) == (True, True)


def test_what_cannot_be_copied_out_of_a_delta_is_named() -> None:
    with pytest.raises(NotCopyable, match=r"^Ctx\.anything cannot be copied \(TypeError: cannot pickle"):
        State.take(Ctx()).with_delta((("anything", [threading.Lock()]),))


def test_a_replayed_context_is_a_fork_of_the_state_still() -> None:
    state = State.take(a_context())
    used = state.fork()
    used.items.append(3)
    used._log.append("gone")
    state.replay(used, (("n", 7),))
    assert set(held_by(used)) == {"n", "s", PENDING}
    new = state.commit(used)
    assert delta(state, new) == (("n", 7),)
    assert new.values["items"] is state.values["items"]
    assert (used.items, used._log) == ([1, [2]], ["born"])
