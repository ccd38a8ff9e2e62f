"""What agents and plugins can take is read once, from their signatures."""

from __future__ import annotations

import functools
from collections.abc import Set
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from flujo import AgentOutput, Draft, PluginOutcome
from flujo.binding import Meter, NotAnAgent, bind_agent, bind_plugin, name_of, takes_input


class Out(BaseModel):
    text: str


async def plain(x: str) -> str:
    return x


async def everything(x: str, *, context: Any, resources: Any, feedback: Any, settings: Any, other: int = 0) -> Out:
    return Out(text=x)


async def reports(x: str) -> AgentOutput[Out]:
    return AgentOutput(Out(text=x))


async def untold(x: str) -> AgentOutput:  # type: ignore[type-arg]
    return AgentOutput(x)


async def keywords(x: str, **more: Any) -> str:
    return x


class Object:
    name = "object"
    model = "test:m"
    max_output_tokens = 5
    output_type = list[int]

    async def run(self, x: str, *, feedback: Any = ()) -> list[int]:
        return [1]


class Callable_:
    async def __call__(self, x: str, context: Any = None) -> str:
        return x


@pytest.mark.parametrize(
    ("agent", "name", "takes"),
    [
        (plain, "plain", set()),
        (everything, "everything", {"context", "resources", "feedback", "settings"}),
        (keywords, "keywords", set()),
        (Object(), "object", {"feedback"}),
        (Callable_(), "Callable_", {"context"}),
        (functools.partial(everything, other=3), "partial", {"context", "resources", "feedback", "settings"}),
        (str.upper, "upper", set()),
        (lambda x: x, "<lambda>", set()),
    ],
)
def test_agents_take_what_their_signatures_name(agent: object, name: str, takes: Set[str]) -> None:
    bound = bind_agent(agent)
    assert (bound.name, bound.takes, bound.source is agent) == (name, takes, True)


def test_wrapping_keeps_what_is_taken() -> None:
    @functools.wraps(everything)
    async def wrapper(*args: Any, **more: Any) -> Any:
        return await everything(*args, **more)

    assert bind_agent(wrapper).takes == {"context", "resources", "feedback", "settings"}


def test_output_types_come_from_the_attribute_or_a_returned_model() -> None:
    assert bind_agent(plain).output is None
    assert bind_agent(untold).returns is None
    for agent in (everything, reports):
        adapter = bind_agent(agent).output
        assert type(adapter) is TypeAdapter
        assert adapter.validate_python({"text": "x"}) == Out(text="x")
    adapter = bind_agent(Object()).output
    assert type(adapter) is TypeAdapter
    assert adapter.validate_json("[1, 2]") == [1, 2]


def test_what_an_agent_declares_makes_it_metered() -> None:
    meter = bind_agent(Object()).meter
    assert type(meter) is Meter
    assert (meter.model, meter.max_output_tokens, meter.max_requests, meter.estimate_input) == (
        "test:m",
        5,
        1,
        None,
    )
    assert bind_agent(plain).meter is None


async def test_plain_functions_are_called_in_line() -> None:
    assert await bind_agent(str.upper).call("x") == "X"


def test_names_fall_back_to_the_class() -> None:
    class Nameless:
        name = 3

        async def run(self, x: object) -> object:
            return x

    assert name_of(Nameless()) == "Nameless"


def test_a_plugin_is_bound_like_an_agent() -> None:
    class Plugin:
        name, priority, model = "plugin", 7, "test:judge"

        async def validate(self, draft: Draft, *, context: Any, feedback: Any = None) -> PluginOutcome:
            return PluginOutcome(True)

    bound = bind_plugin(Plugin())
    assert (bound.name, bound.priority, bound.takes) == ("plugin", 7, frozenset({"context"}))
    assert type(bound.meter) is Meter
    assert bound.meter.model == "test:judge"


def test_a_plugin_that_is_not_async_is_refused() -> None:
    class Plugin:
        name, priority = "plugin", 0

        def validate(self, draft: Draft) -> PluginOutcome:
            return PluginOutcome(True)

    with pytest.raises(NotAnAgent, match="async def validate"):
        bind_plugin(Plugin())


def test_annotations_that_only_type_checkers_see_decide_nothing() -> None:
    async def agent(x: Unknown) -> Unknown:  # type: ignore[name-defined]  # noqa: F821
        return x

    bound = bind_agent(agent)
    assert (bound.accepts, bound.returns) == (None, None)


def test_what_shows_no_signature_takes_its_input() -> None:
    assert bind_agent(dict.fromkeys).takes == set()
    assert takes_input(print) is None
