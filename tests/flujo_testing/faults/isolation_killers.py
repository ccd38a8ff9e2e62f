"""What kills the faults of isolation. No tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flujo import BranchFailureStrategy, MergeStrategy, PipelineResult, Step
from flujo.events import Asked
from flujo_testing import FunctionAgent
from tests.flujo_testing.faults.propagation_killers import fails_once, one_note, rejected
from tests.flujo_testing.faults.scenario import Killer, Scenario, drafts, output, plain, run, slow_note, status
from tests.laws.cast import Notes


def changing(change: Callable[[Notes], object]) -> Scenario:
    """An attempt that changes its context and fails, and another that answers with what it finds."""

    async def scenario() -> PipelineResult:
        calls: list[int] = []

        async def agent(x: str, *, context: Notes) -> tuple[str, list[str]]:
            calls.append(1)
            found = context.mood, list(context.drafts)
            change(context)
            if len(calls) == 1:
                raise ValueError("not yet")
            return found

        return await run(Step("write", FunctionAgent(agent), max_retries=1))

    return scenario


def moody(context: Notes) -> None:
    context.mood = "wild"


def drafting(context: Notes) -> None:
    context.drafts.append("x")


def side_by_side(
    left: Sequence[FunctionAgent], right: Sequence[FunctionAgent], merge: MergeStrategy = MergeStrategy.CONTEXT_UPDATE
) -> Scenario:
    """Two branches of a few steps each; the failure of one does not stop the other."""

    async def scenario() -> PipelineResult:
        branches = {name: [Step(a.name or "", a) for a in agents] for name, agents in (("a", left), ("b", right))}
        whole = {name: steps[0] if len(steps) == 1 else steps[0] >> steps[1] for name, steps in branches.items()}
        ignore = BranchFailureStrategy.IGNORE
        return await run(Step.parallel("both", whole, merge_strategy=merge, on_branch_failure=ignore))

    return scenario


def only_drafts(name: str, seconds: float = 0) -> FunctionAgent:
    async def note(x: object, *, context: Notes) -> str:
        context.drafts.append(name)
        return name

    return FunctionAgent(note, name=name, delay_s=seconds)


async def fail(x: object) -> str:
    raise ValueError("broken")


async def cleared() -> PipelineResult:
    async def clear(x: object, *, context: Notes) -> None:
        context.drafts.clear()

    return await run(Step("note", only_drafts("a")) >> Step("clear", FunctionAgent(clear)))


async def spoilt_input() -> PipelineResult:
    calls: list[int] = []

    async def agent(x: list[str]) -> list[str]:
        calls.append(1)
        if len(calls) == 1:
            x.append("spoilt")
            raise ValueError("not yet")
        return x

    return await run(Step("write", FunctionAgent(agent), max_retries=1), ["rain"])


async def failed_branch() -> PipelineResult:
    body = Step("a", slow_note("a")) >> Step("b", FunctionAgent(fail), max_retries=0)
    return await run(Step.branch_on("choose", lambda x: "only", {"only": body}))


def asked(result: PipelineResult) -> int:
    return len(result.transcript.of(Asked))


BROKEN = FunctionAgent(fail, name="broken")

ISOLATION = {
    "share_context": Killer(changing(moody), output, ("", []), null=one_note),
    "shallow_copy": Killer(changing(drafting), output, ("", []), null=changing(moody)),
    "failed_attempt_kept": Killer(changing(moody), output, ("", []), null=fails_once),
    "failed_branch_merged": Killer(
        side_by_side([only_drafts("a")], [only_drafts("b"), BROKEN]),
        drafts,
        ["a"],
        null=side_by_side([only_drafts("a")], [BROKEN]),
    ),
    "merge_in_completion_order": Killer(
        side_by_side([only_drafts("a", 2)], [only_drafts("b", 1)]),
        drafts,
        ["a", "b"],
        null=side_by_side([only_drafts("a", 1)], [only_drafts("b", 2)]),
    ),
    "last_writer_wins": Killer(
        side_by_side([slow_note("a")], [slow_note("b")]),
        status,
        "failed",
        null=side_by_side([slow_note("a")], [BROKEN]),
    ),
    "add_only_merge": Killer(cleared, drafts, [], null=one_note),
    "input_aliased": Killer(spoilt_input, output, ["rain"]),
    "cache_unasked": Killer(rejected("a b c d", "Rain"), output, "Rain"),
    "accepted_changes_lost": Killer(one_note, drafts, ["a of rain"]),
    "failed_part_kept": Killer(failed_branch, drafts, [], null=plain),
}
