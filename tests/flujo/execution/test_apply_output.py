"""An output becomes part of the context as a whole that the context's model accepts, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import (
    BaseModel,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from flujo.context import PipelineContext
from flujo.errors import ContextUpdateError
from flujo.isolation import State, apply_output, changed, updated
from flujo.structure import MISSING
from tests.flujo.samples import a_context, normal


class Wordless(Exception):
    def __str__(self) -> str:
        raise LookupError


class Order(PipelineContext):
    count: int = 0
    price: int = 0
    total: int = 0
    names: list[str] = Field(default=[])
    notes: dict[str, Any] = Field(default={})
    alias_name: str = Field(default="", alias="aliasName")
    _seen: list[int] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def add(self) -> Order:
        if self.price > 100:
            raise ValueError("too dear")
        self.__dict__["total"] = self.count * self.price
        return self

    @field_validator("names", mode="before")
    @classmethod
    def split(cls, names: Any) -> Any:
        if names == "crash":
            raise RuntimeError("no names")
        if names == "wordless":
            raise Wordless
        return names.split() if isinstance(names, str) else names


class Answer(BaseModel):
    count: int = 3
    names: list[str] = ["x"]


def an_order() -> State[Order]:
    order = Order(count=2, notes={"a": [1]})
    order._seen.append(1)
    return State.take(order)


@pytest.mark.parametrize("output", [{"count": "3", "names": ["x"]}, Answer()], ids=["mapping", "model"])
def test_an_output_sets_the_fields_it_names(output: object) -> None:
    state = an_order()
    after = apply_output(state, output)
    assert changed(state, after) == (("count", 2, 3), ("names", [], ["x"]))
    assert after.fork()._seen == [1]
    assert after.fields_set == {"count", "notes", "names"}


def test_validators_see_the_new_whole() -> None:
    state = apply_output(an_order(), {"price": 7, "names": "a b"})
    assert state.fork().model_dump() == {
        "count": 2,
        "price": 7,
        "total": 14,
        "names": ["a", "b"],
        "notes": {"a": [1]},
        "alias_name": "",
    }


def test_an_output_is_not_aliased() -> None:
    output = {"notes": {"b": [2]}}
    state = apply_output(an_order(), output)
    output["notes"]["b"].append(3)
    assert state.fork().notes == {"b": [2]}


def test_an_output_that_changes_nothing_leaves_the_very_state() -> None:
    state = an_order()
    assert apply_output(state, {"count": 2}) is state
    assert apply_output(state, {}) is state


def test_fields_are_set_by_name_and_not_by_alias() -> None:
    assert apply_output(an_order(), {"alias_name": "x"}).fork().alias_name == "x"


def test_a_field_that_is_gone_comes_back_whatever_it_is_set_to() -> None:
    fork = State.take(a_context()).fork()
    del fork.anything
    state = State.take(fork)
    assert changed(state, updated(state, {"anything": None}, "it")) == (("anything", MISSING, None),)


def test_what_a_field_and_an_extra_share_they_share_still() -> None:
    context = a_context()
    context.surplus = context.items
    after = updated(State.take(context), {"n": 7}, "it").fork()
    assert (after.n, after.surplus is after.items, after.items) == (7, True, [1, [2]])


def test_extras_are_set_where_the_context_allows_them() -> None:
    state = State.take(a_context())
    after = apply_output(state, {"fresh": [1], "n": 7})
    assert after.fork().model_extra == {"surplus": [9], "fresh": [1]}
    assert changed(state, after) == (("n", 1, 7), ("fresh", MISSING, [1]))
    assert changed(State.take(a_context()), after) == (("n", 1, 7), ("fresh", MISSING, [1]))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            {"count": "many", "names": [1]},
            "the output does not fit Order: $.count: Input should be a valid integer, unable to parse string "
            "as an integer (got 'many'); $.names[0]: Input should be a valid string (got 1)",
        ),
        ({"names": "crash"}, "the output does not fit Order: RuntimeError: no names"),
        (
            {"names": "wordless"},
            "the output does not fit Order: Wordless, whose text cannot be made (LookupError)",
        ),
        (
            {"cost": 1, "aliasName": "x"},
            "the output has 'cost', 'aliasName', but Order has no such field; it has 'count', "
            "'price', 'total', 'names', 'notes', 'alias_name'",
        ),
        ({1: 2}, "the output has the keys [1]; use the names of fields"),
        ([("count", 3)], "the output is of type list; only a mapping or a model can update the context"),
        (None, "the output is of type NoneType; only a mapping or a model can update the context"),
    ],
    ids=["types", "crash", "wordless", "unknown", "keys", "list", "none"],
)
def test_an_output_that_does_not_fit_is_refused_with_reasons(output: object, message: str) -> None:
    state = an_order()
    before = normal(state.view())
    with pytest.raises(ContextUpdateError) as caught:
        apply_output(state, output)
    assert str(caught.value) == message
    assert normal(state.view()) == before


def test_a_refusal_of_the_whole_says_so() -> None:
    with pytest.raises(ContextUpdateError, match=r"^the plan does not fit Order: \$: Value error, too dear \(got "):
        updated(an_order(), {"price": 101}, "the plan")


def test_a_validator_that_makes_something_else_is_refused() -> None:
    class Odd(PipelineContext):
        n: int = 0

        @model_validator(mode="wrap")
        @classmethod
        def other(cls, data: Any, handler: Any) -> Any:
            return Order() if isinstance(data, dict) else handler(data)

    with pytest.raises(ContextUpdateError, match=r"^a validator turned the output into a Order instead of a Odd$"):
        apply_output(State.take(Odd.model_construct(n=1)), {"n": 2})


def test_a_context_without_fields_says_so() -> None:
    class Empty(PipelineContext):
        pass

    with pytest.raises(ContextUpdateError, match=r"^the output has 'n', but Empty has no such field; it has none$"):
        apply_output(State.take(Empty()), {"n": 1})
