"""A lie of the engine about any of its laws makes another story, and its difference names what is broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from flujo import (
    AgentOutput,
    BranchFailureStrategy,
    MergeStrategy,
    PipelineResult,
    PluginOutcome,
    Step,
    Usage,
    override,
)
from flujo.laws import DEFAULT
from flujo_testing.transcript import differences, story_of
from tests.flujo_testing.transcript_runs import (
    OK,
    Answers,
    Ctx,
    Heeding,
    Says,
    crashed,
    limited,
    max_words,
    not_admitted,
    run,
)


def pipeline() -> Any:
    """A run in which every law has something to say."""

    async def research(topic: str, *, context: Ctx) -> str:
        context.drafts.append("seen")
        if len(context.drafts) == 1:
            context.notes["tries"] = "one"
        return "rain"

    length = Says("length", [PluginOutcome(False, "too long"), OK])

    def noting(name: str) -> Any:
        async def note(text: str, *, context: Ctx) -> object:
            context.drafts.append(name)
            return AgentOutput(name, usage=Usage(input_tokens=41, cache_read_tokens=7), model="test:critic")

        return note

    async def fails(text: str) -> None:
        raise ValueError("no luck")

    senior = Answers("Bright rain", name="senior", model="test:senior")
    tone = Says(
        "tone",
        [
            PluginOutcome(False, "too sad", redirect_to=senior),
            PluginOutcome(True, new_solution="BRIGHT RAIN"),
        ],
    )
    review = Step.parallel(
        "review",
        {
            "legal": Step("legal", noting("legal")),
            "facts": Step("facts", noting("facts")),
            "style": Step("note", noting("style")) >> Step("fail", fails, max_retries=0),
        },
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
        on_branch_failure=BranchFailureStrategy.IGNORE,
    )
    return (
        Step("research", research, plugins=[length])
        >> Step(
            "write",
            Heeding("Rain falls and falls and falls", "Grey rain", "Rain"),
            plugins=[max_words, tone],
            max_retries=1,
        )
        >> review
        >> Step(
            "end",
            Answers(KeyError("x"), KeyError("y")),
            fallback=Step("safe", Answers("done", model="test:small")),
        )
    )


async def told(**lies: Any) -> dict[str, Any]:
    with override(laws=replace(DEFAULT, **lies)):
        return story_of(await run(pipeline(), context_model=Ctx))


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "feedback is swallowed": (
        {"feedback_for_attempt": lambda rejections: ()},
        'feedback "too long" no longer reaches research/attempt:2',
    ),
    "feedback is cut": (
        {"text_with_feedback": lambda text, feedback: text},
        'input of research/attempt:2 comes from run, it was "rain\\n\\n<feedback>\\nEarlier drafts were rejected:\\n- '
        "length (attempt 1): too lo...",
    ),
    "a failed attempt is free": (
        {"entries_to_book": lambda entries: tuple(entry for entry in entries if entry.path != "write/attempt:1")},
        "write/attempt:1 is no longer paid: 0.00104 -> 0",
    ),
    "one retry less": ({"attempts_allowed": lambda max_retries: max_retries}, "research/attempt:2 is gone"),
    "one retry more": ({"attempts_allowed": lambda max_retries: max_retries + 2}, "end/attempt:3 is new"),
    "errors are not retried": ({"retries_error": lambda error, retry_on: False}, "end/attempt:2 is gone"),
    "a plugin is skipped": (
        {"plugins_in_order": lambda plugins, priority: list(plugins)[:1]},
        "plugin tone no longer runs in write/attempt:2",
    ),
    "plugins run backwards": (
        {"plugins_in_order": lambda plugins, priority: list(reversed(plugins))},
        "plugin max_words no longer runs in write/attempt:1",
    ),
    "a new solution is ignored": (
        {"output_after": lambda output, outcome: output},
        'output of write: nothing -> "Bright rain"',
    ),
    "a redirect is ignored": ({"redirect_of": lambda outcome: None}, "write/attempt:2/redirect:1 to senior is gone"),
    "the context of an attempt is shared": (
        {"context_for_attempt": lambda state: state.view()},
        'initial context.notes.tries of the run: nothing -> "one"',
    ),
    "a failed attempt keeps its changes": (
        {"context_after_attempt": lambda before, context, accepted: before.commit(context)},
        "context notes in research: {tries: {set: \"one\"}} -> nothing",
    ),
    "what an attempt changed is lost": (
        {"context_after_attempt": lambda before, context, accepted: before},
        "context notes in research: {tries: {set: \"one\"}} -> nothing",
    ),
    "a failed branch is merged": (
        {"branches_to_merge": lambda branches: [(name, state) for name, state, _ in branches]},
        'merged drafts in review: {appended: ["legal", "facts"], from: ["legal", "facts"]} -> '
        '{appended: ["legal", "facts", "style"], from: ["legal", "facts", "style"]}',
    ),
    "branches are merged backwards": (
        {"branches_to_merge": lambda branches: [(name, state) for name, state, done in reversed(branches) if done]},
        'merged drafts in review: {appended: ["legal", "facts"], from: ["legal", "facts"]} -> '
        '{appended: ["facts", "legal"], from: ["facts", "legal"]}',
    ),
    "outputs come in another order": (
        {"outputs_of_branches": lambda outputs: dict(reversed(outputs.items()))},
        'output of review: nothing -> {facts: "facts", legal: "legal"}',
    ),
    "the fallback is given something else": (
        {"input_for_fallback": lambda original: "something"},
        'input of end/fallback:safe: nothing -> "something"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_named_by_what_it_changes(lie: str) -> None:
    lies, named = LIES[lie]
    found = [difference.text for difference in differences(await told(), await told(**lies))]
    assert [text for text in found if text == named] == [named]


async def mutated() -> PipelineResult:
    async def greedy(items: Any) -> Any:
        items.append(len(items))
        return items

    again = Says("again", [PluginOutcome(False, "once more"), OK])
    return await run(Step("take", greedy, plugins=[again]), [7])


LIES_ABOUT: dict[str, tuple[Callable[[], Awaitable[PipelineResult]], dict[str, Any], list[str]]] = {
    "an input is shared": (
        mutated, {"input_for_attempt": lambda value: value},
        ["input of take/attempt:2 no longer comes from run, it is [7, 1]", "output[2:2] of the run: [] -> [2]"],
    ),
    "a budget admits everything": (
        not_admitted, {"admits": lambda *amounts: True},
        [
            "input_from of publish/attempt:1: nothing -> \"write\"",
            'limit_passed of publish/attempt:1: nothing -> {spent_usd: "0.00208", limit_usd: "0.002"}',
            "publish/attempt:1 is now paid: 0 -> 0.00104",
            "not_admitted of publish/attempt:1: "
            '{bound_usd: "0.00185", left_usd: "0.00096", limit_usd: "0.002"} -> nothing',
        ],
    ),
    "a limit is never passed": (
        limited, {"passes": lambda spent, limit: False},
        [
            'output of write/attempt:1: nothing -> "Grey rain"',
            "limited of write/attempt:1: true -> nothing",
            "limit_passed of write/attempt:1: {spent_output_tokens: 40, limit_output_tokens: 39} -> nothing",
            "status of write: limited -> completed",
            "status limited -> completed",
            'output of the run: nothing -> "Grey rain"',
            'error of the run: "write/attempt:1 passed a limit: run used 40 of 39 output tokens" -> nothing',
        ],
    ),
    "a plugin that crashes accepts": (
        crashed, {"verdict_of_crash": lambda reason: OK},
        [
            "plugin lint in write/attempt:1: "
            'crashed "plugin lint failed (RuntimeError: odd)" -> crashed null, accepted true',
            "write/attempt:2 is gone",
            "write/attempt:3 is gone",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES_ABOUT)
async def test_a_lie_about_inputs_limits_or_crashes_is_named_by_what_it_changes(lie: str) -> None:
    make, lies, named = LIES_ABOUT[lie]
    honest = story_of(await make())
    with override(laws=replace(DEFAULT, **lies)):
        lying = story_of(await make())
    found = [difference.text for difference in differences(honest, lying)]
    assert [text for text in named if text not in found] == []
