"""A fork is, for whoever holds it, a deep copy; a state keeps what was committed and nobody can reach it."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
)

from flujo.context import PENDING, PipelineContext, held_by
from flujo.isolation import State, changed
from flujo.loading import NotCopyable
from flujo.structure import MISSING, Same
from tests.flujo.samples import Color, Ctx, a_context, contexts, deeds, do, normal

T = TypeVar("T")


class Gen(PipelineContext, Generic[T]):
    value: list[T] = Field(default=[])


class Frozen(PipelineContext):
    model_config = ConfigDict(frozen=True)
    n: int = 1
    items: tuple[int, ...] = ()
    bag: list[int] = Field(default=[], exclude=True)


class Checked(PipelineContext):
    model_config = ConfigDict(validate_assignment=True)
    n: int = 1
    items: list[int] = Field(default=[])


class Copies:
    """Counts how often it was copied."""

    def __init__(self) -> None:
        self.count = 0

    def __deepcopy__(self, memo: Any) -> Copies:
        self.count += 1
        return self


class Whole(BaseModel):
    context: Ctx


LOOKS: dict[str, Callable[[Any], object]] = {
    "type": type,
    "dump": lambda context: context.model_dump(),
    "json": lambda context: context.model_dump_json(),
    "order of json": lambda context: list(json.loads(context.model_dump_json())),
    "what was set": lambda context: context.model_dump(exclude_unset=True),
    "repr": repr,
    "str": str,
    "vars": lambda context: (type(vars(context)), list(vars(context)), vars(context)),
    "dir": dir,
    "iteration": list,
    "fields set": lambda context: context.model_fields_set,
    "extras": lambda context: context.model_extra,
    "an extra": lambda context: context.surplus,
    "a private attribute": lambda context: context._log,
    "all private attributes": lambda context: context.__pydantic_private__,
    "a computed field": lambda context: context.total,
    "a cached property": lambda context: context.cache,
    "pickle": lambda context: pickle.loads(pickle.dumps(context)) == context,
    "shallow copy": lambda context: (
        copy.copy(context) == context,
        copy.copy(context).items is context.items,
    ),
    "deep copy": lambda context: copy.deepcopy(context) == context,
    "copy with an update": lambda context: context.model_copy(update={"n": 5}).model_dump(),
    "validation": lambda context: Ctx.model_validate(context) is context,
    "validation of its dump": lambda context: Ctx.model_validate(context.model_dump()) == context.model_copy(),
    "within another model": lambda context: Whole(context=context).model_dump_json(),
    "hasattr": lambda context: [hasattr(context, name) for name in ("items", "nope", "_log", "surplus")],
    "getattr": lambda context: getattr(context, "nope", 7),
    "object.__getattribute__": lambda context: object.__getattribute__(context, "items"),
    "members": lambda context: [name for name, _ in inspect.getmembers_static(context)],
    "static lookup": lambda context: inspect.getattr_static(context, "items"),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("before", ["nothing", "one field", "everything"])
def test_a_fork_looks_like_a_deep_copy(look: str, before: str) -> None:
    base = a_context()
    oracle, fork = copy.deepcopy(base), State.take(base).fork()
    for context in (oracle, fork):
        if before == "one field":
            context.items.append(3)
        if before == "everything":
            vars(context)
    assert LOOKS[look](fork) == LOOKS[look](oracle)
    assert fork == oracle
    assert oracle == fork


def test_a_fork_fits_a_protocol() -> None:
    @runtime_checkable
    class HasItems(Protocol):
        items: list[Any]

    assert [isinstance(context, HasItems) for context in (State.take(a_context()).fork(), object())] == [
        True,
        False,
    ]


@settings(max_examples=300, deadline=None)
@given(contexts(), st.lists(st.tuples(st.lists(deeds, max_size=5), st.booleans()), min_size=1, max_size=4))
def test_attempts_run_as_on_deep_copies(base: Ctx, attempts: list[tuple[list[Any], bool]]) -> None:
    given_before = normal(base)
    oracle, state = copy.deepcopy(base), State.take(base)
    for steps, accepted in attempts:
        sibling = state.fork()
        mine, theirs = state.fork(), copy.deepcopy(oracle)
        for deed in steps:
            assert do(mine, deed) == do(theirs, deed)
        older = normal(state.view())
        after = state.commit(mine)
        assert normal(mine) == normal(theirs)
        assert normal(state.view()) == older == normal(sibling)
        if accepted:
            state, oracle = after, theirs
            for deed in steps:  # the user kept the context
                do(mine, deed)
        fork = state.fork()
        assert normal(fork) == normal(copy.deepcopy(oracle))
        assert Same()(fork, copy.deepcopy(oracle)) is True
    assert normal(base) == given_before


@settings(max_examples=100, deadline=None)
@given(contexts(), st.lists(deeds, max_size=4))
def test_told_changes_lead_from_one_state_to_the_other(base: Ctx, steps: list[Any]) -> None:
    old = State.take(base)
    fork = old.fork()
    for deed in steps:
        do(fork, deed)
    new = old.commit(fork)
    told = {name: (before, after) for name, before, after in changed(old, new)}
    names = {*Ctx.model_fields, *(base.model_extra or {}), *(fork.model_extra or {})}
    was, now = parts(old.view()), parts(new.view())
    assert {name for name in names if normal(was.get(name)) != normal(now.get(name))} <= told.keys() <= names
    for name, (before, after) in told.items():
        assert (before, after) == (was.get(name, MISSING), now.get(name, MISSING))
        assert Same()(before, after) is False


def parts(context: Any) -> dict[str, Any]:
    fields = {name: value for name, value in vars(context).items() if name in Ctx.model_fields}
    return {**fields, **(context.model_extra or {})}


# What is copied, and when ----------------------------------------------------------------------------


def test_only_what_is_looked_at_is_copied() -> None:
    item = Copies()
    state = State.take(Ctx(items=[item], anything=[1]))
    taken = item.count
    fork = state.fork()
    fork.n += 1
    fork.anything.append(2)
    fork.table = {}
    state = state.commit(fork)
    assert item.count == taken
    _ = state.fork().items
    assert item.count == taken + 1


def test_a_fork_holds_what_cannot_be_changed_and_nothing_else() -> None:
    fork = State.take(a_context()).fork()
    assert set(held_by(fork)) == {"n", "s", PENDING}
    _ = fork.table
    assert set(held_by(fork)) == {"n", "s", "table", PENDING}
    _ = vars(fork)
    assert PENDING not in held_by(fork)


@pytest.mark.parametrize("look", [look for look in LOOKS if look != "a cached property"])
def test_looking_is_no_change(look: str) -> None:
    state = State.take(a_context())
    fork = state.fork()
    LOOKS[look](fork)
    assert state.commit(fork) is state


def test_setting_an_equal_value_is_no_change() -> None:
    state = State.take(Ctx(n=10**20, s="ab", anything=1.5, items=[[1]], tags={1}))
    fork = state.fork()
    fork.n, fork.s, fork.anything = 10**20 + 0, "".join(["a", "b"]), 3 / 2
    assert state.commit(fork) is state
    fork.items, fork.tags = [[1]], {1}
    assert state.commit(fork) is state
    assert state.commit(Ctx(n=10**20, s="ab", anything=1.5, items=[[1]], tags={1})) is state


def test_what_was_not_changed_keeps_its_objects() -> None:
    state = State.take(a_context())
    fork = state.fork()
    fork.items.append(1)
    _ = fork.table
    fork.n = 5
    after = state.commit(fork)
    kept = [name for name in state.values if state.values[name] is after.values[name]]
    assert set(kept) == set(state.values) - {"items", "n"}
    assert [name for name, _, _ in changed(state, after)] == ["n", "items"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (1, True),
        (0.0, -0.0),
        ([1], [True]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1}, {True}),
        ((1,), (1.0,)),
        ((1,), [1]),
    ],
    ids=repr,
)
def test_an_equal_value_of_another_kind_is_a_change(old: object, new: object) -> None:
    state = State.take(Ctx(anything=old))
    fork = state.fork()
    fork.anything = new
    assert repr(state.commit(fork).fork().anything) == repr(new)


# Atoms, containers, what is neither --------------------------------------------------------------------


@pytest.mark.parametrize("first", [1, [1], (1, 2), ([1],), Color.RED, None], ids=repr)
@pytest.mark.parametrize("second", [2, [2], (2, 3), ([2],), Color.RED, None], ids=repr)
def test_a_value_of_any_kind_follows_one_of_any_kind(first: object, second: object) -> None:
    state = State.take(Ctx(anything=first))
    for value in (second, first, second):
        fork = state.fork()
        fork.anything = copy.deepcopy(value)
        state = state.commit(fork)
        state.fork().anything = "discarded"
        assert state.fork().anything == value


def test_what_can_be_changed_is_nobody_elses_in_the_place_of_what_cannot() -> None:
    state = State.take(Ctx(anything=1))
    fork, mine = state.fork(), [1]
    fork.anything = mine
    state = state.commit(fork)
    mine.append(2)
    state.fork().anything.append(3)
    assert (state.fork().anything, set(held_by(state.fork()))) == ([1], {"n", "s", PENDING})


def test_a_field_that_is_set_for_the_first_time_is_known_to_be_set() -> None:
    state = State.take(Ctx())
    fork = state.fork()
    fork.n = 5
    after = state.commit(fork)
    assert after.fork().model_dump(exclude_unset=True) == {"n": 5, "total": 1}
    assert state.fork().model_fields_set == set()
    again = after.fork()
    again.n = 6
    assert (after.commit(again).fork().n, after.commit(again).fields_set) == (6, {"n"})


def test_setting_a_field_to_what_it_is_makes_it_known_to_be_set() -> None:
    state = State.take(Ctx())
    fork = state.fork()
    fork.n = fork.n
    after = state.commit(fork)
    assert after.fork().model_fields_set == {"n"}
    assert changed(state, after) == ()


def test_extras_private_attributes_and_cached_properties_are_private_too() -> None:
    base = a_context()
    assert base.cache == [1]
    state = State.take(base)
    one, other = state.fork(), state.fork()
    one._log.append("x")
    one.surplus.append(1)
    one.cache.append(2)
    assert (other._log, other.surplus, other.cache) == (["born"], [9], [1])
    assert (base._log, base.surplus, base.cache) == (["born"], [9], [1])
    after = state.commit(one).fork()
    assert (after._log, after.surplus, after.cache) == (["born", "x"], [9, 1], [1, 2])


def test_a_new_extra_is_kept_and_known_to_be_set() -> None:
    state = State.take(a_context())
    fork = state.fork()
    fork.fresh = [1]
    after = state.commit(fork)
    assert (after.fork().fresh, "fresh" in after.fields_set) == ([1], True)
    assert changed(state, after) == (("fresh", MISSING, [1]),)


def test_a_deleted_field_stays_deleted() -> None:
    state = State.take(a_context())
    fork = state.fork()
    del fork.items
    with pytest.raises(AttributeError, match=r"^'Ctx' object has no attribute 'items'$"):
        _ = fork.items
    after = state.commit(fork)
    assert hasattr(after.fork(), "items") is False
    assert changed(state, after) == (("items", [1, [2]], MISSING),)


def test_what_was_put_beside_the_fields_is_found() -> None:
    state = State.take(a_context())
    fork = state.fork()
    vars(fork)["beside"] = [1]
    state = state.commit(fork)
    fork = state.fork()
    fork.beside.append(2)
    assert (state.fork().beside, state.commit(fork).fork().beside) == ([1], [1, 2])
    object.__setattr__(fork := state.fork(), "behind", [1])
    assert state.commit(fork).fork().behind == [1]


def test_a_field_removed_behind_the_models_back_comes_back() -> None:
    state = State.take(a_context())
    fork = state.fork()
    object.__delattr__(fork, "n")
    assert (state.commit(fork) is state, fork.n) == (True, 1)
    fork = state.fork()
    object.__delattr__(fork, "n")
    object.__delattr__(fork, "s")
    assert (state.commit(fork) is state, fork.n, fork.s) == (True, 1, "a")


def test_a_field_that_was_removed_behind_the_models_back_may_be_set_again() -> None:
    state = State.take(Ctx(n=1, s="x", anything="x"))
    fork = state.fork()
    object.__delattr__(fork, "s")
    fork.s = "y"
    assert changed(state, state.commit(fork)) == (("s", "x", "y"),)


@pytest.mark.parametrize("look", [type, vars], ids=["one field", "everything"])
def test_a_context_that_holds_itself_is_refused(look: Callable[[Any], object]) -> None:
    state = State.take(a_context())
    fork = state.fork()
    look(fork)
    fork.items.append(fork)
    with pytest.raises(NotCopyable, match=r"^Ctx\.items contains the context itself; take it out$"):
        state.commit(fork)


def test_an_exchange_of_the_whole_dict_is_committed() -> None:
    state = State.take(a_context())
    fork = state.fork()
    object.__setattr__(fork, "__dict__", {"n": 7, "items": [7]})
    after = state.commit(fork).fork()
    assert (vars(after), after.surplus) == ({"n": 7, "items": [7]}, [9])


def test_frozen_generic_and_checking_contexts_stay_what_they_are() -> None:
    frozen = State.take(Frozen(items=(1,), bag=[1])).fork()
    with pytest.raises(ValidationError, match="Instance is frozen"):
        frozen.n = 2
    assert type(State.take(Gen[int](value=[1])).fork()) is Gen[int]
    checked: Any = State.take(Checked(items=[1])).fork()
    with pytest.raises(ValidationError, match="valid integer"):
        checked.n = "no"
    checked.items = ["3"]
    assert checked.items == [3]
