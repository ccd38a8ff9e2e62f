"""Fake agents: scripted ones, and those that always do the same. They keep the contract of real agents."""

from __future__ import annotations

import copy
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypedDict, Unpack

import anyio

from flujo import AgentError, AgentOutput, Usage
from flujo_testing.agents.errors import FakeError, ScriptLeftOver
from flujo_testing.agents.fake import RECORDED, Fake
from flujo_testing.agents.passes import FakeState
from flujo_testing.agents.scripts import Chunks, Scripts, copied, is_error

OFFERED = ("context", "resources", "feedback", "settings")
ECHO: Final = object()
"""Stands for "answer with a copy of the input"."""


class FakeOptions(TypedDict, total=False):
    """What every fake agent can be told.

    ``model`` makes it metered. ``usage`` is reported with every answer that brings none of its own; if none
    is given, none is reported. ``estimate_input`` is a number of tokens, or a function of the input that
    gives one, for reservations. ``delay_s`` are the (virtual) seconds it takes. ``takes`` names what it takes
    of ``context``, ``resources``, ``feedback`` and ``settings``: all but the resources, if nothing is said.
    What it takes it records, and for that it reads the context whole.
    """

    name: str | None
    model: str | None
    usage: Usage | None
    max_output_tokens: int | None
    max_requests: int | None
    estimate_input: int | Callable[[Any], int] | None
    output_type: Any
    delay_s: float
    takes: Iterable[str]


class FakeAgent(Fake):
    """An agent that makes up its answers in ``_answer``. The usage that it reports is never guessed."""

    def __init__(self, scripts: Scripts | None = None, /, **options: Unpack[FakeOptions]) -> None:
        super().__init__(options.get("name"), scripts)
        self.model = options.get("model")
        self.usage = options.get("usage")
        self.max_output_tokens = options.get("max_output_tokens")
        self.max_requests = options.get("max_requests")
        self.output_type = options.get("output_type")
        self.delay_s = options.get("delay_s", 0.0)
        tokens = options.get("estimate_input")
        self.estimate_input = (lambda _: tokens) if isinstance(tokens, int) else tokens
        self.takes = frozenset(options.get("takes", RECORDED))
        if unknown := sorted(self.takes.difference(OFFERED)):
            raise FakeError(f"{self.who} cannot take {', '.join(unknown)}; agents are offered {', '.join(OFFERED)}")

    @property
    def run(self) -> Callable[..., Any]:
        """``async run(input, ...)``; its signature names what this fake takes, and the engine goes by it."""
        given = inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)
        taken = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in sorted(self.takes)]
        return _showing(self._whole, inspect.Signature([given, *taken]), {})

    @property
    def always_pays(self) -> bool:
        """Whether each of its answers must make an entry in the ledger."""
        return self.model is not None

    async def stream(self, input: Any, /, **offered: Any) -> AsyncIterator[Any]:
        """The pieces of the answer, if it comes in pieces; last the whole answer with its usage."""
        answer = await self._asked(input, offered)
        pieces = answer.output if isinstance(answer, AgentOutput) else answer
        if isinstance(pieces, Chunks):
            for text in pieces.texts:
                await anyio.sleep(pieces.pause_s)
                yield text
            answer = _joined(answer)
        yield (answer if isinstance(answer, AgentOutput) else AgentOutput(answer, usage=self.usage, model=self.model))

    async def _whole(self, input: Any, /, **offered: Any) -> Any:
        answer = await self._asked(input, offered)
        pieces = answer.output if isinstance(answer, AgentOutput) else answer
        if isinstance(pieces, Chunks):
            await anyio.sleep(pieces.pause_s * len(pieces.texts))
            answer = _joined(answer)
        if isinstance(answer, AgentOutput) or (self.model is None and self.usage is None):
            return answer
        return AgentOutput(answer, usage=self.usage, model=self.model)

    async def _asked(self, input: Any, offered: Mapping[str, Any]) -> Any:
        """Its answer, after others had a chance to run: an agent that waits for a model gives them one."""
        number = self._record(input, offered, self._path())
        await anyio.sleep(self.delay_s)
        return await self._answer(number, input, offered)

    async def _answer(self, number: int, input: Any, offered: Mapping[str, Any]) -> Any:
        """The answer to the call of this ``number``, from 1."""
        raise NotImplementedError(f"{type(self).__name__} must define _answer")


