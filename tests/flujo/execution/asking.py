"""One ask of a frame that has a journal, by itself: the frame, the journal, and who is asked. No tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import Field

from flujo import AgentOutput, PipelineContext, Usage
from flujo.binding import BoundAgent, bind_agent, bind_plugin
from flujo.entries import Draw, LedgerEntry
from flujo.errors import NotStorable
from flujo.events import Asked, Log, Scope, rows
from flujo.execution.account import Account, Purse, RunId
from flujo.execution.budget import Budget
from flujo.execution.frame import Place, Run
from flujo.execution.journal import JournaledFrame
from flujo.execution.ledger import price_entry
from flujo.execution.past import Past
from flujo.isolation import State
from flujo.laws import DEFAULT
from flujo.ports import RecordedAnswer
from flujo.usage import RequestUsage
from tests.flujo.execution.metered import PRICES

AT = datetime(2026, 3, 1, tzinfo=UTC)
USED = Usage(input_tokens=1000, output_tokens=1000)
PATH = "s/attempt:1"
TOOLS = Draw("tool_calls", Decimal(2), Decimal(0))


class Notes(PipelineContext):
    notes: list[str] = Field(default=[])
    mood: str = ""


class Still:
    """A clock that stands still."""

    def now(self) -> float:
        return 7.0

    def utc(self) -> datetime:
        return AT

    async def sleep(self, seconds: float) -> None: ...


class Telling(Place):
    """Tells the log that it has asked, once."""

    __slots__ = ("is_told",)

    def tell(self, log: Log, callee: BoundAgent) -> None:
        if not getattr(self, "is_told", False):
            self.is_told = True
            log.extend((Asked, self.at, self.scope, self.name, self.attempt, self.hop, callee.name, None, ()))


@dataclass
class Asking:
    """A frame of a step ``s``, and its asks."""

    journal: Any = None
    past: Past | None = None
    budget: Budget | None = None
    is_stored: bool = False

    def __post_init__(self) -> None:
        account = Account(RunId("r"), Still(), DEFAULT, PRICES, strict=False)
        run = Run(account.clock, DEFAULT, account, None)
        run.journal, run.past, run.is_stored = self.past or self.journal, self.past, self.is_stored
        self.run = run
        self.frame = JournaledFrame(run, Scope(None, ""), [], State.take(Notes()), Purse(account, self.budget))
        self.place = Telling(self.frame.scope, "s", 1)
        self.context = self.frame.state.fork()

    async def ask(self, agent: Any, *, is_plugin: bool = False, **offered: Any) -> object:
        callee = (bind_plugin if is_plugin else bind_agent)(agent)
        if is_plugin:
            self.place.plugin = callee.name
        return await self.frame.ask(callee, self.place, "rain", offered, None, self.frame.purse)

    async def kept(self, path: str = PATH) -> Any:
        return await self.journal.recall("r", path)

    @property
    def told(self) -> list[tuple[str, Any]]:
        """The records by the names of their classes, with their last fields."""
        return [(row[0].__name__, row[-1]) for row in rows(self.frame.log)]


class Plain:
    """A journal that keeps what it is given, without copying; ``refuses`` says what cannot be kept."""

    def __init__(self, refuses: Callable[[RecordedAnswer], bool] = lambda answer: False) -> None:
        self.kept: dict[str, RecordedAnswer] = {}
        self.refuses = refuses

    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        assert run_id == "r"
        return self.kept.get(path)

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        assert run_id == "r"
        if self.refuses(answer):
            raise NotStorable("$", "it is odd")
        self.kept[path] = answer


def entry(number: int = 1, **of: Any) -> LedgerEntry:
    """The entry of a request of the ask; it has cost two cents, unless another usage is given."""
    request = RequestUsage(**{"usage": USED, "model": "test:m", **of})
    return price_entry(request, run_id="r", path=PATH, number=number, attempt=1, requested_at=AT, cost_model=PRICES)


async def pays(x: str) -> AgentOutput[str]:
    return AgentOutput("Rain", usage=USED, model="test:m")


async def never(x: str) -> str:
    raise AssertionError("nobody is asked")


def failure(error: Any) -> tuple[Any, ...]:
    """What an AskFailure says."""
    return type(error), error.outcome, str(error.error), error.retryable
