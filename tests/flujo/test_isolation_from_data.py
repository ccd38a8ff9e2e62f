"""The first state of a run: whatever its context was made of stays the caller's, with or without a copy of all."""

from __future__ import annotations

import copy
import enum
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from flujo.context import PipelineContext
from flujo.isolation import State, changed, delta
from flujo.loading import NotCopyable
from flujo.structure import ATOMS
from flujo.validation import newness
from tests.flujo.samples import Ctx, a_context, atoms, normal


class Sub(BaseModel):
    count: int = 0
    note: Any = None
    words: list[str] = []
    more: dict[str, Any] = {}
    grid: list[list[int]] = []


class Wide(PipelineContext):
    text: str = ""
    anything: Any = None
    bare: list[Any] = []
    words: list[str] = ["a"]
    rows: list[dict[str, Any]] = []
    table: dict[int, list[Any]] = Field(default_factory=dict)
    by_pair: dict[tuple[int, int], Any] = {}
    either: list[Any] | dict[str, Any] | None = None
    names: set[int] = set()
    pair: tuple[Any, ...] = ()
    sub: Sub = Sub()
    maybe: Sub | None = None
    subs: list[Sub] = []
    renamed: Sub = Field(default=Sub(), alias="other")


class Careful(Wide):
    """Has a validator, so that nothing is known to be new."""

    @field_validator("words")
    @classmethod
    def kept(cls, words: list[str]) -> list[str]:
        return words


class Odd(PipelineContext):
    model_config = ConfigDict(extra="allow")
    words: list[str] = []
    _log: list[Any] = PrivateAttr(default_factory=list)


class Sharing(PipelineContext):
    __shared__ = frozenset({"client"})
    client: Any = None
    words: list[str] = []


class Kept:
    """Is its own copy."""

    def __deepcopy__(self, memo: Any) -> Kept:
        return self


anything = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text("abc", max_size=1), inner, max_size=3),
        st.tuples(inner, inner),
        st.sets(st.integers(0, 4), max_size=2),
        st.builds(lambda more: Sub(more={"m": more}), inner),
        st.lists(inner, max_size=2).map(lambda twice: [twice, twice]),
    ),
    max_leaves=6,
)
texts = st.lists(st.text("ab", max_size=1), max_size=3)
sub_data = st.fixed_dictionaries(
    {},
    optional={
        "note": anything,
        "words": texts,
        "more": st.dictionaries(st.text("ab", max_size=1), anything, max_size=2),
        "grid": st.lists(st.lists(st.integers(0, 3), max_size=2), max_size=2),
    },
)
subs = st.one_of(sub_data, sub_data.map(Sub.model_validate))
pairs = st.tuples(st.integers(0, 2), st.integers(0, 2))
data_of_wide = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text("ab", max_size=2),
        "anything": anything,
        "bare": st.lists(anything, max_size=3),
        "words": texts,
        "rows": st.lists(st.dictionaries(st.text("ab", max_size=1), anything, max_size=2), max_size=3),
        "table": st.dictionaries(st.integers(0, 3), st.lists(anything, max_size=2), max_size=2),
        "by_pair": st.dictionaries(pairs, anything, max_size=2),
        "either": st.one_of(st.none(), st.lists(anything, max_size=2)),
        "names": st.sets(st.integers(0, 4), max_size=2),
        "pair": st.lists(anything, max_size=2).map(tuple),
        "sub": subs,
        "maybe": st.one_of(st.none(), subs),
        "subs": st.lists(subs, max_size=2),
        "other": subs,
    },
)


def mutables(root: object) -> dict[int, object]:
    """Everything that can be changed and is reached from a value, by its id."""
    found: dict[int, object] = {}
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if type(value) in ATOMS or isinstance(value, type | enum.Enum) or id(value) in found:
            continue
        if type(value) not in (tuple, frozenset):
            found[id(value)] = value
        parts = gc.get_referents(value)
        if isinstance(value, BaseModel):
            parts = [value.__dict__, value.__pydantic_extra__, value.__pydantic_private__]
        waiting += parts
    return found


