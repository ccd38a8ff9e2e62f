"""Copies that nobody can tell from a deep copy, and a comparison that tells everything apart."""

from __future__ import annotations

import collections
import copy
import copyreg
import datetime as dt
import decimal
import enum
import re
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import BaseModel, Field, PrivateAttr

from flujo.context import PipelineContext
from flujo.structure import MISSING, Same, clone, same_atom
from tests.flujo.samples import Color, Inner, Point, Slotted, a_context, normal, values


def _kind(value: object) -> str:
    """The id of a parameter: the same in every process, which a repr with an address is not."""
    return type(value).__name__


class Plain:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


class Counted:
    """Says itself how it is copied."""

    def __init__(self, copies: int = 0) -> None:
        self.copies = copies

    def __deepcopy__(self, memo: dict[int, Any]) -> Counted:
        return Counted(self.copies + 1)


class Reduced:
    def __init__(self, parts: list[int]) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return (Reduced, (self.parts,))


class Unreducible:
    __slots__ = ("x",)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise RuntimeError("not this one")


class OwnModel(BaseModel):
    x: list[int] = Field(default=[])

    def __deepcopy__(self, memo: Any = None) -> OwnModel:
        return OwnModel(x=[*self.x, 0])


class Sharing(PipelineContext):
    __shared__ = frozenset({"client", "_lock"})
    client: Any = None
    own: list[int] = Field(default=[])
    _lock: Any = PrivateAttr(default_factory=threading.Lock)
    _unset: int = PrivateAttr()


class Late(BaseModel):
    _never_set: int = PrivateAttr()


class Word(str):
    pass


@settings(max_examples=300, deadline=None)
@given(values)
def test_a_clone_is_what_a_deep_copy_is(value: Any) -> None:
    assert normal(clone(value, {})) == normal(copy.deepcopy(value))


@settings(max_examples=300, deadline=None)
@given(values)
def test_a_clone_is_the_same_as_its_original(value: Any) -> None:
    assert Same()(value, clone(value, {})) is True


@settings(max_examples=300, deadline=None)
@given(values, values)
def test_two_values_are_the_same_if_and_only_if_they_have_the_same_structure(one: Any, other: Any) -> None:
    assert Same()(one, other) is (normal(one) == normal(other))


def test_a_clone_shares_nothing_that_can_be_changed() -> None:
    original = [
        [1],
        {"a": {2}},
        Plain(x=[3]),
        Point(tags=["t"]),
        Inner(xs=[4], more=[5]),
        ([6],),
        {(1,): {3}},
    ]
    before = normal(original)
    copied = clone(original, {})
    copied[0].append(0)
    copied[1]["a"].add(0)
    copied[2].x.append(0)
    copied[3].tags.append("u")
    copied[4].xs.append(0)
    copied[4].more.append(0)
    copied[4]._hidden.append(0)
    copied[5][0].append(0)
    copied[6].clear()
    assert normal(original) == before


@pytest.mark.parametrize(
    "value",
    [
        1,
        "a",
        decimal.Decimal("1.0"),
        dt.date(2024, 1, 1),
        Color.RED,
        (1, ("a", Color.RED)),
        frozenset({1, 2}),
        re.compile("a"),
        len,
        Plain,
        MISSING,
    ],
    ids=_kind,
)
def test_what_cannot_be_changed_is_not_copied(value: object) -> None:
    assert clone(value, {}) is value


def test_cycles_are_kept() -> None:
    rows: list[Any] = [1]
    rows.append((rows,))
    copied = clone(rows, {})
    assert copied[1][0] is copied
    assert copied is not rows
    table: dict[str, Any] = {}
    table["self"] = Plain(table=table)
    again = clone(table, {})
    assert again["self"].table is again


def test_one_tuple_in_a_cycle_stays_one() -> None:
    rows: list[Any] = []
    pair = (rows, 1)
    rows.append(pair)
    copied = clone(pair, {})
    assert copied[0][0] is copied


def test_a_class_says_itself_how_it_is_copied() -> None:
    copied = clone([Counted(), OwnModel(x=[1]), Reduced([1])], {})
    assert (copied[0].copies, copied[1].x, copied[2].parts) == (1, [1, 0], [1])


def test_a_class_whose_copies_are_registered_is_copied_so() -> None:
    class Registered:
        def __init__(self, x: int) -> None:
            self.x = x

    copyreg.pickle(Registered, lambda value: (Registered, (value.x + 1,)))
    try:
        assert clone([Registered(1)], {})[0].x == 2
    finally:
        del copyreg.dispatch_table[Registered]


def test_sets_of_objects_are_copied_with_their_objects() -> None:
    one = Plain()
    copied = clone([{one}, frozenset({one})], {})
    assert copied[0] == set(copied[1])
    assert one not in copied[0]


def test_a_model_is_copied_with_extras_private_attributes_and_what_was_set() -> None:
    copied = clone(a_context(), {})
    assert normal(copied) == normal(copy.deepcopy(a_context()))
    assert clone(Late(), {}).__pydantic_private__ == {}