class ScriptedAgent(FakeAgent):
    """Gives the answers of its script: values, exceptions (raised), AgentOutput, Chunks. Each is given once.

    The script is in order; ``by_path`` and ``by_input`` find the answer by the place or the input of the
    call. Raises ScriptExhausted when it is asked more often; a pass of a test raises ScriptLeftOver when it
    was asked less.
    """

    def __init__(self, *script: Any, **options: Unpack[FakeOptions]) -> None:
        super().__init__(Scripts.in_order(script), **options)

    @classmethod
    def by_path(cls, scripts: Mapping[str, Any], **options: Unpack[FakeOptions]) -> ScriptedAgent:
        """Answers by the path of the step or of the ask: ``{"write": Script("a", "b"), "check": "fine"}``.

        Works where a pass follows the run, and says so elsewhere.
        """
        return cls._scripted(Scripts.by_path(scripts), options)

    @classmethod
    def by_input(
        cls, scripts: Mapping[Any, Any] | Iterable[tuple[Any, Any]], **options: Unpack[FakeOptions]
    ) -> ScriptedAgent:
        """Answers by equal inputs: ``{"rain": "Grey rain"}``, or pairs where inputs are no keys of a dict."""
        return cls._scripted(Scripts.by_input(scripts), options)

    @classmethod
    def _scripted(cls, scripts: Scripts, options: FakeOptions) -> ScriptedAgent:
        agent = cls(**options)
        agent.scripts = scripts
        return agent

    @property
    def always_pays(self) -> bool:
        """Whether each of its answers must make an entry in the ledger; an empty ``requests`` makes none."""
        items = [item for _, script in self.scripts.tracks for item in script]
        free = any(isinstance(item, AgentOutput) and item.requests == () for item in items)
        return super().always_pays and not free

    async def _asked(self, input: Any, offered: Mapping[str, Any]) -> Any:
        path = self._path()
        self._record(input, offered, path)
        with self._taken(input, path) as answer:
            await anyio.sleep(self.delay_s)
            return _raised_if_error(answer)


