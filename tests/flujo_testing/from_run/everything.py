"""A module of a user with one of everything that a run can tell: the source of a pipeline, not a test."""

SOURCE = """\
import anyio
from pydantic import BaseModel

from flujo import (
    AgentError, AgentOutput, Backoff, BranchFailureStrategy, Flujo, MergeStrategy, Pipeline, PipelineContext,
    PluginOutcome, Price, PriceTable, Step, Usage,
)
from flujo.stores.memory import MemoryCache

USED = Usage(input_tokens=120, output_tokens=40)


class Note(BaseModel):
    text: str
    words: int = 0


class Desk(PipelineContext):
    drafts: list[str] = []


class Writer:
    model, max_output_tokens = "test:writer", 40

    def __init__(self, *answers, seconds=0):
        self.answers, self.asked, self.seconds = answers, 0, seconds

    def estimate_input(self, text):
        return 120

    async def run(self, text, *, context: Desk):
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if self.seconds:
            await anyio.sleep(self.seconds)
        context.drafts.append(str(answer))
        if isinstance(answer, Exception):
            raise answer
        return AgentOutput(answer, usage=USED, model="test:writer")


class Typed(Writer):
    output_type = Note


senior = Writer("senior words")


class Tone:
    name, priority = "tone", 3

    async def validate(self, draft):
        if "sad" in draft["output"]:
            return PluginOutcome(False, "too sad", redirect_to=senior)
        return PluginOutcome(True, new_solution=draft["output"].upper())


class Judge:
    name, priority, model, max_output_tokens = "judge", 1, "test:writer", 40

    def estimate_input(self, draft):
        return 100

    async def validate(self, draft):
        return PluginOutcome(True, usage=USED, model="test:writer")


async def hold(text):
    return AgentOutput("held", usage=USED, model="test:writer")


offline = ConnectionError("offline")
paid = AgentError("paid and failed", usage=USED, model="test:writer")
later = Backoff(initial_s=0.01)
parts = [
    Step("write", Writer("sad rain", offline, "fine"), plugins=[Tone(), Judge()], max_retries=2, backoff=later),
    Step("flaky", Writer(offline, paid), max_retries=1, backoff=later, fallback=Step("safe", Writer("safe"))),
    Step("late", Writer("late", seconds=9), timeout_s=0.01, max_retries=0, fallback=Step("early", Writer("early"))),
    Step("typed", Typed(Note(text="x", words=3))),
    Step.parallel(
        "both",
        {"good": Step("one", Writer("good")), "bad": Step("two", Writer(ValueError("bad")), max_retries=0)},
        on_branch_failure=BranchFailureStrategy.IGNORE,
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
    ),
    Step.loop_until("loop", Step("again", Writer("a", "b", "c")), lambda output: output == "c"),
    Step.branch_on("branch", lambda text: "yes", {"yes": Step("y", Writer("yes")), "no": Step("n", Writer("no"))}),
    Step.map_over("map", Step("each", Writer("m")), lambda text: ["1", "2", "3"], max_concurrency=3),
    (Step("in1", Writer("i")) >> Step("in2", Writer("j"))).as_step("nested"),
    Step.cached(Step("cache", hold), MemoryCache()),
]
PRICES = PriceTable({"test:writer": Price(input="3", output="17")})
result = Flujo(Pipeline.of(*parts[:-1]).named("all"), context_model=Desk, cost_model=PRICES)
cached = Flujo(Pipeline.of(parts[-1]).named("cached"), context_model=Desk, cost_model=PRICES)
"""
