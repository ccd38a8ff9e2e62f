"""Values as JSON and back: exactly as they were, or refused with the place and the reason."""

from __future__ import annotations

import datetime as dt
import enum
import json
import threading
import uuid
import zoneinfo
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, ConfigDict, PrivateAttr, RootModel, field_validator

from flujo import PipelineContext, PluginOutcome, Step, Usage
from flujo.errors import NotStorable
from flujo.stores.codec import Codec, changed_at
from flujo.stores.forms import Foreign
from flujo.stores.places import codec_of
from flujo.stores.writing import Names, Unreadable
from flujo.structure import MISSING


class Mood(enum.Enum):
    GREY = 1
    BRIGHT = ("bright", 2)


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1


class Pair(NamedTuple):
    left: int
    right: list[int]


@dataclass(frozen=True, slots=True)
class Frozen:
    number: int
    lines: list[str] = field(default_factory=list)


@dataclass
class Loose:
    anything: Any
    made: int = field(default=2, init=False)


class Poem(BaseModel):
    model_config = ConfigDict(extra="allow")
    title: str
    lines: list[str] = []
    mood: Mood | None = None
    _draft: int = PrivateAttr(default=3)


class Numbers(RootModel[list[int]]): ...


class Notes(PipelineContext):
    drafts: list[str] = []


class Changed(BaseModel):
    secret: str

    @field_validator("secret")
    @classmethod
    def once(cls, value: str) -> str:
        if value.startswith("#"):
            raise ValueError("it is hashed already")
        return f"#{value}"


class Text(str): ...


def renamed_poem() -> Poem:
    poem = Poem.model_validate({"title": "Rain", "colour": "grey"})
    poem._draft = 7
    return poem


def shared() -> list[Any]:
    inner = [1]
    return [inner, inner, {"again": inner}]


def circle() -> list[Any]:
    row: list[Any] = [1]
    row.append(row)
    return row