class FunctionAgent(FakeAgent):
    """Answers with what a function returns, as it is; the function's signature says what it takes."""

    def __init__(self, function: Callable[..., Any], **options: Unpack[FakeOptions]) -> None:
        options.setdefault("name", getattr(function, "__name__", None))
        target = function if inspect.isroutine(function) else type(function).__call__
        self.function = function
        self.is_async = inspect.iscoroutinefunction(target)
        self.signature = inspect.signature(function)
        self.hints = _hints_of(target)
        named = [
            name
            for name, parameter in list(self.signature.parameters.items())[1:]
            if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        options["takes"] = set(OFFERED).intersection(named)
        super().__init__(**options)

    @property
    def run(self) -> Callable[..., Any]:
        """``async run(input, ...)`` with the signature and the types of the function."""
        return _showing(self._whole, self.signature, self.hints)

    @property
    def always_pays(self) -> bool:
        """Never sure: the function may say that no request was made."""
        return False

    async def _answer(self, number: int, input: Any, offered: Mapping[str, Any]) -> Any:
        answer = self.function(input, **offered)
        return await answer if self.is_async else answer


class EchoAgent(FakeAgent):
    """Answers with a copy of its input."""

    def __init__(self, **options: Unpack[FakeOptions]) -> None:
        super().__init__(**options)

    async def _answer(self, number: int, input: Any, offered: Mapping[str, Any]) -> Any:
        return copy.deepcopy(input)


class SlowAgent(FakeAgent):
    """Takes ``seconds`` (virtual ones under ``virtual_clock``), then answers ``then``, or echoes."""

    def __init__(self, seconds: float, then: Any = ECHO, **options: Unpack[FakeOptions]) -> None:
        options["delay_s"] = seconds
        super().__init__(**options)
        self.then = then if then is ECHO else copied(then, "the answer of a SlowAgent")

    async def _answer(self, number: int, input: Any, offered: Mapping[str, Any]) -> Any:
        return _answered(self.then, input)


class StreamingAgent(FakeAgent):
    """Streams the same pieces of text at every call, ``pause_s`` (virtual seconds) before each."""

    def __init__(self, *texts: str, pause_s: float = 0.0, **options: Unpack[FakeOptions]) -> None:
        super().__init__(**options)
        self.chunks = Chunks(texts, pause_s=pause_s)

    async def _answer(self, number: int, input: Any, offered: Mapping[str, Any]) -> Any:
        return self.chunks


class FailingAgent(FakeAgent):
    """Fails on its ``on_call``-th call, from 1, or on every one; else answers ``then``, or a copy of its
    input.

    With ``paid`` it fails after the provider was paid and reports that usage, without it before anything was.
    ``error`` is the text of the AgentError, or another exception, which can report no usage. A call that
    never came to fail is left over at the end of the test.
    """

    def __init__(
        self,
        *,
        on_call: int | None = None,
        paid: Usage | None = None,
        error: str | Exception = "the provider failed",
        then: Any = ECHO,
        **options: Unpack[FakeOptions],
    ) -> None:
        super().__init__(**options)
        if on_call is not None and on_call < 1:
            raise FakeError(f"{self.who} cannot fail on call {on_call}: calls count from 1")
        if paid is not None and not isinstance(error, str):
            raise FakeError(f"{self.who} cannot report what was paid in {error!r}: give the text of an AgentError")
        self.on_call = on_call
        self.paid = paid
        self.error = error
        self.then = then if then is ECHO else copied(then, "the answer of a FailingAgent")

    async def _answer(self, number: int, input: Any, offered: Mapping[str, Any]) -> Any:
        if self.on_call not in (None, number):
            return _answered(self.then, input)
        if not isinstance(self.error, str):
            raise self.error.with_traceback(None)
        if self.paid is None:
            raise AgentError(self.error, requests=())
        raise AgentError(self.error, usage=self.paid, model=self.model)

    def left_over(self, state: FakeState) -> FakeError | None:
        """A failure that the test planned and never saw."""
        if len(state.calls) >= (self.on_call or 0):
            return None
        text = f"{self.who} was to fail on call {self.on_call}, but was asked {len(state.calls)} times"
        return ScriptLeftOver(f"{text}: the test has not seen the failure that it is about")


def _showing(call: Callable[..., Any], signature: inspect.Signature, hints: Mapping[str, Any]) -> Callable[..., Any]:
    async def run(input: Any, /, **offered: Any) -> Any:
        return await call(input, **offered)

    shown: Any = run
    shown.__signature__ = signature
    shown.__annotations__ = dict(hints)
    return run


def _hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except (
        NameError,
        TypeError,
    ):  # a name that only type checkers see, or none at all: then the types show nothing
        return {}


def _joined(answer: Any) -> Any:
    """The answer whole. Raises the error with which a stream ends."""
    if isinstance(answer, AgentOutput):
        return replace(answer, output=_joined(answer.output))
    if answer.error is not None:
        raise answer.error.with_traceback(None)
    return "".join(answer.texts)


def _answered(then: Any, input: Any) -> Any:
    return copy.deepcopy(input) if then is ECHO else _raised_if_error(copied(then, "an answer"))


def _raised_if_error(answer: Any) -> Any:
    if is_error(answer):
        raise answer.with_traceback(None) if isinstance(answer, BaseException) else answer
    return answer
