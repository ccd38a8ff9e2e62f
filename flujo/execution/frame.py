"""One run, its frames, and the one door through which it reaches agents, plugins and people.

A ``Run`` is what all of a run shares. A ``Frame`` is where a sequence of steps executes: a scope of paths, a log and a
generation of the context. ``Frame.ask`` is the only place in Flujo that awaits an agent or a plugin, so whatever
belongs to every call (stopping, budget, deadline, booking, journal) hangs on this door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from flujo.binding import BoundAgent
from flujo.errors import FlujoError, MisbehavedError
from flujo.events import Event, Log, Scope
from flujo.execution.account import Account, Purse, drawing_on
from flujo.execution.budget import Hold
from flujo.execution.calling import (
    Late,
    being_cancelled,
    call_within,
    foreign_cancellation,
    is_unusable,
    raise_if_cancelled,
)
from flujo.execution.intent import intent_of
from flujo.execution.signals import AskFailure, Breached, Halt, Stopped
from flujo.execution.together import Together
from flujo.isolation import State, private_copy
from flujo.laws import Laws
from flujo.ports import AgentOutput, Clock, Gate, Journal, PluginOutcome
from flujo.structure import ATOMS, MISSING

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from flujo.execution.past import Past

NOTHING_TOLD: tuple[object, object] = (MISSING, MISSING)
PAYING = frozenset({AgentOutput, PluginOutcome})
"""Answers that may report what they cost. Both classes are final, so that their class tells."""


class Run:
    """What all frames of one run share."""

    __slots__ = (
        "account", "clock", "door", "gate", "halted", "is_followed", "is_stored", "journal", "laws", "new_frame",
        "new_log", "now", "pace", "past", "publish", "resources", "schemas",
    )  # fmt: skip

    def __init__(self, clock: Clock, laws: Laws, account: Account, resources: object) -> None:
        self.clock = clock
        self.now = clock.now
        self.laws = laws
        self.account = account
        self.resources = resources
        self.halted: Halt | None = None
        self.new_log: Callable[[], Log] = list
        self.new_frame: type[Frame] = Frame
        self.journal: Journal | None = None
        self.is_stored = False
        """Whether the journal is that of a store, which has to bring values back in another process."""
        self.door: Callable[[BoundAgent, str], BoundAgent] | None = None
        """Whom to ask instead, at a path: set by an override only."""
        self.past: Past | None = None
        """What a resumed run knows of itself."""
        self.schemas: dict[str, TypeAdapter[Any] | None] = {}
        """By path of each person's question what its answer is read by."""
        self.publish: Callable[[Event], None] | None = None
        self.is_followed = False
        """Whether somebody is told what happens while it happens: listeners, the reader of a stream, a journal."""
        self.gate: Gate | None = None
        """Set while somebody outside decides when each ask goes on."""
        self.pace: Callable[[], Awaitable[None]] | None = None
        """Set while somebody reads the run as a stream: waits until there is room for more events."""


class Place:
    """Which ask it is: the step's name, its attempt (from 1), redirect (from 0) and plugin, if it asks one.

    ``asked`` turns True when the callee is really called, ``at`` that time: admission may come first, or refuse.
    ``asked_before`` is how many requests this ask had made when the run was broken off in it.
    """

    __slots__ = ("asked", "asked_before", "at", "attempt", "hop", "name", "plugin", "scope")

    def __init__(self, scope: Scope, name: str, attempt: int, hop: int = 0, plugin: str | None = None) -> None:
        self.scope = scope
        self.name = name
        self.attempt = attempt
        self.hop = hop
        self.plugin = plugin
        self.asked = False
        self.asked_before = 0
        self.at = 0.0

    def start(self, log: Log) -> None:
        """Write down that the step has started, once."""

    def tell(self, log: Log, callee: BoundAgent) -> None:
        """Write down that the callee has been asked, once."""

    def of_plugin(self, plugin: str) -> Place:
        return Place(self.scope, self.name, self.attempt, self.hop, plugin)

    @property
    def step(self) -> str:
        return self.scope.path_of(self.name)

    @property
    def path(self) -> str:
        path = f"{self.step}/attempt:{self.attempt}"
        path = f"{path}/redirect:{self.hop}" if self.hop else path
        return f"{path}/plugin:{self.plugin}" if self.plugin else path


class Stop:
    """Says to all frames within a parallel step that they go no further; a stop further out counts, too.

    ``jobs`` are that step's branches, ``inner`` the stops of the parallel steps that run inside them.
    """

    __slots__ = ("called", "inner", "jobs", "outer")

    def __init__(self, outer: Stop | None) -> None:
        self.called = False
        self.outer = outer
        self.jobs = Together()
        self.inner: dict[Stop, None] = {}

    def cancel(self) -> None:
        """Cancel the branches at every depth, now: an answer of the same instant comes too late for all of them."""
        self.jobs.cancel()
        for stop in self.inner:
            stop.cancel()

    @property
    def is_set(self) -> bool:
        return self.called or (self.outer is not None and self.outer.is_set)


