"""Pipelines that the command line is tested with: their times, prices and answers are always the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flujo import (
    AgentOutput,
    Flujo,
    MergeStrategy,
    PipelineContext,
    Price,
    PriceTable,
    Rejection,
    Step,
    Usage,
    UsageLimits,
    ValidationPlugin,
    validator,
)
from flujo.pipeline import AnyPipeline

PRICES = PriceTable({"test:writer": Price(input="3", output="17"), "test:critic": Price(input="5", output="19")})
HOSTILE = "[bold]Rain[/bold] \x1b[31mfalls\x1b[0m\u202e, and falls\n::error::and falls"


class Desk(PipelineContext):
    drafts: list[str] = []
    notes: dict[str, str] = {}


@dataclass
class HandClock:
    """Time passes when an agent says so."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    def utc(self) -> datetime:
        return datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Writer:
    """Answers from a list, the last answer for ever; each answer takes 1.2 s."""

    clock: HandClock
    answers: Sequence[str]
    model: str = "test:writer"
    asked: list[str] = field(default_factory=list)

    async def run(self, text: str, *, context: Desk, feedback: Sequence[Rejection] = ()) -> AgentOutput[str]:
        self.asked.append(text)
        self.clock.seconds += 1.2
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        context.drafts.append(answer)
        return AgentOutput(answer, usage=Usage(input_tokens=120, output_tokens=40), model=self.model)


@dataclass
class Critic:
    """Finds everything fine; takes 0.5 s."""

    clock: HandClock
    name: str

    async def run(self, text: str, *, context: Desk) -> AgentOutput[str]:
        self.clock.seconds += 0.5
        context.notes[self.name] = "fine"
        return AgentOutput("fine", usage=Usage(input_tokens=41, output_tokens=13), model="test:critic")


@validator
def four_words(text: str) -> bool | str:
    words = len(text.split())
    return words <= 4 or f"{words} words, at most 4"


def pages(clock: HandClock, *answers: str, max_retries: int = 2) -> AnyPipeline:
    """Written, and read by two critics at once."""
    write = Step("write", Writer(clock, answers), plugins=[four_words], max_retries=max_retries)
    branches = {name: Step("read", Critic(clock, name)) for name in ("legal", "tone")}
    review = Step.parallel("review", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    return (write >> review).named("press")


def runner(pipeline: AnyPipeline, clock: HandClock, limits: UsageLimits | None = None) -> Flujo[str, object]:
    return Flujo(pipeline, context_model=Desk, cost_model=PRICES, usage_limits=limits, clock=clock)


def press() -> Flujo[str, object]:
    """The first draft has too many words; the budget is 0.05 USD."""
    clock = HandClock()
    limits = UsageLimits(total_cost_usd_limit="0.05")
    return runner(pages(clock, "Rain falls, and falls, and falls", "Grey rain again"), clock, limits)


def wordy() -> Flujo[str, object]:
    """No draft is accepted."""
    clock = HandClock()
    return runner(pages(clock, "Rain falls, and falls, and falls", max_retries=1), clock)


def thrifty() -> Flujo[str, object]:
    """The second draft passes the budget."""
    clock = HandClock()
    limits = UsageLimits(request_limit=1)
    return runner(pages(clock, "Rain falls, and falls, and falls", "Grey rain again"), clock, limits)


def approved() -> Flujo[str, object]:
    """A person has to say yes."""
    clock = HandClock()
    asks = Step.human_in_the_loop("approve", "Publish it?", input_schema=bool)
    return runner(pages(clock, "Grey rain again") >> asks, clock)


def hostile() -> Flujo[str, object]:
    """The answer would command a terminal, rich and a CI service if it were not shown inert."""
    clock = HandClock()
    return runner(Step("write", Writer(clock, [HOSTILE])) >> Step("echo", Writer(clock, [HOSTILE])), clock)


bare = Step("write", Writer(HandClock(), ["Grey rain again"]))
"""A step alone."""
nothing = "no pipeline"


def needs(clock: HandClock) -> None:
    """No function that a reference may name."""


async def awaits() -> None:
    """No function that a reference may name either."""


def breaks() -> Flujo[str, object]:
    raise ZeroDivisionError("by\nzero")


def two_problems() -> AnyPipeline:
    """Two steps of one name, and one that cannot take what comes before it."""

    async def count(words: int) -> int:
        return words

    async def write(text: str) -> str:
        return text

    return Step("write", write) >> Step("write", write) >> Step("count", count)  # type: ignore[arg-type]


# The press as somebody may have changed it since --------------------------------------------------------------------


def changed(
    *,
    plugins: Sequence[ValidationPlugin] = (four_words,),
    prompt: str = "{}",
    prices: PriceTable = PRICES,
    reviewers: Sequence[str] = ("legal", "tone"),
    max_retries: int = 2,
    name: str = "write",
    more: Sequence[Step] = (),
) -> Flujo[str, object]:
    clock = HandClock()
    write = Step(
        name,
        Writer(clock, ["Rain falls, and falls, and falls", "Grey rain again"]),
        plugins=plugins,
        max_retries=max_retries,
        input_processors=[lambda text: prompt.format(text)],
    )
    branches = {one: Step("read", Critic(clock, one)) for one in reviewers}
    review = Step.parallel("review", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    pipeline: AnyPipeline = write >> review
    for step in more:
        pipeline = pipeline >> step
    return Flujo(pipeline.named("press"), context_model=Desk, cost_model=prices, clock=clock)


@validator
def not_blue(text: str) -> bool | str:
    return "blue" not in text.lower() or "blue"


def unchanged() -> Flujo[str, object]:
    return changed()


def other_prompt() -> Flujo[str, object]:
    return changed(prompt="A haiku about {}")


def other_plugin() -> Flujo[str, object]:
    @validator
    def four_words(text: str) -> bool | str:
        words = len(text.split())
        return words <= 7 or f"{words} words, at most 7"

    return changed(plugins=[four_words])


def another_plugin() -> Flujo[str, object]:
    return changed(plugins=[four_words, not_blue])


def other_price() -> Flujo[str, object]:
    dearer = Price(input="5", output="23")
    return changed(prices=PriceTable({"test:writer": Price(input="3", output="17"), "test:critic": dearer}))


def other_branches() -> Flujo[str, object]:
    return changed(reviewers=("legal", "facts"))


def fewer_branches() -> Flujo[str, object]:
    return changed(reviewers=("legal",))


def fewer_retries() -> Flujo[str, object]:
    return changed(max_retries=0)


def other_name() -> Flujo[str, object]:
    return changed(name="draft")


def longer() -> Flujo[str, object]:
    return changed(more=[Step("sign", Writer(HandClock(), ["signed"]))])


def sorted_by(decide: Callable[[str], str]) -> Flujo[str, object]:
    """Chooses a branch by a condition."""
    clock = HandClock()
    branches = {name: Step("take", Writer(clock, [name])) for name in ("short", "long")}
    write = Step("write", Writer(clock, ["Rain"]))
    return runner((write >> Step.branch_on("sort", decide, branches)).named("press"), clock)


def sorting() -> Flujo[str, object]:
    return sorted_by(lambda text: "short" if len(text) < 9 else "long")


def sorting_otherwise() -> Flujo[str, object]:
    return sorted_by(lambda text: "short" if len(text) < 4 else "long")