@settings(max_examples=150, deadline=None)
@given(data_of_wide, st.sampled_from([Wide, Careful]), st.booleans())
def test_a_state_begins_as_one_taken_and_shares_nothing_with_the_data(
    data: dict[str, Any], model: type[Wide], alike: bool
) -> None:
    if alike and "rows" in data and data["rows"]:
        data["rows"][0]["again"] = data.get("anything")  # one object in two places
    before = normal(copy.deepcopy(data))
    state = State.begin(model, data)
    taken = State.take(model.model_validate(copy.deepcopy(data)))
    assert normal(state.fork()) == normal(taken.fork())
    assert normal(state.view()) == normal(taken.view())
    assert (state.atoms.keys(), state.tied, state.others) == (taken.atoms.keys(), taken.tied, taken.others)
    assert mutables(state.values).keys().isdisjoint(mutables(data))
    assert normal(data) == before


@pytest.mark.parametrize("model", [Wide, Careful])
def test_what_two_fields_were_given_together_they_share(model: type[Wide]) -> None:
    both = [1]
    state = State.begin(model, {"anything": {"a": both}, "rows": [{"b": both}], "sub": {"more": {"c": both}}})
    fork = state.fork()
    fork.rows[0]["b"].append(2)
    assert (fork.anything, fork.sub.more, both) == ({"a": [1, 2]}, {"c": [1, 2]}, [1])
    assert state.commit(fork).fork().anything == {"a": [1, 2]}


@pytest.mark.parametrize("model", [Wide, Careful])
def test_what_was_given_is_copied_wherever_it_stands(model: type[Wide]) -> None:
    given: list[Any] = [1, {"a": [2]}, 3]
    state = State.begin(
        model,
        {"bare": given, "table": {1: given}, "sub": {"note": given, "more": {"m": given}}, "subs": [Sub(note=given)]},
    )
    given[1]["a"].append("later")
    given.clear()
    fork, kept = state.fork(), [1, {"a": [2]}, 3]
    assert (fork.bare, fork.table, fork.sub, fork.subs) == (
        kept,
        {1: kept},
        Sub(note=kept, more={"m": kept}),
        [Sub(note=kept)],
    )


@pytest.mark.parametrize("model", [Wide, Careful])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("anything", [threading.Lock()]),
        ("bare", [threading.Lock()]),
        ("rows", [{"a": threading.Lock()}]),
        ("sub", {"more": {"a": threading.Lock()}}),
    ],
)
def test_what_cannot_be_copied_is_named(model: type[Wide], name: str, value: object) -> None:
    with pytest.raises(NotCopyable, match=rf"^{model.__name__}\.{name} cannot be copied \(TypeError: cannot pickle"):
        State.begin(model, {name: value})


def test_data_that_do_not_fit_are_refused_as_pydantic_does() -> None:
    with pytest.raises(ValidationError, match=r"words\.0\n  Input should be a valid string"):
        State.begin(Wide, {"words": [1]})


def test_extras_and_private_attributes_begin_as_copies() -> None:
    given = [1]
    state = State.begin(Odd, {"words": ["a"], "more": given})
    fork: Any = state.fork()
    fork.more.append(2)
    fork._log.append(3)
    assert (given, state.fork().model_extra, state.fork()._log) == ([1], {"more": [1]}, [])


def test_what_a_class_shares_is_shared_from_the_beginning() -> None:
    client = threading.Lock()
    state = State.begin(Sharing, {"client": client, "words": ["a"]})
    assert (state.fork().client is client, state.fork().words) == (True, ["a"])


def test_an_object_that_is_its_own_copy_is_held_by_every_fork() -> None:
    kept = Kept()
    for state in (State.begin(Wide, {"anything": kept}), State.take(Wide(anything=kept))):
        assert (state.fork().anything is kept, state.atoms["anything"] is kept) == (True, True)


def test_a_default_is_not_shared_between_two_beginnings() -> None:
    one, other = State.begin(Wide, {}), State.begin(Wide, {})
    assert mutables(one.values).keys().isdisjoint(mutables(other.values))


class Misfits(PipelineContext):
    """Has defaults that do not fit, which pydantic does not look at."""

    grid: list[list[int]] = [1, None]  # type: ignore[list-item]
    tables: dict[str, dict[str, Any]] = {"a": "b"}  # type: ignore[dict-item]
    words: list[str] = None  # type: ignore[assignment]
    rows: list[list[Any]] = [1, None]  # type: ignore[list-item]
    letters: str = Field(default=["a"])  # type: ignore[assignment]


