"""What is told of a verdict, word for word: of an output type, of plugins, and of those that crash."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from pydantic import BaseModel, field_validator

from flujo import Draft, Flujo, MergeStrategy, PluginOutcome, Rejection, Step, UsageLimits
from flujo.events import Judged
from flujo.execution.past import past_of
from tests.flujo.execution.writers import JUDGE, PRICES, YES, Ctx, Judging, Listening, Writer, no, run


class Place(BaseModel):
    town: str
    height: int = 0

    @field_validator("town")
    @classmethod
    def known(cls, town: str) -> str:
        if town == "Atlantis":
            raise LookupError("the atlas has sunk")
        return town


class Report(BaseModel):
    place: Place
    wet: bool


class Reporter(Listening):
    output_type = Report


class Counter(Listening):
    output_type = int


def verdicts(result: Any) -> list[tuple[Any, ...]]:
    """All that is told of each verdict."""
    return [
        (
            event.plugin,
            event.accepted,
            event.feedback,
            event.redirect_to,
            event.replaced,
            event.new_solution,
            event.crashed,
        )
        for event in result.transcript.of(Judged)
    ]


@pytest.mark.parametrize("as_text", [False, True])
async def test_every_problem_of_an_output_is_told_with_its_place(as_text: bool) -> None:
    wrong: Any = {"place": {"town": 1, "height": "high"}, "wet": "a bit"}
    text = '{"place": {"town": 1, "height": "high"}, "wet": "a bit"}'
    good = Report(place=Place(town="Ulm"), wet=True)
    result = await run(Step("file", Reporter(text if as_text else wrong, good)))
    feedback = (
        "place.town: Input should be a valid string; "
        "place.height: Input should be a valid integer, unable to parse string as an integer; "
        "wet: Input should be a valid boolean, unable to interpret input"
    )
    assert verdicts(result) == [
        ("output_type", False, feedback, None, False, None, False),
        ("output_type", True, None, None, False, None, False),
    ]


async def test_an_output_that_is_wrong_as_a_whole_is_called_so() -> None:
    result = await run(Step("count", Counter([1], "7")))
    assert verdicts(result) == [
        ("output_type", False, "output: Input should be a valid integer", None, False, None, False),
        ("output_type", True, None, None, True, 7, False),
    ]


async def test_a_validator_that_breaks_is_no_verdict_and_not_tried_again() -> None:
    writer = Reporter({"place": {"town": "Atlantis"}, "wet": True}, "never")
    result = await run(Step("file", writer, max_retries=3))
    assert (result.status, verdicts(result), len(writer.inputs)) == ("failed", [], 1)
    assert str(result.error) == "step 'file' failed after 1 attempt: LookupError: the atlas has sunk"
    assert repr(result.error.__cause__) == "LookupError('the atlas has sunk')"  # type: ignore[union-attr]


async def test_a_plugin_knows_what_was_rejected_before() -> None:
    judge = Judging("judge", no("too wet"), no("too grey"), YES)
    await run(Step("write", Writer("x", "y", "z"), plugins=[judge], max_retries=2))
    assert [draft["feedback"] for draft in judge.drafts] == [
        (),
        (Rejection("judge", "too wet", 1),),
        (Rejection("judge", "too wet", 1), Rejection("judge", "too grey", 2)),
    ]


async def test_only_a_solution_that_is_taken_is_told() -> None:
    other = Writer("from the other")
    plugins = [
        Judging("taken", PluginOutcome(True, new_solution="y"), YES),
        Judging("sent on", PluginOutcome(True, new_solution="z", redirect_to=other), YES),
    ]
    result = await run(Step("write", Writer("x"), plugins=plugins))
    assert verdicts(result)[:2] == [
        ("taken", True, None, None, True, "y", False),
        ("sent on", True, None, "Writer", False, None, False),
    ]
    assert result.output == "from the other"


async def test_a_redirect_to_no_agent_is_told_as_a_crash() -> None:
    odd = PluginOutcome(False, feedback="ask the cloud", redirect_to=17)
    result = await run(Step("write", Writer("x", "y"), plugins=[Judging("odd", odd, YES)]))
    (first, second) = verdicts(result)
    assert (first[0], first[1], first[3:]) == ("odd", False, (None, False, None, True))
    assert first[2].startswith("it redirects to something that is no agent: ")
    assert second == ("odd", True, None, None, False, None, False)


# In a run that goes on --------------------------------------------------------------------------------

ASK: Any = Step.human_in_the_loop("ask", "Publish?")


@pytest.mark.parametrize(
    "outcome",
    [
        ValueError("broken"),
        None,
        {"verdict": "good"},
        no("ask the cloud", redirect_to=17),
        no("too sad", redirect_to=Writer("bright")),
        PluginOutcome(True, redirect_to=Writer("bright"), new_solution="never"),
        PluginOutcome(True, new_solution=None),
        no("too sad", new_solution="never"),
        PluginOutcome(False),
        PluginOutcome(True, "well done"),
    ],
    ids=[
        "crash",
        "nothing",
        "no outcome",
        "no agent",
        "redirect",
        "redirect for a solution",
        "solution of None",
        "rejected solution",
        "rejection without a word",
        "praise",
    ],
)
async def test_verdicts_are_told_again_by_a_run_that_goes_on_and_no_plugin_is_asked_again(outcome: Any) -> None:
    writer, judge = Writer("x", "y"), Judging("judge", outcome, YES)
    last = Judging("last", YES, YES)
    flow = Flujo(Step("write", writer, plugins=[judge, last]) >> ASK, cost_model=PRICES)
    paused = await flow.run_async("rain")
    known = (len(writer.inputs), len(judge.drafts), len(last.drafts))
    result = await flow.resume_async(paused, {"ask": "yes"})
    assert (result.status, verdicts(result)) == ("completed", verdicts(paused))
    assert (len(writer.inputs), len(judge.drafts), len(last.drafts)) == known
    assert [entry.path for entry in result.ledger.entries] == [entry.path for entry in paused.ledger.entries]


@pytest.mark.parametrize(
    ("outcome", "known"),
    [
        (ValueError("broken"), ("error", "ValueError: broken")),
        (
            (verdict for verdict in [YES]),
            ("invalid", "agent 'judge' answered with a generator: it forgot to await, or to collect what it yields"),
        ),
    ],
    ids=["raised", "unusable"],
)
async def test_how_a_plugin_crashed_is_known_to_a_run_that_goes_on(outcome: Any, known: tuple[str, str]) -> None:
    result = await run(Step("write", Writer("x", "y"), plugins=[Judging("judge", outcome, YES)]))
    past = past_of(result.log, result.ledger.entries, None, None)
    failure: Any = past.answers["write/attempt:1/plugin:judge"].error
    assert (failure.outcome, str(failure.error), failure.retryable) == (*known, True)


class Signing:
    """Accepts, signs in the context, and is paid for it."""

    def __init__(self, name: str) -> None:
        self.name, self.priority = name, 0
        self.asked = 0

    async def validate(self, draft: Draft, *, context: Ctx) -> PluginOutcome:
        self.asked += 1
        context.seen.append(self.name)
        return PluginOutcome(True, usage=JUDGE, model="test:judge")


@pytest.mark.parametrize("limited", ["first", "second"])
async def test_a_verdict_that_passed_a_limit_is_known_with_what_it_changed_when_limits_are_raised(limited: str) -> None:
    async def author(x: str, *, context: Ctx) -> str:
        context.seen.append("author")
        return "Rain"

    plugins = [Signing("first"), Signing("second")]
    limits = UsageLimits(total_cost_usd_limit="0.0001" if limited == "first" else "0.0002")  # a verdict: 0.000126
    flow = Flujo(Step("write", author, plugins=plugins), cost_model=PRICES, context_model=Ctx, usage_limits=limits)
    stopped = await flow.run_async("rain")
    assert (stopped.status, [event.plugin for event in stopped.transcript.of(Judged)]) == (
        "limited",
        ["first"][: limited == "second"],
    )
    result = await flow.resume_async(stopped, usage_limits=UsageLimits(total_cost_usd_limit="0.001"))
    assert (result.status, result.context.seen) == ("completed", ["author", "first", "second"])
    assert [plugin.asked for plugin in plugins] == [1, 1]


class BrokenOff:
    """Signs in the context; the first time it is broken off then, by the branch beside it."""

    name, priority = "broken off", 0

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.signed = anyio.Event()

    async def validate(self, draft: Draft, *, context: Ctx) -> PluginOutcome:
        self.seen.append(list(context.seen))
        context.seen.append(self.name)
        if len(self.seen) == 1:
            self.signed.set()
            await anyio.sleep_forever()
        return YES

    async def breaks(self, x: str) -> str:
        await self.signed.wait()
        if len(self.seen) == 1:
            raise ValueError("offline")
        return "fine"


async def test_a_plugin_that_was_broken_off_starts_again_from_the_context_as_it_was_before_it() -> None:
    async def author(x: str, *, context: Ctx) -> str:
        context.seen.append("author")
        return "Rain"

    plugin, first = BrokenOff(), Signing("first")
    write = Step("write", author, plugins=[first, plugin])
    beside = Step("beside", plugin.breaks, max_retries=0)
    fan = Step.parallel("fan", {"a": write, "b": beside}, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    flow = Flujo(fan, cost_model=PRICES, context_model=Ctx)
    failed = await flow.run_async("rain")
    assert (failed.status, failed.context.seen, plugin.seen) == ("failed", [], [["author", "first"]])
    result = await flow.resume_async(failed)
    assert (result.status, result.output) == ("completed", {"a": "Rain", "b": "fine"})
    assert (first.asked, plugin.seen) == (1, 2 * [["author", "first"]])
    assert result.context.seen == ["author", "first", "broken off"]
