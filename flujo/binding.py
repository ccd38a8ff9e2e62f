"""What an agent or plugin can take and give, read once from its signature when a pipeline is built.

Nothing asks an object what it is while a pipeline runs: it has been bound before.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter

from flujo.errors import MisuseError
from flujo.ports import AgentOutput

OUTPUT_TYPE = "output_type"
"""How transcripts call the check of a declared output type; no plugin may have this name."""
OFFERED = frozenset({"context", "resources", "feedback", "settings", "idempotency_key"})
_EMPTY = inspect.Parameter.empty


class NotAnAgent(MisuseError, TypeError):
    """The object is neither an async function nor an object with ``async run(input)``."""


@dataclass(frozen=True, slots=True)
class Meter:
    """What a metered agent declares of its calls before they are made.

    ``estimate_input`` may take, beside the input, those of OFFERED that bear on the request (``takes``).
    """

    model: str
    max_output_tokens: int | None
    max_requests: int
    estimate_input: Callable[..., int | None] | None
    takes: frozenset[str] = frozenset()

    def estimate(self, input: object, offered: Mapping[str, Any]) -> int | None:
        """The most input tokens that a call may use; None if nobody knows."""
        if self.estimate_input is None:
            return None
        return self.estimate_input(input, **{name: offered[name] for name in self.takes & offered.keys()})


@dataclass(frozen=True, slots=True)
class BoundAgent:
    """An agent, ready to be asked: ``call(input, **those of OFFERED that it takes)``.

    ``source`` is the object that the user wrote, ``name`` how transcripts call it; ``accepts`` and ``returns`` are the
    types that its signature shows (None: it shows none); ``output`` validates its answer where a type is declared.
    """

    source: object
    name: str
    call: Callable[..., Awaitable[object]]
    takes: frozenset[str]
    stream: Callable[..., Any] | None
    meter: Meter | None
    accepts: object | None
    returns: object | None
    output: TypeAdapter[Any] | None
    priority: int = 0


def bind_agent(agent: object) -> BoundAgent:
    """Read an agent once.

    Raises NotAnAgent for anything that cannot be asked.
    """
    call, is_async = _callable_of(agent)
    signature, hints = _signature_of(call)
    takes = _takes(signature)
    returns = _returns(hints)
    declared = getattr(agent, "output_type", None)
    return BoundAgent(
        source=agent,
        name=name_of(agent),
        call=call if is_async else _in_line(call),
        takes=takes,
        stream=_stream_of(agent),
        meter=_meter_of(agent),
        accepts=_accepts(signature, hints),
        returns=declared or returns,
        output=_output_adapter(declared, returns),
    )


def name_of(agent: object) -> str:
    """How errors and transcripts call an agent: its ``name`` if it has one, a function's name, or its class's."""
    for named in (getattr(agent, "name", None), getattr(agent, "__name__", None)):
        if isinstance(named, str) and named:
            return named
    return type(agent).__name__


def bind_plugin(plugin: object) -> BoundAgent:
    """Read a plugin once: it is asked like an agent, with a draft as input. Raises NotAnAgent if it is none."""
    validate = getattr(plugin, "validate", None)
    if not callable(validate) or not inspect.iscoroutinefunction(_unwrapped(validate)):
        raise NotAnAgent(f"{plugin!r} has no 'async def validate(self, draft)'")
    signature, _ = _signature_of(validate)
    return BoundAgent(
        source=plugin,
        name=name_of(plugin),
        call=validate,
        takes=_takes(signature) & {"context", "resources"},
        stream=None,
        meter=_meter_of(plugin),
        accepts=None,
        returns=None,
        output=None,
        priority=getattr(plugin, "priority", 0),
    )


def _callable_of(agent: object) -> tuple[Callable[..., Any], bool]:
    if isinstance(agent, type):
        raise NotAnAgent(f"{agent!r} is a class; pass an instance of it")
    run = getattr(agent, "run", None)
    call = run if callable(run) else agent
    if not callable(call):
        raise NotAnAgent(f"{agent!r} is neither a function nor has it 'async def run(self, input)'")
    outer = call
    while isinstance(outer, functools.partial):
        outer = outer.func
    is_async = inspect.iscoroutinefunction(outer) or inspect.iscoroutinefunction(type(outer).__call__)
    if inspect.isasyncgenfunction(_unwrapped(call)) or inspect.isgeneratorfunction(_unwrapped(call)):
        raise NotAnAgent(f"{agent!r} is a generator function; an agent returns its answer, it does not yield")
    return call, is_async


def _unwrapped(call: Callable[..., Any]) -> Callable[..., Any]:
    call = inspect.unwrap(call)
    while hasattr(call, "func"):  # functools.partial
        call = call.func
    return call


def _in_line(function: Callable[..., Any]) -> Callable[..., Awaitable[object]]:
    """A plain function as an async one; it may hand on what an async function gave it to await."""

    async def call(input: object, **offered: object) -> object:
        answer = function(input, **offered)
        return await answer if inspect.iscoroutine(answer) else answer

    return call


def _stream_of(agent: object) -> Callable[..., Any] | None:
    """The agent's ``stream``, called with what it takes itself, whatever ``run`` takes."""
    stream = None if inspect.isroutine(agent) else getattr(agent, "stream", None)
    if not callable(stream):
        return None
    takes = _takes(_signature_of(stream)[0])

    def call(input: object, **offered: object) -> object:
        return stream(input, **{name: value for name, value in offered.items() if name in takes})

    return call