VALUES: list[Any] = [
    None, True, 0, -1, 2**80, 10**5000, 0.1, -0.0, float("nan"), float("inf"), 1 + 2j, "", "\u00e9 \u6f22 \U0001f327",
    "\ud800 half", "\ud83d\ude00", "\x00", [], {}, [[]], {"a": {"b": [1]}}, {"$tuple": [1]},
    {1: "a", None: 2, (1, 2): 3}, (), (1, (2, [3])), {1, 2}, frozenset({"a"}), {Mood.GREY}, b"\x00\xff",
    bytearray(b"x"), deque([1, 2], maxlen=3), range(1, 9, 2), Decimal("1.00"), Decimal("NaN"), Decimal("1E-30"),
    uuid.UUID(int=7), PurePosixPath("a/b"), dt.date(2026, 1, 31), dt.datetime(2026, 1, 1, 1, 2, 3, 4),
    dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.time(1, 2, 3), dt.timedelta(days=-1, microseconds=7),
    dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Rome")),
    dt.timezone(dt.timedelta(hours=-3, minutes=-30), "NST"), Mood.GREY, Mood.BRIGHT, Rights.READ | Rights.WRITE,
    Level.LOW, Pair(1, [2]), Frozen(1, ["a"]), Loose([1]), Poem(title="Rain", mood=Mood.BRIGHT), renamed_poem(),
    Numbers([1]), Notes(drafts=["grey"]), MISSING, shared(), circle(), PluginOutcome(False, "why"),
    PluginOutcome(True, new_solution=Poem(title="x"), usage=Usage(input_tokens=3), model="m"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    codec = Codec()
    text = codec.text(value)
    again = codec.value(text)
    assert type(again) is type(value)
    assert changed_at(_cut(value), _cut(again), "$") is None
    assert codec.text(again) == text


def _cut(value: Any) -> Any:
    """A list without itself: who is who is asked below."""
    return value[:1] if type(value) is list and value[1:] and value[1] is value else value


def test_who_is_who_is_kept() -> None:
    codec = Codec()
    row = codec.value(codec.text(shared()))
    assert row[0] is row[1]
    assert row[0] is row[2]["again"]
    ring = codec.value(codec.text(circle()))
    assert ring[1] is ring


def test_what_json_knows_is_written_as_it_is() -> None:
    value: Any = {"text": "\u00e9", "rows": [1, 2.5, None, True, {"deep": []}]}
    assert Codec().text(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        (object(), "$", "it is of type object, which has no form that could be read back"),
        ([1, {"a b": threading.Lock()}], '$[1]["a b"]', "it is of type _thread:lock, which has no form"),
        ({"poem": Poem.model_validate({"title": "x", "clip": object()})}, "$.poem.clip", "it is of type object"),
        (Text("x"), "$", "it is of type tests.flujo.stores.test_codec:Text"),
        (Poem.model_construct(title=3), "$", "does not take what was stored (title: Input should be a valid string)"),
        (Changed(secret="x"), "$", "does not take what was stored (secret: Value error, it is hashed already)"),
        ([Frozen("one")], "$", "Frozen does not take what was stored (number: "),  # type: ignore[arg-type]
        (lambda: 0, "$", "it is of type function"),
        (ValueError("x"), "$", "it is of type ValueError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_not_come_back_is_refused_at_its_place(value: Any, path: str, reason: str) -> None:
    with pytest.raises(NotStorable) as refused:
        Codec().text(value, "the answer at 'a'")
    assert refused.value.path == path
    assert reason in refused.value.reason
    assert str(refused.value).startswith(f"the answer at 'a' cannot be stored: at {path}, ")


def test_nothing_is_nested_too_deep() -> None:
    deep: Any = 0
    for _ in range(500):
        deep = [deep]
    with pytest.raises(NotStorable, match="nested deeper than 200 levels"):
        Codec().text(deep)


def local_class() -> type[BaseModel]:
    class Local(BaseModel):
        number: int

    return Local


def test_a_class_that_has_no_module_is_found_if_the_pipeline_declares_it() -> None:
    kind = local_class()

    class Asks:
        output_type = list[kind]  # type: ignore[valid-type]

        async def run(self, text: str) -> object:
            return text

    with pytest.raises(NotStorable, match="is not found by that name"):
        Codec().text(kind(number=1))
    codec = codec_of(Step("a", Asks()) >> Step("b", lambda x: x), Notes)
    assert codec.value(codec.text([kind(number=1)])) == [kind(number=1)]


def test_nothing_is_imported_for_a_name_in_a_file() -> None:
    with pytest.raises(Unreadable, match="neither declared by the pipeline nor in a module that is imported"):
        Codec().value('{"$model":["this_module_is_not_there:Thing",{},[],null,null]}')
    shows = Codec(Names(shows_foreign=True))
    assert shows.value('{"$model":["nowhere:Thing",{"a":1},["a"],null,null]}') == Foreign("nowhere:Thing", {"a": 1})


def test_what_a_class_takes_no_more_is_not_read() -> None:
    text = Codec().text(Frozen(1)).replace('"lines":[]', '"rhymes":[]')
    with pytest.raises(Unreadable, match=r"Frozen does not fit it any more: lines, rhymes"):
        Codec().value(text)


# Agents that plugins redirect to ----------------------------------------------------------------------------


async def senior(text: str) -> str:
    return text


class Sends:
    name, priority = "sends", 0

    def __init__(self, to: Any) -> None:
        self.to = to

    async def validate(self, draft: Any) -> PluginOutcome:
        return PluginOutcome(False, redirect_to=self.to)


class Senior:
    async def run(self, text: str) -> str:
        return text


KNOWN = Senior()


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("of the pipeline", "step:other"),
        ("of the plugin", "plugin:first/plugin:sends#to"),
        ("of the module", "module:tests.flujo.stores.test_codec:KNOWN"),
        ("a function", "module:tests.flujo.stores.test_codec:senior"),
    ],
)
def test_an_agent_is_named_by_its_place(place: str, named: str) -> None:
    own = Senior()
    target = {"of the pipeline": own, "of the plugin": own, "of the module": KNOWN, "a function": senior}[place]
    plugin = Sends(own if place == "of the plugin" else None)
    other = Step("other", own if place == "of the pipeline" else Senior())
    codec = codec_of(Step("first", Senior(), plugins=[plugin]) >> other, Notes)
    text = codec.text(PluginOutcome(False, redirect_to=target), "x", "first/attempt:1/plugin:sends")
    assert json.loads(text)["$outcome"][2] == {"$agent": named}
    assert codec.value(text).redirect_to is target


def test_an_agent_without_a_place_is_refused() -> None:
    codec = codec_of(Step("first", Senior(), plugins=[Sends(None)]) >> Step("b", senior), Notes)
    with pytest.raises(NotStorable, match="it redirects to an agent that cannot be found again"):
        codec.text(PluginOutcome(False, redirect_to=Senior()), "x", "first/attempt:1/plugin:sends")
