"""Small runs of the real engine, each with something of its own to tell, for the tests of the transcript."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any

import anyio
from pydantic import Field

from flujo import (
    AgentError,
    AgentOutput,
    Backoff,
    BranchFailureStrategy,
    Draft,
    Flujo,
    MergeStrategy,
    PipelineAbort,
    PipelineContext,
    PipelineResult,
    PluginOutcome,
    RequestUsage,
    Step,
    Usage,
    UsageLimits,
    validator,
)
from flujo.events import Asked, Event, Paid
from flujo.execution.ledger import Ledger
from flujo_testing.costs import default_cost_model
from flujo_testing.transcript import render, story_of


class Ctx(PipelineContext):
    topic: str = ""
    drafts: list[str] = Field(default_factory=list)
    notes: dict[str, str] = Field(default_factory=dict)


class Answers:
    """Gives these answers in turn, each for 120 input and 40 output tokens; an exception is raised."""

    def __init__(self, *answers: object, name: str = "writer", model: str = "test:writer") -> None:
        self.name = name
        self.paid_by = model
        self.answers = iter(answers)

    async def run(self, input: Any) -> Any:
        answer = next(self.answers)
        if isinstance(answer, BaseException):
            raise answer
        return AgentOutput(answer, usage=Usage(input_tokens=120, output_tokens=40), model=self.paid_by)


class Heeding(Answers):
    """Is told its feedback apart from its input."""

    async def run(self, input: Any, *, feedback: object = ()) -> Any:
        return await super().run(input)


class Metered(Answers):
    """Declares what it may use: 50 input and 100 output tokens of its model."""

    max_output_tokens = 100

    def __init__(self, *answers: object, model: str = "test:writer") -> None:
        super().__init__(*answers, model=model)
        self.model = model

    def estimate_input(self, input: object) -> int:
        return 50


@dataclass
class Says:
    """A plugin that gives these outcomes in turn; an exception is raised."""

    name: str
    outcomes: list[Any]
    priority: int = 0
    given: list[Draft] = field(default_factory=list)

    async def validate(self, draft: Draft) -> Any:
        self.given.append(draft)
        outcome = self.outcomes[len(self.given) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@validator
def max_words(output: str) -> bool | str:
    count = len(output.split())
    return True if count <= 4 else f"{count} words, at most 4"


OK = PluginOutcome(True)


async def echo(input: Any) -> Any:
    return input


async def keep(draft: str, *, context: Ctx) -> str:
    context.drafts.append(draft)
    return draft


async def hang(input: object) -> None:
    await anyio.Event().wait()


async def run(
    pipeline: Any, input: object = "rain", *, context: Mapping[str, Any] | None = None, **options: Any
) -> PipelineResult:
    runner = Flujo(pipeline, **{"cost_model": default_cost_model(), **options})
    return await runner.run_async(input, context_data=context)


def text(result: PipelineResult) -> str:
    return render(story_of(result))


def expected(text: str) -> str:
    """The text of a golden as it stands in a test: without its indentation and without the first line."""
    return "format: flujo-golden/1\n" + dedent(text).strip("\n ") + "\n"


@dataclass(frozen=True)
class Retold:
    """A result whose transcript holds other events than those that happened."""

    transcript: tuple[Event, ...]
    context: object

    @property
    def ledger(self) -> Ledger:
        return Ledger.of(event.entry for event in self.transcript if isinstance(event, Paid))


def retold(result: Any, events: Iterable[Event]) -> dict[str, Any]:
    return story_of(Retold(tuple(events), result.context))  # type: ignore[arg-type]


# One run of each kind -----------------------------------------------------------------------------------


async def rejected() -> PipelineResult:
    return await run(
        Step("write", Heeding("Rain falls and falls and falls", "Grey rain"), plugins=[max_words])
        >> Step("review", echo)
    )


async def told_in_text() -> PipelineResult:
    return await run(Step("write", Answers("Rain falls and falls and falls", "Grey rain"), plugins=[max_words]))


async def redirected() -> PipelineResult:
    senior = Answers("Bright rain", name="senior", model="test:senior")
    tone = Says("tone", [PluginOutcome(False, "too sad", redirect_to=senior), OK])
    return await run(Step("write", Answers("Grey rain"), plugins=[max_words, tone]))


async def fell_back() -> PipelineResult:
    small = Step("small", Answers("ok", model="test:small"))
    return await run(Step("write", Answers(ValueError("boom"), ValueError("bang")), fallback=small))


async def timed_out() -> PipelineResult:
    return await run(Step("write", hang, timeout_s=0.001, max_retries=0) >> Step("never", echo))


async def parallel() -> PipelineResult:
    async def legal(draft: str, *, context: Ctx) -> object:
        context.notes["legal"] = "fine"
        context.drafts.append("legal")
        return AgentOutput("fine", usage=Usage(input_tokens=41, output_tokens=13), model="test:critic")

    async def facts(draft: str, *, context: Ctx) -> str:
        context.drafts.append("facts")
        return "true"

    async def luckless(draft: str) -> object:
        raise AgentError("no luck", usage=Usage(input_tokens=41), model="test:critic")

    review = Step.parallel(
        "review",
        {
            "legal": Step("legal", legal),
            "facts": Step("look_up", facts) >> Step("check", echo),
            "style": Step("style", luckless, max_retries=0),
        },
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
        on_branch_failure=BranchFailureStrategy.IGNORE,
    )
    return await run(Step("write", keep) >> review >> Step("end", echo), context_model=Ctx, context={"topic": "rain"})


async def stopped() -> PipelineResult:
    asked = anyio.Event()

    async def hangs(input: object) -> None:
        asked.set()
        await anyio.Event().wait()

    async def fails(input: object) -> None:
        await asked.wait()
        raise ValueError("boom")

    branches = {"slow": Step("slow", hangs), "hasty": Step("hasty", fails, max_retries=0)}
    return await run(Step.parallel("both", branches))


async def not_admitted() -> PipelineResult:
    pipeline = Step("write", Answers("Grey rain")) >> Step("publish", Metered("never"))
    return await run(pipeline, usage_limits=UsageLimits(total_cost_usd_limit="0.002"))


async def limited() -> PipelineResult:
    return await run(Step("write", Answers("Grey rain")), usage_limits=UsageLimits(output_tokens_limit=39))


async def aborted() -> PipelineResult:
    def stop(event: object) -> None:
        if isinstance(event, Asked) and event.step == "second":
            raise PipelineAbort("enough")

    return await run(Step("first", Answers("one")) >> Step("second", echo), listeners=[stop])


async def failed() -> PipelineResult:
    return await run(Step("write", Answers(ValueError("boom"), ValueError("bang"))) >> Step("never", echo))


async def crashed() -> PipelineResult:
    lint = Says("lint", [RuntimeError("odd"), None, OK])
    return await run(Step("write", Heeding("one", "two", "three"), plugins=[lint], max_retries=2))


async def updated() -> PipelineResult:
    async def research(topic: str) -> dict[str, Any]:
        return {"topic": "snow", "drafts": ["a", "b"], "notes": {"x": "1"}}

    async def edit(input: object, *, context: Ctx) -> str:
        del context.drafts[1:]
        del context.notes["x"]
        context.notes["y"] = "2"
        context.topic = ""
        return "edited"

    pipeline = Step("research", research, updates_context=True) >> Step("edit", edit)
    return await run(pipeline, context_model=Ctx)


async def waited() -> PipelineResult:
    agent = Answers(ValueError("boom"), "ok")
    return await run(Step("write", agent, backoff=Backoff(initial_s=0.0)))


async def lost() -> PipelineResult:
    plugins = [Says("odd", [PluginOutcome(False), OK])]
    return await run(Step("count", Answers(1, 2), plugins=plugins), [3])


async def several_requests() -> PipelineResult:
    async def researcher(input: object) -> object:
        usage = Usage(input_tokens=31, cache_read_tokens=7, output_tokens=0, output_reasoning_tokens=0)
        requests = (
            RequestUsage(usage=usage, model="test:critic"),
            RequestUsage(usage=None, model="test:critic", outcome="in_doubt"),
            RequestUsage(usage=Usage(requests=2), model="own:model", cost_usd="0.5", usage_source="estimate"),  # type: ignore[arg-type]
        )
        return AgentOutput("done", requests=requests)

    judge = Says("judge", [PluginOutcome(True, "fine", usage=Usage(input_tokens=11), model="test:critic"), OK])
    better = Says("better", [PluginOutcome(True, new_solution="Done")])
    return await run(Step("search", researcher, plugins=[judge, better]))


async def nested() -> PipelineResult:
    inner = Step.parallel("inner", {"a": Step("a", echo), "b": Step("b", Answers("B"))})
    return await run(Step.parallel("outer", {"deep": Step("first", echo) >> inner, "flat": Step("flat", echo)}))


RUNS: dict[str, Callable[[], Awaitable[PipelineResult]]] = {
    make.__name__: make
    for make in (
        rejected, told_in_text, redirected, fell_back, timed_out, parallel, stopped, not_admitted, limited, aborted,
        failed, crashed, updated, waited, lost, several_requests, nested,
    )
}  # fmt: skip
