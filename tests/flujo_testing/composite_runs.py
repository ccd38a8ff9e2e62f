"""Small runs of steps with others inside, of people and of caches, for the tests of transcripts and of their checks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from flujo import (
    AgentOutput,
    BranchFailureStrategy,
    Flujo,
    MergeStrategy,
    Pipeline,
    PipelineResult,
    Step,
    Usage,
    UsageLimits,
)
from flujo.stores.memory import MemoryCache
from flujo_testing.costs import default_cost_model
from tests.flujo_testing.transcript_runs import Answers, Ctx, echo, keep, run


async def shorten(text: str, *, context: Ctx) -> str:
    context.drafts.append(text)
    return text.rpartition(" ")[0] or text


async def fail_on_snow(text: str, *, context: Ctx) -> str:
    context.drafts.append(text)
    if text == "snow":
        raise ValueError("too cold")
    return text.upper()


async def set_topic(text: str, *, context: Ctx) -> str:
    context.topic = text
    return text


async def forget_topic(text: str, *, context: Ctx) -> str:
    context.topic = ""
    return text


async def keep_all(texts: list[str], *, context: Ctx) -> list[str]:
    context.drafts.extend(texts)
    return texts


async def critic(text: str) -> object:
    return AgentOutput(f"{text}: fine", usage=Usage(input_tokens=41, output_tokens=13), model="test:critic")


def is_short(text: str) -> bool:
    return " " not in text


def is_long(text: str) -> bool:
    return " " in text


def never(text: str) -> bool:
    return False


def odd(text: str) -> Any:
    raise KeyError(text)


ASK = Step.human_in_the_loop("approve", "Publish it?")


# Loops --------------------------------------------------------------------------------------------------


async def looped() -> PipelineResult:
    body = Step("shorten", shorten) >> Step("check", echo)
    return await run(
        Step.loop_until("refine", body, is_short) >> Step("end", echo), "grey cold rain", context_model=Ctx
    )


async def loop_mapped() -> PipelineResult:
    loop = Step.loop_until(
        "refine",
        Step("shorten", shorten),
        is_short,
        initial_input_mapper=lambda text: f"{text} again",
        iteration_input_mapper=lambda text, *, input: input if text == "cold rain" else f"cold {text}",
        loop_output_mapper=str.title,
        max_loops=3,
    )
    return await run(loop, "rain now", context_model=Ctx)


async def loop_without_end() -> PipelineResult:
    return await run(Step.loop_until("refine", Step("shorten", shorten), never, max_loops=2), context_model=Ctx)


async def loop_failed() -> PipelineResult:
    """The second iteration fails after a step of its own has changed the context."""
    body = Step("keep", keep) >> Step("write", Answers("draft", ValueError("boom")), max_retries=0)
    return await run(Step.loop_until("refine", body, never), context_model=Ctx)


async def loop_condition_failed() -> PipelineResult:
    return await run(Step.loop_until("refine", Step("shorten", shorten), odd), context_model=Ctx)


async def loop_paused() -> PipelineResult:
    body = Step("shorten", shorten) >> Step.branch_on(
        "route", is_short, {True: Step("done", keep) >> ASK, False: Step("more", echo)}
    )
    return await run(Step.loop_until("refine", body, never), "cold grey rain", context_model=Ctx)


# Branches -----------------------------------------------------------------------------------------------


def routing(key: Any, **options: Any) -> Any:
    branches = {"legal": Step("legal", keep), "sales": Step("draft", keep) >> Step("polish", critic)}
    return Step.branch_on("route", lambda text: key, branches, **options)


async def branched() -> PipelineResult:
    return await run(Step("write", echo) >> routing("sales") >> Step("end", echo), context_model=Ctx)


async def branched_alone() -> PipelineResult:
    return await run(routing("legal"), context_model=Ctx)


async def branch_mapped() -> PipelineResult:
    mappers = {"branch_input_mapper": str.upper, "branch_output_mapper": lambda text: {"text": text}}
    return await run(routing("other", default=Step("any", echo), **mappers), context_model=Ctx)


async def branch_unknown() -> PipelineResult:
    return await run(routing(7), context_model=Ctx)


async def branch_failed() -> PipelineResult:
    body = Step("keep", keep) >> Step("write", Answers(ValueError("boom")), max_retries=0)
    return await run(Step("first", keep) >> Step.branch_on("route", bool, {True: body}), context_model=Ctx)


async def branch_paused() -> PipelineResult:
    return await run(Step.branch_on("route", bool, {True: Step("keep", keep) >> ASK}), context_model=Ctx)


# Maps ---------------------------------------------------------------------------------------------------


async def mapped() -> PipelineResult:
    each = Step.map_over("each", Step("note", fail_on_snow) >> Step("polish", critic), lambda items: items)
    return await run(each >> Step("end", echo), ["rain", "hail"], context_model=Ctx)


async def mapped_at_once() -> PipelineResult:
    each = Step.map_over(
        "each",
        Step("note", fail_on_snow),
        str.split,
        max_concurrency=None,
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
    )
    return await run(Step("first", keep) >> each >> Step("end", keep_all), "rain hail", context_model=Ctx)


async def mapped_apart() -> PipelineResult:
    each = Step.map_over("each", Step("note", fail_on_snow), str.split, max_concurrency=2)
    return await run(each >> Step("end", echo), "rain hail fog", context_model=Ctx)


async def mapped_nothing() -> PipelineResult:
    return await run(Step.map_over("each", Step("note", echo), lambda text: []))


async def map_failed() -> PipelineResult:
    each = Step.map_over("each", Step("note", fail_on_snow, max_retries=0), lambda items: items)
    return await run(each, ["rain", "snow", "hail"], context_model=Ctx)


async def map_paused() -> PipelineResult:
    body = Step("note", keep) >> Step.branch_on(
        "route", lambda text: text == "hail", {True: ASK, False: Step("ok", echo)}
    )
    return await run(Step.map_over("each", body, lambda items: items), ["rain", "hail", "fog"], context_model=Ctx)


# Pipelines, people, caches, selections ------------------------------------------------------------------


async def nested_pipeline() -> PipelineResult:
    inner = Pipeline.of(Step("keep", keep), Step("polish", critic)).as_step("prepare")
    return await run(inner >> Step("end", keep), context_model=Ctx)


async def nested_failed() -> PipelineResult:
    """What completed steps of a nested pipeline changed stays, though a later one fails."""
    deep = Pipeline.of(Step("keep", keep), Step("write", Answers(ValueError("boom")), max_retries=0)).as_step("deep")
    return await run(Pipeline.of(Step("first", keep), deep).as_step("prepare"), context_model=Ctx)


async def nested_limited() -> PipelineResult:
    limits = UsageLimits(output_tokens_limit=39)
    inner = Pipeline.of(Step("keep", keep), Step("write", Answers("Grey rain"))).as_step("prepare", usage_limits=limits)
    return await run(inner, context_model=Ctx)


async def asked() -> PipelineResult:
    return await run(Step("write", keep) >> ASK >> Step("never", echo), context_model=Ctx)


async def asked_by_function() -> PipelineResult:
    step = Step.human_in_the_loop("approve", lambda text, context: f"Publish {text} with {len(context.drafts)} drafts?")
    return await run(Step("write", keep) >> step, context_model=Ctx)


async def asked_in_branches() -> PipelineResult:
    branches = {
        "legal": Step("keep", keep) >> ASK,
        "facts": Step("check", critic),
        "style": Step("write", Answers(ValueError("boom")), max_retries=0),
        "late": ASK,
    }
    step = Step.parallel("review", branches, on_branch_failure=BranchFailureStrategy.IGNORE)
    return await run(step, context_model=Ctx)


async def resumed(pipeline: Any, *answers: dict[str, Any]) -> PipelineResult:
    """A run that goes on each time it ends, with these answers in turn."""
    runner = Flujo(pipeline, cost_model=default_cost_model(), context_model=Ctx)
    result = await runner.run_async("rain")
    for given in answers:
        result = await runner.resume_async(result, answers=given)
    return result


async def answered() -> PipelineResult:
    step = Step.human_in_the_loop("approve", lambda text: f"Publish {text}?", input_schema=int)
    return await resumed(Step("write", Answers("Grey rain")) >> Step("keep", keep) >> step, {"approve": "7"})


async def answered_in_turn() -> PipelineResult:
    branches = {"legal": Step("keep", keep) >> ASK, "facts": Step("check", critic), "late": ASK}
    step = Step.parallel("review", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    return await resumed(step, {"review/branch:late/approve": "yes"}, {"review/branch:legal/approve": {"by": "me"}})


async def not_reached_again() -> PipelineResult:
    """The first step was paid, and breaks before it is asked when the run goes on."""
    seen: list[str] = []

    def breaks_later(text: str) -> str:
        seen.append(text)
        if len(seen) > 1:
            raise ValueError("boom")
        return text

    return await resumed(Step("check", critic, input_processors=[breaks_later]) >> ASK, {"approve": "yes"})


async def failed_and_resumed() -> PipelineResult:
    agent = Answers(ValueError("boom"), ValueError("bang"), "Grey rain")
    body = Step("keep", keep) >> Step("write", agent)
    return await resumed(Step.loop_until("refine", body, is_long), {})


async def limited_and_resumed() -> PipelineResult:
    runner = Flujo(
        Step("write", Answers("Grey rain")) >> Step("end", echo),
        usage_limits=UsageLimits(output_tokens_limit=39),
        cost_model=default_cost_model(),
    )
    return await runner.resume_async(await runner.run_async("rain"), usage_limits=UsageLimits(output_tokens_limit=50))


async def branches_fell_apart() -> PipelineResult:
    """A branch has completed when another one fails."""
    branches = {"good": Step("good", echo), "bad": Step("bad", Answers(ValueError("boom")), max_retries=0)}
    return await run(Step.parallel("review", branches, max_concurrency=1))


async def cached_twice() -> PipelineResult:
    cache = MemoryCache()
    polish = Step.cached(Step("polish", critic), cache)
    return await run(polish >> Step("back", echo, input_processors=[lambda text: "rain"]) >> polish.named("again"))


async def cached_with_context() -> PipelineResult:
    """The second result comes from the cache, with what it changed in the context."""
    note = Step.cached(Step("note", set_topic), MemoryCache())
    pipeline = note >> Step("forget", forget_topic) >> note.named("again")
    return await run(pipeline, context_model=Ctx, context={"topic": ""})


async def cached_failed() -> PipelineResult:
    return await run(Step.cached(Step("note", fail_on_snow, max_retries=0), MemoryCache()), "snow", context_model=Ctx)


def reviewing(select: Any) -> Any:
    branches = {"legal": Step("legal", keep), "facts": Step("check", critic), "style": Step("style", echo)}
    return Step.parallel("review", branches, select=select, merge_strategy=MergeStrategy.CONTEXT_UPDATE)


async def selected() -> PipelineResult:
    return await run(reviewing(lambda text: ["facts", "legal", "facts"]) >> Step("end", echo), context_model=Ctx)


async def selected_by_a_step() -> PipelineResult:
    async def route(text: str, *, context: Ctx) -> list[str]:
        context.notes["routed"] = text
        return ["legal"]

    return await run(Step("write", echo) >> reviewing(Step("router", route)), context_model=Ctx)


async def selected_nothing() -> PipelineResult:
    return await run(reviewing(lambda text: []), context_model=Ctx)


async def deeply_nested() -> PipelineResult:
    """A loop of a map of branches, whose inputs come from further out than the step around them."""
    route = Step.branch_on("route", lambda text: "short" if len(text) < 5 else "long", {
        "short": Step("short", keep), "long": Pipeline.of(Step("cut", shorten)).as_step("long"),
    })  # fmt: skip
    each = Step.map_over("each", Pipeline.of(route).as_step("one"), lambda text: text.split(","))
    body = each >> Step("join", ",".join)
    return await run(Step.loop_until("again", body, lambda text: len(text) < 12), "rain,cold hail", context_model=Ctx)


COMPOSITES: dict[str, Callable[[], Awaitable[PipelineResult]]] = {
    make.__name__: make
    for make in (
        looped, loop_mapped, loop_without_end, loop_failed, loop_condition_failed, loop_paused, branched,
        branched_alone, branch_mapped, branch_unknown, branch_failed, branch_paused, mapped, mapped_at_once,
        mapped_apart, mapped_nothing, map_failed, map_paused, nested_pipeline, nested_failed, nested_limited, asked,
        asked_by_function, asked_in_branches, answered, answered_in_turn, failed_and_resumed, limited_and_resumed,
        not_reached_again, branches_fell_apart, cached_twice, cached_with_context, cached_failed, selected,
        selected_by_a_step, selected_nothing, deeply_nested,
    )
}  # fmt: skip
