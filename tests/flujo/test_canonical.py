"""What every value looks like as JSON data, and where a value that has no such form is said to be."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
import math
import re
import uuid
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, RootModel, field_serializer

from flujo.canonical import NotRepresentable, canonical_json, digest, path_segment, to_data


class Color(enum.Enum):
    RED = "red"
    MANY = (1, 2)


class Odd(enum.Enum):
    ONE = object()


class Level(enum.IntEnum):
    LOW = 3


class Word(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Number(int):
    pass


class Real(float):
    pass


Pair = namedtuple("Pair", "left right")


class Note(BaseModel):
    model_config = ConfigDict(extra="allow")
    text: str = Field(default="", alias="body")
    hidden: int = Field(default=2, exclude=True)
    when: dt.date | None = None

    if TYPE_CHECKING:  # extras

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

    @field_serializer("text")
    def shout(self, text: str) -> str:
        return text.upper()


class Names(RootModel[list[str]]):
    pass


@dataclass
class Point:
    x: complex
    tags: list[Color] = field(default_factory=list)


@dataclass(slots=True)
class Slotted:
    x: int = field(init=False)


OFFSET = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, None),
        (True, True),
        (10**40, 10**40),
        ("é\x00\ud800", "é\x00\ud800"),
        (Color.RED, "red"),
        (Color.MANY, [1, 2]),
        (Level.LOW, 3),
        (Word("a"), "a"),
        (Number(5), 5),
        (Real(-0.0), -0.0),
        (Decimal("1.10"), "1.10"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (PurePosixPath("/a/b"), "/a/b"),
        (HttpUrl("http://example.org/x"), "http://example.org/x"),
        (ip_address("::1"), "::1"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.time(1, 2, 3), "01:02:03"),
        (dt.datetime(2024, 2, 29, 1, 2, tzinfo=OFFSET), "2024-02-29T01:02:00+02:00"),
        (dt.timedelta(days=1, microseconds=-1), "PT23H59M59.999999S"),
        (b"\x00\xff", {"$base64": "AP8="}),
        (bytearray(b"\x00\xff"), {"$base64": "AP8="}),
        ((1, [2], ()), [1, [2], []]),
        (Pair(1, 2), [1, 2]),
        (deque([1, 2]), [1, 2]),
        ({"b", "a", 10, 9, (1,)}, ["a", "b", 10, 9, [1]]),
        (frozenset({2, 1}), [1, 2]),
        ({"b": 1, "a": {}}.keys(), ["a", "b"]),
        (OrderedDict(b=1), {"b": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (UserDict({"a": (1,)}), {"a": [1]}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({True: "a", None: "b", -3: "c"}, {"true": "a", "null": "b", "-3": "c"}),
        (
            {2: "a", Level.LOW: "b", Color.RED: "c", Word("w"): "d"},
            {"2": "a", "3": "b", "red": "c", "w": "d"},
        ),
        (Names(["a"]), ["a"]),
        (Point(1, [Color.RED]), {"x": 1, "tags": ["red"]}),
        (
            Note(body="hi", when=dt.date(2024, 1, 1), surplus=(1,)),
            {"text": "hi", "hidden": 2, "when": "2024-01-01", "surplus": [1]},
        ),
    ],
)
def test_a_value_as_data(value: object, data: object) -> None:
    told = to_data(value)
    assert (told, types_in(told)) == (data, types_in(data))


def types_in(data: Any) -> Any:
    """Tells 1 from True and 1.0, and 0.0 from -0.0, which ``==`` does not."""
    if isinstance(data, dict):
        return [(type(key), types_in(item)) for key, item in data.items()]
    if isinstance(data, list):
        return [types_in(item) for item in data]
    return (type(data), math.copysign(1, data)) if isinstance(data, float) else type(data)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [None, True, "é"]}, '{"a":[null,true,"\\u00e9"],"b":1}'),
        ([1, 1.0, True], "[1,1.0,true]"),
        ([0.0, -0.0, 0], "[0.0,-0.0,0]"),
        ([math.nan, math.inf, -math.inf], "[NaN,Infinity,-Infinity]"),
        (["NaN", "\x00", "\ud800", "\u202e"], '["NaN","\\u0000","\\ud800","\\u202e"]'),
        (["\u00e9", "e\u0301"], '["\\u00e9","e\\u0301"]'),
        (10**30, "1" + "0" * 30),
    ],
)
def test_canonical_json_of_a_value(value: object, text: str) -> None:
    assert canonical_json(value) == text


def test_a_digest_is_the_sha_256_of_the_canonical_json() -> None:
    assert digest({"b": (1,), "a": 2}) == hashlib.sha256(b'{"a":2,"b":[1]}').hexdigest()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_plain_data_is_told_as_it_is(value: Any) -> None:
    assert repr(to_data(value)) == repr(value)
    assert canonical_json(value) == json.dumps(value, sort_keys=True, separators=(",", ":"))


@given(json_values)
def test_data_shares_no_container_with_the_value(value: Any) -> None:
    assert containers(to_data(value)) & containers(value) == set()


def containers(value: Any) -> set[int]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return set() if children is None else {id(value)}.union(*map(containers, children))


@given(json_values, json_values)
def test_the_text_tells_whether_two_values_differ(one: Any, other: Any) -> None:
    assert (canonical_json(one) == canonical_json(other)) == (ordered(one) == ordered(other))


def ordered(value: Any) -> str:
    """The same question answered without an encoder."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{ordered(value[key])}" for key in sorted(value)) + "}"
    return "[" + ",".join(map(ordered, value)) + "]" if isinstance(value, list) else repr(value)