class Frame:
    """Where a sequence of steps executes. ``purse`` is the innermost budget that its asks draw on.

    ``told`` is the value that was written down last, and the copy of it that the log holds.
    """

    __slots__ = ("log", "purse", "run", "scope", "state", "stop", "told")

    def __init__(
        self, run: Run, scope: Scope, log: Log, state: State[Any], purse: Purse, stop: Stop | None = None
    ) -> None:
        self.run = run
        self.scope = scope
        self.log = log
        self.state = state
        self.purse = purse
        self.stop = stop
        self.told: tuple[object, object] = NOTHING_TOLD

    def as_told(self, value: object) -> object:
        """A value as the log holds it: who has the value may change it, and the transcript may not change with it.

        A value that goes from one step to the next is copied once.
        """
        if value.__class__ in ATOMS:
            return value
        known, kept = self.told
        if known is not value:
            kept = private_copy(value)
            self.told = (value, kept)
        return kept

    def child(self, scope: Scope, log: Log, state: State[Any], stop: Stop | None = None) -> Frame:
        """A frame inside this one: a branch, a fallback, a nested pipeline."""
        inner = self.run.new_frame(self.run, scope, log, state, self.purse, stop or self.stop)
        inner.told = self.told
        return inner

    async def decision(self, name: str, what: str, number: int) -> object:
        """What was decided before by a user's function of the step ``name``; MISSING if nothing was."""
        return MISSING

    async def keep_decision(self, name: str, what: str, number: int, decision: object) -> None:
        """Have a decision known to a run that goes on from here."""

    async def human_answer(self, name: str) -> object:
        """A person's answer to the step ``name``; MISSING as long as there is none."""
        return MISSING

    async def ask(
        self,
        callee: BoundAgent,
        place: Place,
        value: object,
        offered: Mapping[str, Any],
        timeout_s: float | None,
        purse: Purse,
    ) -> object:
        """The answer of an agent or plugin; what it cost is booked before anybody looks at it.

        ``place`` tells the log that it was asked: at once if somebody follows the run, else not before there is more to
        tell. Raises AskFailure when no usable answer came, Breached when a limit does not admit the call or was passed
        by it, Aborted when the run is being stopped.
        """
        run = self.run
        if run.halted is not None:
            raise run.halted
        if self.stop is not None and self.stop.is_set:
            raise Stopped("another branch has ended the parallel step")
        hold = None
        if callee.meter is not None or run.is_followed:
            place.start(self.log)
            hold = await self._admitted(callee, place, value, offered, purse)
            place.at = run.now()
            place.tell(self.log, callee)
        else:
            place.at = run.now()
        place.asked = True
        try:
            if run.door is not None:
                callee = run.door(callee, place.path)
            if timeout_s is None and run.gate is None and run.pace is None and purse.budget is None:
                answer = await callee.call(value, **offered)
            else:
                with drawing_on(purse, hold, place, self.log):
                    answer = await call_within(timeout_s, callee, place, value, offered, run)
        except BaseException as error:
            place.tell(self.log, callee)
            # No variable holds what is raised: it holds this frame, and such a circle waits for the garbage collector.
            raise await self._failure(error, callee, place, hold, purse)  # noqa: B904  # it has its cause
        cls = answer.__class__
        if cls in ATOMS and callee.meter is None and purse.budget is None:
            return answer
        if callee.meter is not None or cls in PAYING or (purse.budget is not None and not self._stopped):
            place.tell(self.log, callee)
            self._booked(callee, place, answer, hold, purse)
            if cls is AgentOutput:
                answer = answer.output  # type: ignore[attr-defined]
        if is_unusable(answer):
            place.tell(self.log, callee)
            raise AskFailure("invalid", unusable(callee, place, answer))
        return answer

    async def _failure(
        self,
        error: BaseException,
        callee: BoundAgent,
        place: Place,
        hold: Hold | None,
        purse: Purse,
    ) -> BaseException:
        """What a call that raised means for its step, booked: an AskFailure, or the cancellation or interruption."""
        if isinstance(error, Late):
            purse.book(self.log, callee, place, error.brought, error.transport, hold, place.at)
            return _caused(AskFailure(error.outcome, error.error), error)
        if isinstance(error, BaseExceptionGroup) and being_cancelled():  # it failed in cleaning up
            purse.book(self.log, callee, place, error, "cancelled", hold, place.at)
            await raise_if_cancelled()
        raised = error
        if foreign_cancellation(error):
            error = MisbehavedError(f"agent '{callee.name}' raised {type(error).__name__}, but nobody cancelled it")
        if isinstance(error, Exception):
            purse.book(self.log, callee, place, error, "error", hold, place.at)
            return _caused(AskFailure("error", error), raised)
        purse.book(self.log, callee, place, error, "cancelled", hold, place.at)
        return error

    @property
    def _stopped(self) -> bool:
        return self.stop is not None and self.stop.is_set

    def _booked(self, callee: BoundAgent, place: Place, answer: object, hold: Hold | None, purse: Purse) -> None:
        try:
            purse.book(self.log, callee, place, answer, "ok", hold, place.at)
        except Breached as breach:
            breach.answer = answer.output if isinstance(answer, AgentOutput) else answer
            raise

    async def _admitted(
        self, callee: BoundAgent, place: Place, value: object, offered: Mapping[str, Any], purse: Purse
    ) -> Hold | None:
        """Wait for the reader of a stream to keep up and for the budget to admit the call; tell the journal of it."""
        run = self.run
        if run.pace is not None:
            await run.pace()
        hold = None if callee.meter is None else await purse.hold(callee.meter, place, value, offered, self.log)
        try:
            if run.halted is not None:
                raise run.halted
            if run.journal is not None and callee.meter is not None:
                intent = intent_of(purse, callee.meter, place, value, offered, hold)
                await run.journal.intend(purse.account.run_id, place.path, intent)
        except BaseException:
            if hold is not None:
                hold.release()
            raise
        return hold


def _caused(failure: AskFailure, error: BaseException) -> AskFailure:
    """The failure as if it had been raised from the error."""
    failure.__cause__ = error
    return failure


def unusable(callee: BoundAgent, place: Place, answer: object) -> FlujoError:
    return MisbehavedError(
        f"agent '{callee.name}' answered with a {type(answer).__name__}: "
        "it forgot to await, or to collect what it yields",
        path=place.path,
    )