def test_defaults_that_do_not_fit_are_held_as_they_are() -> None:
    state, taken = State.begin(Misfits, {}), State.take(Misfits())
    assert (normal(state.fork()), state.atoms) == (normal(taken.fork()), taken.atoms)
    fork: Any = state.fork()
    fork.letters.append("b")
    assert (fork.letters, vars(state.fork())["letters"]) == (["a", "b"], ["a"])


class Late(PipelineContext):
    model_config = ConfigDict(defer_build=True)
    words: list[str] = []
    next: Late | None = None


def test_a_context_that_was_not_built_yet_is_built() -> None:
    state = State.begin(Late, {"next": {"words": ["a"]}})
    assert state.fork() == Late(next=Late(words=["a"]))


class Letters(PipelineContext):
    text: str = "a"
    count: int = 0
    rate: float = 1.5
    flag: bool = False
    words: list[str] = []
    sub: Sub = Sub()


CONFIGS: list[ConfigDict] = [
    {"strict": True},
    {"extra": "forbid"},
    {"alias_generator": str.upper},
    {"alias_generator": str.upper, "validate_by_name": True, "loc_by_alias": False},
    {"str_strip_whitespace": True, "coerce_numbers_to_str": True},
    {"frozen": True, "validate_default": True, "hide_input_in_errors": True, "title": "Named"},
    {"from_attributes": True, "revalidate_instances": "always"},
]


class Subtext(str): ...


class Subcount(int): ...


GIVEN: list[dict[str, Any]] = [
    {"text": " b ", "words": ("c", "d"), "unknown": 1},
    {"text": 5, "count": True, "rate": 2, "flag": "yes"},
    {"text": Subtext("b"), "count": Subcount(2), "words": [Subtext("c")]},
    {"TEXT": "b", "WORDS": ["c"], "SUB": {"count": 1}},
    {"sub": {"count": "x"}, "words": "c"},
    {"sub": Sub(count=3), "count": 4.0},
]


def held_by(begin: Callable[[dict[str, Any]], State[Any]], data: dict[str, Any]) -> object:
    try:
        held = begin(data).view().__dict__.items()
    except ValidationError as error:
        return str(error), error.title
    return [(name, type(value), value) for name, value in held]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: "+".join(config))
def test_data_are_read_as_the_class_is_configured(config: ConfigDict) -> None:
    model: Any = type("Configured", (Letters,), {"model_config": config})
    new: Any = newness(model)
    assert [name for name, _, _ in new.looks] == ["rate", "words", "sub"]
    for data in GIVEN:
        whole = held_by(lambda data: State.take(model.model_validate(data)), data)
        assert held_by(lambda data: State.begin(model, data), data) == whole


def test_a_context_that_contains_itself_is_not_taken() -> None:
    context = a_context()
    context.anything = [context]
    with pytest.raises(NotCopyable, match=r"^Ctx\.anything contains the context itself; take it out$"):
        State.take(context)


def test_a_fork_can_be_taken() -> None:
    fork = State.take(a_context()).fork()
    fork.items.append(7)
    assert State.take(fork).fork() == Ctx.model_validate(fork)


class Touchy:
    """Counts how often it was looked into."""

    def __init__(self) -> None:
        self.looks = 0

    def __deepcopy__(self, memo: Any) -> Touchy:
        self.looks += 1
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        self.looks += 1
        return super().__reduce_ex__(protocol)

    def __eq__(self, other: object) -> bool:
        self.looks += 1
        return self is other

    def __hash__(self) -> int:
        self.looks += 1
        return 1


def test_touching_one_small_field_looks_at_nothing_else() -> None:
    big = [Touchy() for _ in range(10)]
    state = State.take(Ctx(n=1, table={"a": 1}, anything=big, items=big))
    looks = [item.looks for item in big]
    for _ in range(3):
        before, fork = state, state.fork()
        fork.n += 1
        fork.table["a"] += 1
        state = state.commit(fork)
        assert [state.values[name] is before.values[name] for name in ("n", "table", "anything", "items")] == [
            False,
            False,
            True,
            True,
        ]
        assert [name for name, _, _ in changed(before, state)] == ["n", "table"]
        assert before.with_delta(delta(before, state)).values["n"] == state.values["n"]
        assert [item.looks for item in big] == looks
    assert (state.fork().n, state.fork().table) == (4, {"a": 4})