def _signature_of(call: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):  # some builtins show none: they take their input and nothing else
        return inspect.Signature([inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)]), {}
    target = _unwrapped(call)
    if not inspect.isroutine(target):
        target = type(target).__call__
    try:
        hints = typing.get_type_hints(target)
    except (
        NameError,
        TypeError,
        AttributeError,
    ):  # a name that only type checkers see: then the types show nothing
        hints = {}
    return signature, hints


def _takes(signature: inspect.Signature) -> frozenset[str]:
    first = next(iter(signature.parameters), None)
    by_keyword = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = {name for name, p in signature.parameters.items() if p.kind in by_keyword and name != first}
    return frozenset(names & OFFERED)


def takes_input(call: Callable[..., Any]) -> str | None:
    """Why ``call(input)`` cannot be made; None if it can."""
    signature, _ = _signature_of(call)
    offered = dict.fromkeys(_takes(signature))
    try:
        signature.bind(None, **offered)
    except TypeError as error:
        return str(error)
    return None


def _accepts(signature: inspect.Signature, hints: dict[str, Any]) -> object | None:
    first = next(iter(signature.parameters), None)
    return hints.get(first) if first is not None else None


def _returns(hints: dict[str, Any]) -> object | None:
    returned = hints.get("return")
    if typing.get_origin(returned) is AgentOutput:
        return typing.get_args(returned)[0]  # type: ignore[no-any-return]
    return None if returned is AgentOutput else returned


def _output_adapter(declared: Any, returns: object | None) -> TypeAdapter[Any] | None:
    if declared is not None:
        return TypeAdapter(declared)
    if isinstance(returns, type) and issubclass(returns, BaseModel):
        return TypeAdapter(returns)
    return None


def _meter_of(agent: object) -> Meter | None:
    model = getattr(agent, "model", None)
    if not isinstance(model, str):
        return None
    estimate = getattr(agent, "estimate_input", None)
    return Meter(
        model=model,
        max_output_tokens=getattr(agent, "max_output_tokens", None),
        max_requests=getattr(agent, "max_requests", None) or 1,
        estimate_input=estimate,
        takes=frozenset() if estimate is None else _takes(_signature_of(estimate)[0]),
    )


def may_be(accepts: Any, given: Any) -> bool:
    """Whether a value of type ``given`` may be what ``accepts`` asks for; True where the types don't decide it."""
    if isinstance(accepts, types.UnionType) or typing.get_origin(accepts) is typing.Union:
        return any(may_be(one, given) for one in typing.get_args(accepts))
    if accepts is Any or given is Any:  # Any is a class since Python 3.11
        return True
    accepts = typing.get_origin(accepts) or accepts
    given = typing.get_origin(given) or given
    if given is None or given is type(None):
        return accepts is None or accepts is type(None) or accepts is object or not isinstance(accepts, type)
    if not (isinstance(accepts, type) and isinstance(given, type)) or accepts is object or given is object:
        return True
    if inspect.isabstract(accepts) or getattr(accepts, "_is_protocol", False):
        return True
    return issubclass(given, accepts) or (given, accepts) in {(int, float), (int, complex), (float, complex)}


def shown(annotation: object) -> str:
    """A type as messages tell it."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