def made_of_itself() -> Any:
    table: dict[str, Any] = {}
    table["a"] = [0, {"b": table}]
    return table


def model_of_itself() -> Any:
    note: Any = Note()
    note.surplus = (note,)
    return [note]


ANYTHING: Any = object()
TYPE = "it is of type {}; use plain data, a pydantic model or a dataclass"
KEY = "its key is neither text, integer, bool nor None"
DEEP = "it is nested deeper than 200 levels"


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        (object(), "$", TYPE.format("object")),
        ({"a": [0, 0, 0, {"b": Fraction(1, 2)}]}, "$.a[3].b", TYPE.format("fractions.Fraction")),
        ({"two words": {"1": [len]}}, '$["two words"]["1"][0]', TYPE.format("builtin_function_or_method")),
        ({"a": {Color.RED: {5: (x for x in "")}}}, "$.a[<Color.RED: 'red'>][5]", TYPE.format("generator")),
        ([1, {object}], "$[1][0]", TYPE.format("type")),
        ([Point(complex(1, 2))], "$[0].x", TYPE.format("complex")),
        (Note(surplus=[1j]), "$.surplus[0]", TYPE.format("complex")),
        ([Slotted()], "$[0]", "its field 'x' was never set"),
        ({"a": {1.5: 1}}, "$.a[1.5]", KEY),
        ({("a",): 1}, "$[('a',)]", KEY),
        ({Color.MANY: 1}, "$[<Color.MANY: (1, 2)>]", KEY),
        ({1: "a", "1": "b"}, '$["1"]', "its key is written '1' like another one of the same mapping"),
        ([Odd.ONE], "$[0]", TYPE.format("object")),
        ({"a": Names.model_construct(["a", ANYTHING])}, "$.a[1]", TYPE.format("object")),
        (made_of_itself(), "$.a[1].b", "it contains itself"),
        (model_of_itself(), "$[0].surplus[0]", "it contains itself"),
    ],
)
def test_a_value_without_json_form_is_named_with_its_path(value: object, path: str, reason: str) -> None:
    with pytest.raises(NotRepresentable, match=f"^{re.escape(f'{path} has no JSON form: {reason}')}$") as caught:
        to_data(value)
    assert (caught.value.path, caught.value.reason) == (path, reason)


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_two_hundred_levels_can_be_told_and_no_more() -> None:
    assert canonical_json(nested(200)) == "[" * 200 + "]" * 200
    with pytest.raises(NotRepresentable) as caught:
        to_data({"a": nested(200)})
    assert (caught.value.path, caught.value.reason) == ("$.a" + "[0]" * 199, DEEP)
    with pytest.raises(NotRepresentable) as caught:
        to_data(nested(100_000))
    assert (caught.value.path, caught.value.reason) == ("$" + "[0]" * 200, DEEP)


def test_an_integer_of_too_many_digits_is_data_but_has_no_text() -> None:
    huge = 10**5000
    assert to_data({"a": [huge]}) == {"a": [huge]}
    with pytest.raises(NotRepresentable, match=r"^\$\.b\.c\[1\] has no JSON form: Exceeds the limit") as caught:
        canonical_json({"a": 1, "b": {"c": [1, huge]}})
    assert caught.value.path == "$.b.c[1]"


def test_a_field_that_was_deleted_and_a_cached_value_are_not_told() -> None:
    note = Note(body="a")
    del note.when
    note.__dict__["cached"] = object()
    assert to_data(note) == {"text": "a", "hidden": 2}


@pytest.mark.parametrize(
    ("key", "segment"),
    [("a", ".a"), ("a b", '["a b"]'), ("", '[""]'), ("1", '["1"]'), (1, "[1]"), ((1,), "[(1,)]")],
)
def test_how_a_path_goes_on(key: object, segment: str) -> None:
    assert path_segment(key) == segment
