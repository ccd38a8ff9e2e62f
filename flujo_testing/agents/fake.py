"""What all fakes share: a name, a state that belongs to the pass of a test, and a record of what they were asked."""

from __future__ import annotations

import copy
import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

import anyio.lowlevel

from flujo import AgentOutput, Rejection, Usage
from flujo_testing.agents.errors import FakeError
from flujo_testing.agents.passes import FakeState, current_pass
from flujo_testing.agents.places import here
from flujo_testing.agents.scripts import Chunks, Scripts, copied, is_error, left_over, take

OFFERED = ("context", "resources", "feedback", "settings")
RECORDED = frozenset({"context", "feedback", "settings"})


@dataclass(frozen=True, slots=True)
class Call:
    """What a fake was asked, as deep copies. ``path`` is that of the ask, where a pass follows the run.

    ``context`` and ``settings`` are None if the fake was offered none; ``resources``, which nobody copies, are left
    out.
    """

    input: Any
    feedback: tuple[Rejection, ...] = ()
    context: Any = None
    settings: Mapping[str, Any] | None = None
    path: str | None = None


class Fake:
    """A name, a script that may be empty, and a state that belongs to the pass of a test.

    Outside of every pass it has a state of its own, which lasts as long as the object.
    """

    def __init__(self, name: str | None, scripts: Scripts | None = None) -> None:
        self.name = name
        self.scripts = scripts or Scripts("order", ())
        self._own = FakeState()

    @property
    def calls(self) -> tuple[Call, ...]:
        """What it was asked in this pass of the test, in the order of asking."""
        now = current_pass()
        return tuple((self._own if now is None else now.seen_of(self)).calls)  # type: ignore[arg-type]

    @property
    def who(self) -> str:
        """How errors call it."""
        kind = type(self).__name__
        return kind if self.name is None else f"{kind} '{self.name}'"

    def left_over(self, state: FakeState) -> FakeError | None:
        """What is wrong if the test ends now."""
        return left_over(self.scripts, state, self.who)

    def _state(self) -> FakeState:
        now = current_pass()
        return self._own if now is None else now.state_of(self)

    def _record(self, input: object, offered: Mapping[str, Any]) -> Call:
        given = {name: copy.deepcopy(value) for name, value in offered.items() if name in RECORDED}
        place = here()
        call = Call(copy.deepcopy(input), path=None if place is None else place.path, **given)
        self._state().calls.append(call)
        return call

    @contextmanager
    def _taken(self, given: object) -> Iterator[Any]:
        """The answer of the script that is this call's, for as long as the call lasts."""
        try:
            item, progress = take(self.scripts, self._state(), given, here(), self.who)
        except FakeError as misuse:
            if (now := current_pass()) is not None:
                now.remember(misuse)
            raise
        try:
            if is_error(item):
                raise item.with_traceback(None) if isinstance(item, BaseException) else item
            yield copied(item, "an answer")
        finally:
            progress.in_flight -= 1


class FakeOptions(TypedDict, total=False):
    """What every fake agent can be told.

    ``model`` makes it metered; ``usage`` is reported with every answer that brings none of its own, and no usage is
    reported if none is given. ``estimate_input`` is a number of tokens or a function of the input, for reservations.
    ``takes`` names what it takes of ``context``, ``resources``, ``feedback`` and ``settings``: all but the resources, if
    nothing is said. A fake records what it takes, and for that it reads the context whole.
    """

    name: str | None
    model: str | None
    usage: Usage | None
    max_output_tokens: int | None
    max_requests: int | None
    estimate_input: int | Callable[[Any], int] | None
    output_type: Any
    takes: Iterable[str]


class FakeAgent(Fake):
    """An agent whose answers are made up by ``_answer``; its usage is what the test says, never guessed."""

    def __init__(self, scripts: Scripts | None = None, /, **options: Unpack[FakeOptions]) -> None:
        super().__init__(options.get("name"), scripts)
        self.model = options.get("model")
        self.usage = options.get("usage")
        self.max_output_tokens = options.get("max_output_tokens")
        self.max_requests = options.get("max_requests")
        self.output_type = options.get("output_type")
        tokens = options.get("estimate_input")
        self.estimate_input = (lambda _: tokens) if isinstance(tokens, int) else tokens
        self.takes = frozenset(options.get("takes", RECORDED))
        if unknown := sorted(self.takes.difference(OFFERED)):
            raise FakeError(f"{self.who} cannot take {', '.join(unknown)}; agents are offered {', '.join(OFFERED)}")

    @property
    def run(self) -> Callable[..., Any]:
        """``async run(input, ...)`` with a signature that shows what this fake takes: the engine goes by it."""
        return showing(self._whole, signature_of(self.takes), {})

    @property
    def always_pays(self) -> bool:
        """Whether each of its answers makes an entry in the ledger."""
        return self.model is not None

    async def stream(self, input: Any, /, **offered: Any) -> AsyncIterator[Any]:
        """The pieces of the answer, the answer itself with its usage last."""
        answer = await self._asked(input, offered)
        for text in chunks_of(answer).texts if chunks_of(answer) else ():
            yield text
        yield self._charged(whole(answer), always=True)

    async def _whole(self, input: Any, /, **offered: Any) -> Any:
        return self._charged(whole(await self._asked(input, offered)))

    async def _asked(self, input: Any, offered: Mapping[str, Any]) -> Any:
        """Its answer, after others had a chance to run, as with every agent that waits for a model."""
        call = self._record(input, offered)
        with self._turn(call) as turn:
            await anyio.lowlevel.checkpoint()
            return await self._answer(turn, input, offered)

    @contextmanager
    def _turn(self, call: Call) -> Iterator[Any]:
        yield call

    async def _answer(self, turn: Any, input: Any, offered: Mapping[str, Any]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define _answer")

    def _charged(self, answer: object, *, always: bool = False) -> object:
        if isinstance(answer, AgentOutput):
            return answer
        if always or self.model is not None or self.usage is not None:
            return AgentOutput(answer, usage=self.usage, model=self.model)
        return answer