def test_a_model_made_without_validation_can_be_copied() -> None:
    bare = BaseModel.__new__(Inner)
    for name, value in (
        ("__dict__", {"xs": [1]}),
        ("__pydantic_extra__", None),
        ("__pydantic_fields_set__", {"xs"}),
    ):
        object.__setattr__(bare, name, value)
    copied = clone(bare, {})
    assert (copied.xs, copied.__pydantic_private__) == ([1], None)


def test_what_a_context_within_a_value_shares_stays_shared() -> None:
    held = Sharing(client=threading.Lock(), own=[1])
    copied = clone([held], {})[0]
    assert copied.client is held.client
    assert copied._lock is held._lock
    assert copied.own == [1]
    assert copied.own is not held.own


def test_what_cannot_be_copied_raises_what_deepcopy_raises() -> None:
    with pytest.raises(TypeError, match=r"cannot pickle '_thread\.lock' object"):
        clone({"a": [threading.Lock()]}, {})


def twice(value: Any) -> list[Any]:
    return [value, value]


DIFFERENT = [
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    ("a", Word("a")),
    ([1], (1,)),
    ([1], [1, 2]),
    ([[1]], [[True]]),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({"a": 1}, {"a": 2}),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({1: "a"}, {True: "a"}),
    ({1}, {True}),
    ({1}, {2}),
    ({0.0}, {-0.0}),
    (frozenset({1}), {1}),
    (dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, fold=1)),
    (Point(1), Point(2)),
    (Slotted([1]), Slotted([2])),
    (Inner(xs=[1]), Inner(xs=[2])),
    (Inner(), Inner(xs=[])),
    (Inner(more=1), Inner(more=2)),
    (Color.RED, enum.Enum("Other", "GREEN").GREEN),  # type: ignore[attr-defined]
    (collections.deque([1]), collections.deque([1], maxlen=1)),
    (twice([1]), [[1], [1]]),
    ([[1], [1]], twice([1])),
    (MISSING, None),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=_kind)
def test_what_somebody_could_tell_apart_is_not_the_same(one: object, other: object) -> None:
    assert Same()(one, other) is False
    assert Same()(other, one) is False


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (float("nan"), float("nan")),
        (decimal.Decimal("sNaN"), decimal.Decimal("sNaN")),
        ({1, "a", None}, {None, "a", 1}),
        (collections.defaultdict(list, a=[1]), collections.defaultdict(list, a=[1])),
        (collections.Counter("ab"), collections.Counter("ab")),
        (Reduced([1]), Reduced([1])),
        (twice(frozenset({1, 2})), [frozenset({1, 2}), frozenset({2, 1})]),
        (twice((1, 2)), [(1, 2), tuple(iter([1, 2]))]),
        (Plain(x=[1]), Plain(x=[1])),
        (Slotted([1]), Slotted([1])),
        (Inner(more=1), Inner(more=1)),
        ((dt.UTC, b"a", range(3)), (dt.UTC, b"a", range(3))),
    ],
    ids=_kind,
)
def test_what_nobody_could_tell_apart_is_the_same(one: object, other: object) -> None:
    assert Same()(one, other) is True


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Counted(), Counted()),
        (Unreducible(), Unreducible()),
        (OwnModel(), OwnModel()),
        ({Plain()}, {Plain()}),
        (frozenset({(1, 2)}), frozenset({(1, 2)})),
    ],
    ids=_kind,
)
def test_what_cannot_be_looked_into_is_taken_for_different(one: object, other: object) -> None:
    assert Same()(one, other) is False
    assert Same()(one, one) is True


def test_one_comparison_of_several_pairs_sees_what_they_share() -> None:
    one, other, third = [1], [1], [1]
    apart = Same()
    assert (apart(one, other), apart(one, third)) == (True, False)
    together = Same()
    assert (together(one, other), together(one, other)) == (True, True)


def test_cycles_are_compared() -> None:
    one: list[Any] = []
    one.append(one)
    other = clone(one, {})
    assert Same()(one, other) is True
    assert Same()(one, [other]) is False
    assert Same()([one], other) is False


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def test_what_can_be_copied_can_be_compared() -> None:
    value = deep(500)
    assert Same()(value, clone(value, {})) is True
    assert Same()(value, deep(501)) is False


def test_what_is_nested_too_deep_is_taken_for_different() -> None:
    assert Same()(deep(100_000), deep(100_000)) is False


def test_the_absent_value_says_so() -> None:
    assert repr(MISSING) == "<absent>"


def test_atoms_of_one_type_are_compared_by_value() -> None:
    assert (same_atom(1, 1), same_atom("a", "b"), same_atom(None, 0)) == (True, False, False)


def test_what_has_no_fields_is_cloned_as_deepcopy_does() -> None:
    original = object()
    copied = clone(original, {})
    assert (type(copied), copied is original) == (object, False)
