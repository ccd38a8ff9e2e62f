"""Which parts of a validated model are new, so that nobody else can hold them, is read from its schema."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any, Self

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    field_validator,
    model_validator,
)
from pydantic.plugin import SchemaTypePath
from pydantic.plugin._schema_validator import PluggableSchemaValidator

from flujo.validation import newness


class Sub(BaseModel):
    words: list[str] = []
    more: dict[str, Any] = {}


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    words: list[str] = []


class Root(RootModel[list[str]]): ...


class Wide(BaseModel):
    text: str
    count: int = 0
    words: list[str]
    anything: Any = None
    bare: list = []  # type: ignore[type-arg]
    rows: list[dict[str, Any]] = [{}]
    table: dict[int, list[int]] = {1: [2]}
    by_pair: dict[tuple[int, int], str] = {}
    maybe: list[int] | None = None
    either: list[int] | dict[str, int] = []
    names: set[str] = set()
    pair: tuple[list[int], int] = ([], 1)
    fresh: list[str] = Field(default_factory=list)
    fresh_table: dict[str, str] = Field(default_factory=dict)
    wrong_factory: list[str] = Field(default_factory=lambda: ["a"])
    started: list[str] = ["a"]
    table_started: dict[str, int] = {"a": 1}
    deep_start: list[Any] = [["a"]]
    wrong_start: list[str] = Field(default={})  # type: ignore[arg-type]
    sub: Sub
    sub_or_none: Sub | None = None
    default_sub: Sub = Sub()
    subs: list[Sub] = []
    frozen: Frozen = Frozen()
    root: Root = Root([])
    renamed: Sub = Field(default=Sub(), alias="other")
    renamed_words: list[str] = Field(default=[], alias="other_words")


CONTAINERS = {"words", "bare", "subs", "maybe", "fresh", "fresh_table", "started", "table_started", "renamed_words"}


def found(model: type[BaseModel]) -> tuple[set[str], set[str]] | None:
    """The names of the fields that hold new containers, and of those that hold new models where dicts were given."""
    new = newness(model)
    if new is None:
        return None
    containers = {name for name, container, _ in new.looks if container is not None}
    return containers, {name for name, _, model in new.looks if model is not None}


def test_what_is_new_is_read_from_the_schema() -> None:
    assert found(Wide) == (CONTAINERS, {"sub", "sub_or_none", "default_sub", "frozen"})


class Told(BaseModel):
    text: str
    count: int = 0
    maybe: str | None = None
    flag: bool | None = False
    wrong_default: str = Field(default=["a"])  # type: ignore[assignment]
    made: str = Field(default_factory=lambda: ["a"])  # type: ignore[assignment]
    rate: float = 0.0
    anything: Any = 1


def test_what_nobody_can_change_is_not_looked_at() -> None:
    new: Any = newness(Told)
    assert [name for name, _, _ in new.looks] == ["wrong_default", "made", "rate", "anything"]


def test_all_that_a_model_would_hold_comes_from_validation() -> None:
    new: Any = newness(Told)
    given = {"text": "a", "anything": [1], "unknown": 2}
    told = Told.model_validate(given)
    assert new.validate(given) == (told.__dict__, told.__pydantic_extra__, told.__pydantic_fields_set__)


class Checked(BaseModel):
    words: list[str] = []

    @field_validator("words")
    @classmethod
    def kept(cls, words: list[str]) -> list[str]:
        return words


class Whole(BaseModel):
    words: list[str] = []

    @model_validator(mode="after")
    def kept(self) -> Self:
        return self


class Within(BaseModel):
    words: list[str] = []
    checked: Checked = Checked()


class Annotations(BaseModel):
    words: list[Annotated[str, AfterValidator(str.upper)]] = []


class NamedLikeAKey(BaseModel):
    words: list[str] = []
    default: Checked = Checked()


class PostInit(BaseModel):
    words: list[str] = []

    def model_post_init(self, context: Any) -> None:
        self.words.append("mine")


class Private(BaseModel):
    words: list[str] = []
    _log: list[str] = PrivateAttr(default_factory=list)


class Init(BaseModel):
    words: list[str] = []

    def __init__(self, **data: Any) -> None:
        super().__init__(**data)


class Factory(BaseModel):
    words: list[str] = []
    more: list[str] = Field(default_factory=lambda data: data["words"])


class Overriding(BaseModel):
    words: list[str] = []

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        return super().model_validate(obj, **options)


class Extras(BaseModel):
    model_config = ConfigDict(extra="allow")
    words: list[str] = []


class Recursive(BaseModel):
    words: list[str] = []
    next: Recursive | None = None


@pytest.mark.parametrize(
    "model",
    [
        Checked,
        Whole,
        Within,
        Annotations,
        NamedLikeAKey,
        PostInit,
        Private,
        Init,
        Factory,
        Overriding,
        Extras,
    ],
)
def test_nothing_is_known_to_be_new_where_others_have_a_say(model: type[BaseModel]) -> None:
    assert newness(model) is None


def test_a_model_that_several_fields_hold_is_found() -> None:
    class Twice(BaseModel):
        words: list[str] = []
        one: Sub = Sub()
        two: Sub = Sub()

    assert (found(Twice), found(Recursive)) == (({"words"}, {"one", "two"}), ({"words"}, {"next"}))


def test_nothing_is_known_to_be_new_where_a_plugin_of_pydantic_looks_on() -> None:
    class Followed(BaseModel):
        words: list[str] = []

    follower: Any = SimpleNamespace(new_schema_validator=lambda *_: (None, None, None))
    path = SchemaTypePath(__name__, "Followed")
    validator: Any = PluggableSchemaValidator(
        Followed.__pydantic_core_schema__, Followed, path, "BaseModel", None, [follower], {}
    )
    Followed.__pydantic_validator__ = validator
    assert newness(Followed) is None


def test_a_model_that_was_not_built_yet_is_built() -> None:
    class Late(BaseModel):
        model_config = ConfigDict(defer_build=True)
        words: list[str] = []
        checked: Checked = Checked()

    assert newness(Late) is None
