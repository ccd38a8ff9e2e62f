"""A context to merge, and what branches do to it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from flujo.context import PipelineContext
from flujo.execution.merge import MergeNote, merge_context
from flujo.isolation import State


class Page(BaseModel):
    model_config = ConfigDict(extra="allow")
    title: str = ""
    lines: list[str] = Field(default=[])
    _views: list[int] = PrivateAttr(default_factory=list)

    if TYPE_CHECKING:  # extras

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...


class Book(PipelineContext):
    model_config = ConfigDict(extra="allow")
    count: int = 0
    price: float = 0.0
    names: list[Any] = Field(default=[])
    notes: dict[str, Any] = Field(default={})
    page: Page = Page()
    anything: Any = None
    _log: list[Any] = PrivateAttr(default_factory=list)

    if TYPE_CHECKING:  # extras

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

    @cached_property
    def length(self) -> int:
        return len(self.names)

    @model_validator(mode="after")
    def check(self) -> Book:
        if self.count < 0:
            raise ValueError("less than none")
        return self


class Bare(PipelineContext):
    n: int = 0


Change = Callable[[Book], object]


def a_book() -> State[Book]:
    book = Book(
        count=2,
        names=["a", ["b"]],
        notes={"legal": [1], "style": {"tone": "dry"}, "old": 0},
        page=Page(title="one", lines=["x"], mark=1),
        surplus={"k": 1},
    )
    book._log.append("born")
    return State.take(book)


def branched(base: State[Book], *changes: Change) -> list[tuple[str, State[Book]]]:
    branches = []
    for name, change in zip("abc", changes, strict=False):
        fork = base.fork()
        change(fork)
        branches.append((name, base.commit(fork)))
    return branches


def merged(*changes: Change, strategy: Any = "context_update", base: State[Book] | None = None) -> Book:
    base = base or a_book()
    return merge_context(base, branched(base, *changes), strategy)[0].fork()


def notes_of(*changes: Change, strategy: Any = "context_update") -> list[MergeNote]:
    base = a_book()
    return merge_context(base, branched(base, *changes), strategy)[1]


def sets(**values: Any) -> Change:
    def change(book: Book) -> None:
        for name, value in values.items():
            setattr(book, name, value)

    return change


def adds(*names: Any) -> Change:
    return lambda book: book.names.extend(copy.deepcopy(names))
