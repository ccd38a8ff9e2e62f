"""Plain data: no two values look alike, whatever they are, and what has no plain form is not told as if it had."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import itertools
import unicodedata
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

from flujo_testing.transcript import Unrepresentable, plain, render
from flujo_testing.transcript.plain import is_mark, same

NAN, INF = float("nan"), float("inf")


class Colour(enum.StrEnum):
    RED = "red"


class Loose(BaseModel, extra="allow"):
    a: Any = 1


class Names(RootModel[list[str]]):
    pass


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = dataclasses.field(default=0)


DIFFERENT: list[object] = [
    None, "None", "null", "", 0, 0.0, -0.0, False, "0", "false", 1, 1.0, True, "1", "true", NAN, INF, -INF,
    "nan", "inf",
    Decimal("1"), Decimal("1.0"), Decimal("NaN"), b"", b"1", 2**53, 2**53 + 1, str(2**53 + 1),
    -(2**53) - 1, 2**53 + 2.0,
    "\ud800", "\\ud800", "\\\\ud800", {"$text": "\\ud800"}, {"$float": "nan"}, {"$base64": ""}, {"$decimal": "1"},
    unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é"), [], {}, [None], {"a": None}, {"a": 1},
    {1: "a"}, {"1": "a"}, {"$1": "a"}, {True: "a"}, {"true": "a"}, {None: "a"}, {2**60: "a"}, {"\ud800": "a"},
    {"$text \\ud800": "a"}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, [1, [2]], [[1], 2], "a\nb", "a\r\nb", "a\n",
    "a\n\n", "\ta", " a",
    "a\u200bb", "ab", "a\u202eb", "\u00a0", " ", "\x00", "\x85", "\u2028", "\ufeff", "\x1b[31m", "+1",
    "1e3", "0o17", "0x1f",
    "1:30", "~", "yes", "=", "<<", "- a", "# a", "? a", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a",
    "---", "...", "{a: 1}",
]  # fmt: skip


def test_values_that_differ_never_render_equal() -> None:
    texts = [render({"v": plain(value)}) for value in DIFFERENT]
    assert [
        (one, other) for one, other in itertools.combinations(range(len(texts)), 2) if texts[one] == texts[other]
    ] == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ((1, 2), [1, 2]),
        (NAN, {"$float": "nan"}),
        (-INF, {"$float": "-inf"}),
        (Decimal("1.50"), {"$decimal": "1.50"}),
        (b"\x00\x01", {"$base64": "AAE="}),
        (2**53, 2**53),
        (2**53 + 1, {"$int": "9007199254740993"}),
        (-(10**20), {"$int": "-100000000000000000000"}),
        ("a\\\ud800", {"$text": "a\\\\\\ud800"}),
        ({"$a": 1, 2: {"$b": None}}, {"$$a": 1, "$2": {"$$b": None}}),
        (Loose.model_validate({"a": Decimal(2), "b": b"x"}), {"a": {"$decimal": "2"}, "b": {"$base64": "eA=="}}),
        (Point(1, [Colour.RED]), {"x": 1, "y": ["red"]}),
        (Names(["a"]), ["a"]),
        ({Colour.RED: {1}}, {"red": [1]}),
        (dt.date(2020, 2, 29), "2020-02-29"),
        (PurePosixPath("a/b"), "a/b"),
    ],
    ids=repr,
)
def test_values_are_told_by_what_they_hold(value: object, told: object) -> None:
    assert same(plain(value), told)


def test_an_integer_of_more_digits_than_python_writes_is_told_in_hexadecimal() -> None:
    assert plain(-(16**5000)) == {"$int": "-0x1" + "0" * 5000}


def test_what_is_told_shares_nothing_with_the_value() -> None:
    value: dict[str, Any] = {"a": [1, {"b": 2}]}
    told = plain(value)
    value["a"].append(3)
    value["a"][1]["b"] = 4
    assert told == {"a": [1, {"b": 2}]}


def test_what_has_no_plain_form_is_marked_where_it_is() -> None:
    strange = Unrepresentable("$", "it is of type object; use plain data, a pydantic model or a dataclass")
    assert plain({"a": [object()], "b": Point(object())}) == {"a": [strange], "b": {"x": strange, "y": 0}}


def test_a_dataclass_with_a_field_that_was_never_set_has_no_plain_form() -> None:
    point = Point(1)
    del point.x
    assert plain([point]) == [Unrepresentable("$", "its field 'x' was never set")]


def test_keys_that_cannot_be_told_make_their_table_unrepresentable() -> None:
    strange = Unrepresentable("$[(1, 2)]", "its key is neither text, integer, bool nor None")
    assert plain([{(1, 2): 3}]) == [strange]


def test_a_value_that_contains_itself_is_unrepresentable_as_a_whole() -> None:
    value: list[Any] = [0]
    value += [value, value]
    assert plain(value) == Unrepresentable("$[1]", "it contains itself")


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_two_hundred_levels_are_told_and_one_more_is_not() -> None:
    assert plain(deep(200)) == deep(200)
    assert plain(deep(201)).reason == "it is nested deeper than 200 levels"


def test_a_class_is_no_value() -> None:
    assert plain(Point).reason == "it is of type type; use plain data, a pydantic model or a dataclass"


@pytest.mark.parametrize(
    ("data", "marked"),
    [
        ({"$float": "nan"}, True),
        ({"$$float": "nan"}, False),
        ({"$float": "nan", "a": 1}, False),
        ({}, False),
        ("$float", False),
    ],
)
def test_marked_mappings_are_known_by_their_one_key(data: object, marked: bool) -> None:
    assert is_mark(data) is marked


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=3)
    | st.text("\ud800\udfffa\\$")
)
KEYS = st.text(max_size=3) | st.text("$\ud800a\\", max_size=3) | st.integers(-2, 2) | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def identity(value: object) -> object:
    """What tells a value of the strategy from every other."""
    if isinstance(value, list):
        return ("list", *map(identity, value))
    if isinstance(value, dict):
        return ("dict", *((repr(key), identity(item)) for key, item in value.items()))
    return (type(value).__name__, repr(value))


@settings(deadline=None)
@given(VALUES, VALUES)
def test_two_values_are_told_the_same_only_if_they_are(one: object, other: object) -> None:
    assert same(plain(one), plain(other)) is (identity(one) == identity(other))
