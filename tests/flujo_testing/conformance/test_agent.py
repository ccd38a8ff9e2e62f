"""The contract of agents: every fake keeps it, and agents that break a sentence of it are found out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from flujo import AgentOutput, PipelineContext, RequestUsage, Usage
from flujo_testing.agents import (
    Chunks,
    EchoAgent,
    FailingAgent,
    FunctionAgent,
    Script,
    ScriptedAgent,
    SlowAgent,
    StreamingAgent,
)
from flujo_testing.conformance import AgentConformance, ConformanceError
from tests.flujo_testing.conformance.found import breaches, sentences_of

USAGE = Usage(input_tokens=11, output_tokens=7)
MODEL = "test:writer"
pytestmark = pytest.mark.anyio


class OfFakes(AgentConformance):
    """The input is a dict, so that it could be changed."""

    def make_input(self) -> Any:
        return {"topic": "rain", "lines": ["grey"]}


class TestScriptedAgent(OfFakes):
    def make_agent(self) -> ScriptedAgent:
        return ScriptedAgent(["grey"], ["grey"], model=MODEL, usage=USAGE, estimate_input=13, max_output_tokens=7)

    def make_silent_agent(self) -> ScriptedAgent:
        return ScriptedAgent("grey", model=MODEL)


class TestScriptedAgentWithChunks(OfFakes):
    def make_agent(self) -> ScriptedAgent:
        return ScriptedAgent(Chunks(["gr", "ey"]), AgentOutput(Chunks(["rain"]), usage=USAGE, model=MODEL))

    def make_silent_agent(self) -> ScriptedAgent:
        return ScriptedAgent(Chunks(["grey"]), model=MODEL)


class TestScriptedAgentByInput(OfFakes):
    def make_agent(self) -> ScriptedAgent:
        return ScriptedAgent.by_input([(self.make_input(), Script(["a"], ["a"]))], model=MODEL, usage=USAGE)

    def make_silent_agent(self) -> ScriptedAgent:
        return ScriptedAgent.by_input([(self.make_input(), "a")], model=MODEL)


class TestFunctionAgent(OfFakes):
    def make_agent(self) -> FunctionAgent:
        return FunctionAgent(lambda given: [given["topic"]], model=MODEL, usage=USAGE)

    def make_silent_agent(self) -> FunctionAgent:
        return FunctionAgent(lambda given: [given["topic"]], model=MODEL)


class TestEchoAgent(OfFakes):
    def make_agent(self) -> EchoAgent:
        return EchoAgent(model=MODEL, usage=USAGE, takes=())

    def make_silent_agent(self) -> EchoAgent:
        return EchoAgent(model=MODEL)


class TestFailingAgent(OfFakes):
    def make_agent(self) -> FailingAgent:
        return FailingAgent(on_call=3, then=["fine"], model=MODEL, usage=USAGE, paid=USAGE)

    def make_silent_agent(self) -> FailingAgent:
        return FailingAgent(on_call=2, model=MODEL)


class TestSlowAgent(OfFakes):
    def make_agent(self) -> SlowAgent:
        return SlowAgent(0, then={"late": []}, model=MODEL, usage=USAGE)

    def make_silent_agent(self) -> SlowAgent:
        return SlowAgent(0, model=MODEL)


class TestStreamingAgent(OfFakes):
    def make_agent(self) -> StreamingAgent:
        return StreamingAgent("Grey ", "rain", model=MODEL, usage=USAGE)

    def make_silent_agent(self) -> StreamingAgent:
        return StreamingAgent("Grey ", "rain", model=MODEL)


# Agents that break the contract ---------------------------------------------------------------------------


class Guesses:
    """Reports zeros where its provider reports nothing."""

    async def run(self, input: Any) -> AgentOutput[str]:
        return AgentOutput("grey", usage=Usage(), model=MODEL)


class Mutates:
    async def run(self, input: dict[str, Any]) -> str:
        input["lines"].append("rain")
        return "grey"


class MutatesSettings:
    async def run(self, input: Any, *, settings: dict[str, Any]) -> str:
        settings["seed"] = 7
        return "grey"


class SharesItsHistory:
    def __init__(self) -> None:
        self.history: list[Any] = []

    async def run(self, input: Any) -> list[Any]:
        self.history.append(input)
        return self.history


class SharesAPart:
    def __init__(self) -> None:
        self.labels = ["weather"]

    async def run(self, input: Any) -> dict[str, Any]:
        return {"labels": self.labels}


class SwallowsCancellation:
    async def run(self, input: Any) -> str:
        try:
            await anyio.lowlevel.checkpoint()
        except BaseException:
            return "too late"
        return "grey"


class TurnsCancellationIntoAnError:
    async def run(self, input: Any) -> str:
        try:
            await anyio.lowlevel.checkpoint()
        except BaseException as error:
            raise ConnectionError("lost") from error
        return "grey"


class ForgetsToAwait:
    async def answer(self, input: Any) -> str:
        return "grey"

    async def run(self, input: Any) -> Any:
        return self.answer(input)


class ListsItsRequests:
    async def run(self, input: Any) -> AgentOutput[str]:
        return AgentOutput("grey", requests=[RequestUsage(usage=USAGE, model=MODEL)])  # type: ignore[arg-type]


class DeclaresText:
    model = MODEL
    max_output_tokens = "100"

    async def run(self, input: Any) -> str:
        return "grey"


class StreamsBytes:
    async def run(self, input: Any) -> str:
        return "grey"

    async def stream(self, input: Any) -> AsyncIterator[bytes]:
        yield b"grey"


class StreamsSomethingElse:
    async def run(self, input: Any) -> str:
        return "grey"

    async def stream(self, input: Any) -> AsyncIterator[str | AgentOutput[str]]:
        yield "blue"
        yield AgentOutput("grey")


class TakesTwoInputs:
    async def run(self, input: Any, another: Any) -> str:
        return "grey"


class Fine:
    async def run(self, input: Any) -> list[str]:
        return ["grey"]


TESTS = sentences_of(AgentConformance)
ASKING = {
    "test_cancellation_gets_through",
    "test_it_answers_in_a_step_and_the_run_adds_up",
    "test_it_does_not_guess_usage",
    "test_it_leaves_its_input_and_settings_alone",
    "test_its_answers_share_nothing",
    "test_what_it_reports_is_exact",
}


class Candidate(OfFakes):
    def __init__(self, kind: Callable[[], Any]) -> None:
        self.kind = kind

    def make_agent(self) -> Any:
        return self.kind()

    def make_silent_agent(self) -> Any:
        return self.kind()


async def broken_by(kind: Callable[[], Any]) -> set[str]:
    """The tests that this kind of agent fails."""
    return set(await breaches(AgentConformance, Candidate(kind)))


BROKEN: list[tuple[Callable[[], Any], set[str]]] = [
    (Fine, set()),
    (Guesses, {"test_it_does_not_guess_usage"}),
    (Mutates, {"test_it_leaves_its_input_and_settings_alone"}),
    (MutatesSettings, {"test_it_leaves_its_input_and_settings_alone"}),
    (SharesItsHistory, {"test_its_answers_share_nothing"}),
    (SharesAPart, {"test_its_answers_share_nothing"}),
    (SwallowsCancellation, {"test_cancellation_gets_through"}),
    (TurnsCancellationIntoAnError, {"test_cancellation_gets_through"}),
    (ForgetsToAwait, ASKING),
    (ListsItsRequests, {"test_it_does_not_guess_usage", "test_what_it_reports_is_exact"}),
    (DeclaresText, {"test_what_it_declares_is_sound"}),
    (StreamsBytes, {"test_its_stream_is_text_with_the_answer_last"}),
    (StreamsSomethingElse, {"test_its_stream_is_text_with_the_answer_last"}),
]


@pytest.mark.parametrize(("kind", "failed"), BROKEN)
async def test_an_agent_that_breaks_one_sentence_of_the_contract_fails_its_test(
    kind: Callable[[], Any], failed: set[str]
) -> None:
    assert await broken_by(kind) == failed


@pytest.mark.parametrize(
    ("kind", "test", "message"),
    [
        (
            TakesTwoInputs,
            "test_it_can_be_asked",
            "an agent is an object with 'async run(input)' or a function of one input; "
            "but with Shown(TakesTwoInputs): missing a required argument: 'another'",
        ),
        (
            Guesses,
            "test_it_does_not_guess_usage",
            "usage that the provider does not report is None; zero is an answer of the provider; "
            f"but with Shown(Guesses): it reports {Usage()}",
        ),
        (
            SwallowsCancellation,
            "test_cancellation_gets_through",
            "an agent that is cancelled stops and lets the cancellation pass; "
            "but with Shown(SwallowsCancellation): it went on and answered 'too late'",
        ),
    ],
)
async def test_the_message_says_the_contract_the_agent_and_what_it_did(
    kind: type[Any], test: str, message: str
) -> None:
    class Shown(kind):  # type: ignore[misc]
        def __repr__(self) -> str:
            return f"Shown({kind.__name__})"

    class Candidate(OfFakes):
        def make_agent(self) -> Any:
            return Shown()

        def make_silent_agent(self) -> Any:
            return Shown()

    with pytest.raises(ConformanceError) as caught:
        await getattr(Candidate(), test)()
    assert str(caught.value) == message


def test_every_test_of_the_contract_turns_red_for_some_agent() -> None:
    told_above = {"test_it_can_be_asked"}
    assert {name for _, failed in BROKEN for name in failed} | told_above == set(TESTS)


class Weather(PipelineContext):
    place: str


class TakesItsOwn:
    async def run(self, input: Any, *, context: Weather, resources: dict[str, str]) -> list[str]:
        return [f"{resources['kind']} over {context.place}"]


class TestAgentWithContextAndResources(OfFakes):
    def make_agent(self) -> TakesItsOwn:
        return TakesItsOwn()

    def make_silent_agent(self) -> TakesItsOwn:
        return TakesItsOwn()

    def make_context(self) -> Weather:
        return Weather(place="Oslo")

    def make_resources(self) -> dict[str, str]:
        return {"kind": "rain"}


async def test_who_defines_no_agent_is_told_what_to_define() -> None:
    with pytest.raises(NotImplementedError, match=r"AgentConformance must define make_agent\(self\)"):
        await AgentConformance().test_it_can_be_asked()
    with pytest.raises(NotImplementedError, match=r"AgentConformance must define make_silent_agent\(self\)"):
        await AgentConformance().test_it_does_not_guess_usage()
