"""The doors of the engine: what it asks of agents, plugins, clocks and journals, and what they answer.

Protocols and the plain records that pass through them. Nothing here runs anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Protocol, TypedDict, TypeVar, final, runtime_checkable

from flujo.entries import Draw, LedgerEntry
from flujo.structure import MISSING
from flujo.usage import RequestUsage, Usage, check_report

T_co = TypeVar("T_co", covariant=True)


@final
@dataclass(frozen=True, slots=True)
class AgentOutput(Generic[T_co]):
    """An answer together with what it cost.

    ``usage`` and ``model`` describe one model request; an agent that made several (tools, its own retries) reports
    them one by one in ``requests`` instead, because prices with tiers hold per request. Absent usage is None, never
    zero. ``cost_usd`` is what the provider says it charged, where it says so; ``price_context`` names the variant it
    was bought in (batch, service tier).
    """

    output: T_co
    usage: Usage | None = None
    model: str | None = None
    cost_usd: Decimal | None = None
    requests: tuple[RequestUsage, ...] | None = None
    price_context: str | None = None

    def __init_subclass__(cls) -> None:
        raise TypeError("AgentOutput is final: what its subclasses cost would not be booked")

    def __post_init__(self) -> None:
        check_report(self.usage, self.model, self.cost_usd, self.requests)


@runtime_checkable
class Agent(Protocol):
    """Anything with ``async run(input)``; it may also take ``context``, ``resources``, ``feedback``, ``settings``.

    An agent that names ``feedback`` in its signature is told every rejection so far and gets its input unchanged. One
    that names ``idempotency_key`` is given a text that is the same whenever a run on a store makes this call, also
    after its process died, and None without a store.
    Optional attributes: ``model`` (then its calls are metered), ``max_output_tokens``, ``max_requests``,
    ``estimate_input(input) -> int | None`` (tokens; it may take ``settings`` and ``feedback``,
    too), ``output_type`` (a type that pydantic can validate) and
    ``stream(input, ...)``, an async iterator of text chunks whose last item may be an ``AgentOutput``.
    """

    def run(self, input: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a draft was refused: told to the next attempt."""

    plugin: str
    feedback: str
    attempt: int


class Draft(TypedDict):
    """What a plugin judges: its own private copy of the output and input of one attempt."""

    output: Any
    input: Any
    attempt: int
    feedback: tuple[Rejection, ...]


@final
@dataclass(frozen=True, slots=True)
class PluginOutcome:
    """A plugin's verdict.

    ``feedback`` says why a draft is rejected. ``redirect_to`` is an agent that is asked instead, whatever ``success``
    says. ``new_solution`` of an accepting outcome replaces the output; None is a value, so leave it out for "keep".
    ``usage`` and ``model`` report what the plugin itself paid for.
    """

    success: bool
    feedback: str | None = None
    redirect_to: object | None = None
    new_solution: Any = MISSING
    usage: Usage | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        check_report(self.usage, self.model)

    @property
    def replaces_output(self) -> bool:
        return self.new_solution is not MISSING


class ValidationPlugin(Protocol):
    """Judges drafts. Plugins of higher ``priority`` come first, ties in declared order.

    ``validate`` may also take ``context`` and ``resources`` by keyword.
    """

    @property
    def name(self) -> str: ...
    @property
    def priority(self) -> int: ...

    async def validate(self, draft: Draft) -> PluginOutcome: ...


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request to a model's provider that an adapter is about to send.

    ``url`` is where it goes to (None: where the SDK sends by itself), ``transport`` what carries it, that of the SDK's
    HTTP client (None: the SDK's own).
    """

    model: str
    url: str | None
    transport: object | None


class Clock(Protocol):
    """Time as the engine sees it."""

    def now(self) -> float:
        """Monotonic seconds."""

    def utc(self) -> datetime:
        """The date and time in UTC: requests are priced by it."""

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """What one ask brought, as a journal keeps it: replaying it books and changes the same, and calls nobody.

    ``error`` is the error that the ask ended with, or None; ``context_change`` holds the fields that the ask changed
    in its private context, and what they became (``MISSING``: they were deleted); ``draws`` what limits count beside
    the ``entries``.
    """

    value: object
    entries: tuple[LedgerEntry, ...] = ()
    error: BaseException | None = None
    context_change: tuple[tuple[str, Any], ...] = ()
    draws: tuple[Draw, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intent:
    """What is booked of a call that was about to be made if nobody ever hears how it ended.

    ``entry`` says when it was to be made and the most that it may have cost, ``draws`` what limits count for it.
    """

    entry: LedgerEntry
    draws: tuple[Draw, ...] = ()


class Gate(Protocol):
    """Stands before every agent and plugin that a run asks: it decides when a call is made, and when its answer counts.

    It waits within the deadline of the ask; to the agent that, the call and the answer are one act.
    """

    async def let_through(self, path: str, order: tuple[int, ...], call: Callable[[], Awaitable[object]]) -> object:
        """Make the call of the ask at ``path``: its answer, or what it raises.

        ``order`` is the ask's position among the branches and items around it, as they were declared.
        """


class Journal(Protocol):
    """Where a run's answers are kept, by the structural path of the ask."""

    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        """The answer committed for this ask, if any."""

    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        """Written before a call that is paid: as long as there is no answer, it is in doubt after a crash.

        One that is made again after such a crash has an ``intent`` of its own, with another ``entry_id``.
        """

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        """The answer is kept from now on; the ask is never made again for this run."""

    async def paths(self, run_id: str) -> Sequence[str]:
        """The paths of the run's answers, in the order in which they were first committed."""

    async def intents(self, run_id: str) -> Mapping[str, tuple[Intent, ...]]:
        """The run's calls in doubt by path, in the order in which they were intended."""


@dataclass(frozen=True, slots=True)
class CachedResult:
    """An accepted result as a cache keeps it.

    ``reads`` are the context fields that were looked at when it was made, with a digest of what they held;
    ``context_delta`` is what it changed in the context.
    """

    output: object
    reads: Mapping[str, str]
    context_delta: tuple[tuple[str, Any], ...]


class Cache(Protocol):
    """Where the results of cached steps are kept, by a key that holds all but what was read of the context."""

    async def find(self, key: str) -> Sequence[CachedResult]:
        """The results under a key: they differ in what was read of the context."""

    async def keep(self, key: str, result: CachedResult) -> None:
        """Keep one more; it replaces one that had read the same."""


Listener = Callable[[Any], None]
Feedback = Sequence[Rejection]
