"""A stored run once more, by the code as it is now and with the answers as they were then: nobody is asked.

Agents, people and caches answer from the store. Functions that decide, processors, merges and plugins are the current
code; of plugins, only those that were paid for answer from the store. Prices are the current ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from flujo.binding import BoundAgent
from flujo.entries import LedgerEntry
from flujo.events import Event
from flujo.execution.ledger import price_entry
from flujo.overrides import override
from flujo.pipeline import AnyPipeline
from flujo.ports import Intent, RecordedAnswer
from flujo.prices import CostModel
from flujo.results import PipelineResult
from flujo.runner import Flujo
from flujo.steps.cached import CachedStep
from flujo.stores.memory import MemoryCache

if TYPE_CHECKING:
    from flujo.stores.records import StoredResume, StoredRun


class Unknown(BaseException):
    """The run asks for an answer that the store does not have. Nothing retries it, or falls back from it."""


class StandingClock:
    """The time at which the run began, for ever: back-off and pauses take no time, and prices are those of that day."""

    def __init__(self, utc: datetime) -> None:
        self._utc = utc

    def now(self) -> float:
        return 0.0

    def utc(self) -> datetime:
        return self._utc

    async def sleep(self, seconds: float) -> None:
        return None


class StoredAnswers:
    """A journal that knows the answers of one run and keeps no others. ``live`` are patterns of paths asked anew."""

    def __init__(
        self, answers: Mapping[str, RecordedAnswer], cost_model: CostModel | None, live: Sequence[str] = ()
    ) -> None:
        self._answers = answers
        self._cost_model = cost_model
        self._live = tuple(live)

    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        known = self._answers.get(path)
        if path.endswith("/human:1"):
            return None  # a person's answer is given when the run goes on, as it was then
        if path.rpartition("/")[2].startswith("decision:"):
            return known if path.endswith("/decision:cache:0") else None
        return None if known is None or self.is_code(path) else self._priced(known, run_id)

    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        """Nothing is kept: the store is only read."""

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        """Nothing is kept: the store is only read."""

    async def paths(self, run_id: str) -> Sequence[str]:
        return tuple(self._answers)

    async def intents(self, run_id: str) -> Mapping[str, tuple[Intent, ...]]:
        return {}

    def is_code(self, path: str) -> bool:
        """Whether the code itself is called at this path: plugins without costs, and what was said to be live."""
        known = self._answers.get(path)
        if "/plugin:" in path.rpartition("/attempt:")[2]:
            return known is None or not known.entries
        return self.is_live(path)

    def is_live(self, path: str) -> bool:
        places = (path, path.rpartition("/attempt:")[0])
        return any(fnmatchcase(place, pattern) for pattern in self._live for place in places)

    def _priced(self, known: RecordedAnswer, run_id: str) -> RecordedAnswer:
        return replace(known, entries=tuple(self._entry(entry, run_id) for entry in known.entries))

    def _entry(self, entry: LedgerEntry, run_id: str) -> LedgerEntry:
        """The entry at the current prices. A table that is still the same has still the same prices."""
        model = self._cost_model
        if model is None or model.table_id == entry.table_id:
            return entry
        number = int(entry.entry_id.rpartition("/request:")[2])
        priced = price_entry(
            entry.request,
            run_id=run_id,
            path=entry.path,
            number=number,
            attempt=entry.attempt,
            requested_at=entry.requested_at,
            branch=entry.branch,
            cost_model=model,
            possible_usd=entry.possible_usd,
        )
        return replace(priced, entry_id=entry.entry_id)


@dataclass(slots=True)
class Rerun:
    """What came of running it again: the events in order of arrival, and where it asked for what nobody answered."""

    events: list[Event] = field(default_factory=list)
    unknown: str | None = None

    def told(self, event: Event) -> None:
        if self.unknown is None:  # what follows is the end of a run that was given up
            self.events.append(event)


async def rerun(runner: Flujo[Any, Any], run: StoredRun, live: Sequence[str] = ()) -> Rerun:
    """Run a stored run again; ``live`` are patterns of the paths of steps whose agents are asked all the same.

    Raises what ``run_async`` raises: the input or the context may not fit the pipeline any more.
    """
    done = Rerun()
    answers = StoredAnswers({ask.path: ask.answer for ask in run.asks}, runner.cost_model, live)

    def door(callee: BoundAgent, path: str) -> BoundAgent:
        """Nobody behind it: whoever is not in the store cannot be asked."""
        if answers.is_code(path):
            return callee

        async def call(value: object, /, **offered: object) -> object:
            done.unknown = path
            raise Unknown(path)

        return replace(callee, call=call, stream=None)

    with private_caches(runner.pipeline):
        ready = Flujo(
            runner.pipeline,
            context_model=runner.context_model,
            resources=runner.resources,
            usage_limits=run.limits,
            cost_model=runner.cost_model,
            strict_pricing=runner.strict_pricing,
            listeners=[done.told],
            store=answers,
            clock=StandingClock(run.summary.started_at),
            name=runner.name,
        )
        try:
            with override(door=door):
                result = await ready.run_async(run.input, run_id=run.summary.run_id, context_data=run.context_data)
                for resume in run.resumes:
                    if resume.status == result.status and _takes(result, resume):
                        done.events.clear()  # the run that goes on tells all from its start
                        result = await ready.resume_async(result, dict(resume.answers), usage_limits=run.limits)
        except Unknown:
            assert done.unknown is not None
        except BaseExceptionGroup as group:
            if group.split(Unknown)[1] is not None:  # something else was raised, too
                raise
    return done


@contextmanager
def private_caches(pipeline: AnyPipeline) -> Iterator[None]:
    """Empty caches instead of the pipeline's own, for runners made within the block.

    Theirs would be filled with answers that code which has changed since would not get.
    """
    cached = [step for _, step in pipeline.walk() if isinstance(step, CachedStep)]
    own = [step.cache for step in cached]
    try:
        for step in cached:
            object.__setattr__(step, "cache", MemoryCache())  # steps are frozen for everybody else
        yield
    finally:
        for step, cache in zip(cached, own, strict=True):
            object.__setattr__(step, "cache", cache)


def _takes(result: PipelineResult[Any], resume: StoredResume) -> bool:
    """Whether a run that ended so can go on as it did then: its questions may be others by now."""
    asked = {question.path for question in result.questions}
    return result.status in ("paused", "failed", "aborted") and asked.issuperset(path for path, _ in resume.answers)
