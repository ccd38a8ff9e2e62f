"""An agent of Pydantic AI in a step: every request that it makes is booked, whatever becomes of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import anyio
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, NativeOutput, PromptedOutput, RunContext, ToolOutput
from pydantic_ai.messages import ImageUrl, ModelMessage, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import RequestUsage

from flujo import Flujo, PipelineResult, Rejection, Step, Usage, UsageLimits
from flujo.agents.pydantic_ai import PydanticAgent
from flujo_testing.conformance import AgentConformance
from tests.flujo.agents.providers import CHAT_USAGE, REPORTED, http
from tests.flujo.agents.wire import Answer, Wire, answer, completion

LOOK = ToolCallPart("look", {"at": "Köln"}, tool_call_id="t1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def spent(n: int, **more: Any) -> RequestUsage:
    return RequestUsage(input_tokens=10 * n, output_tokens=n, **more)


@dataclass
class Script:
    """A model that answers in order, and keeps what it was asked."""

    answers: list[Any]

    def __post_init__(self) -> None:
        self.asked: list[list[ModelMessage]] = []
        self.settings: list[Any] = []

    def model(self) -> FunctionModel:
        return FunctionModel(self.answer, model_name="m")

    def answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.asked.append(list(messages))
        self.settings.append(info.model_settings)
        number = len(self.asked)
        said = self.answers[number - 1]
        if isinstance(said, Exception):
            raise said
        if isinstance(said, ModelResponse):
            return said
        return ModelResponse([TextPart(said) if isinstance(said, str) else said], usage=spent(number))

    def prompt(self, number: int) -> Any:
        (part,) = [part for part in self.asked[number][0].parts if isinstance(part, UserPromptPart)]
        return part.content


async def run(agent: Agent[Any, Any], input: Any = "Rain?", **options: Any) -> PipelineResult[Any]:
    return await Flujo(Step("ask", PydanticAgent(agent), max_retries=0, **options)).run_async(input)


def booked(result: PipelineResult[Any]) -> list[tuple[str, str, Usage | None]]:
    return [(entry.path, entry.outcome, entry.usage) for entry in result.ledger.entries]


def usage(n: int) -> Usage:
    return Usage(input_tokens=10 * n, output_tokens=n)


def looking(script: Script, tool: Callable[[str], str] = str.upper) -> Agent[Any, str]:
    agent = Agent(script.model(), name="looker")

    @agent.tool_plain
    def look(at: str) -> str:
        return tool(at)

    @agent.output_validator
    def is_good(said: str) -> str:
        if said == "bad":
            raise ModelRetry("better")
        return said

    return agent


async def test_requests_between_tools_and_own_retries_are_booked_once_each() -> None:
    result = await run(looking(Script([LOOK, "bad", "good"])))
    assert (result.status, result.output) == ("completed", "good")
    assert booked(result) == [("ask/attempt:1", "ok", usage(n)) for n in (1, 2, 3)]
    assert [entry.model for entry in result.ledger.entries] == ["function:m"] * 3


async def test_calls_of_tools_count_against_a_limit_and_those_of_the_output_do_not() -> None:
    class Weather(BaseModel):
        rain: bool

    agent = Agent(Script([LOOK, ToolCallPart("final_result", {"rain": True})]).model(), output_type=Weather)

    @agent.tool_plain
    def look(at: str) -> str:
        return at

    step = Step("ask", PydanticAgent(agent))
    result = await Flujo(step, usage_limits=UsageLimits(tool_calls_limit=1)).run_async("Rain?")
    assert (result.status, result.output) == ("completed", Weather(rain=True))


async def test_what_was_paid_before_a_failure_is_booked() -> None:
    def breaks(at: str) -> str:
        raise OSError(f"no window to {at}")

    result = await run(looking(Script([LOOK]), breaks))
    told = "step 'ask' failed after 1 attempt: 'looker' failed: OSError: no window to Köln"
    assert str(result.error) == told
    assert booked(result) == [("ask/attempt:1", "ok", usage(1))]


async def test_an_answer_that_stays_bad_is_paid_as_often_as_it_was_given_and_leads_to_the_fallback() -> None:
    script = Script(["bad"] * 9)
    spare = Step("spare", PydanticAgent(looking(Script(["good"]))))
    result = await run(looking(script), fallback=spare)
    assert (result.status, result.output) == ("completed", "good")
    assert booked(result)[-1] == ("ask/fallback:spare/attempt:1", "ok", usage(1))
    assert [entry[2] for entry in booked(result)[:-1]] == [usage(n) for n in range(1, len(script.asked) + 1)]


async def test_costs_and_details_that_a_provider_reports_are_kept() -> None:
    searched = ModelResponse(
        [TextPart("good")],
        usage=spent(1, details={"web_search_requests": 2, "text_prompt_tokens": 10}),
        provider_name="openrouter",
        provider_details={"cost": 0.25, "service_tier": "flex"},
    )
    (entry,) = (await run(looking(Script([searched])))).ledger.entries
    assert (entry.model, entry.usage, entry.provider_cost_usd) == ("openrouter:m", usage(1), Decimal("0.25"))
    assert entry.other_usage == (("web_search_requests", Decimal(2)),)


async def test_resources_are_the_deps_and_settings_those_of_the_model() -> None:
    script = Script(["good"])
    agent: Agent[dict[str, str], str] = Agent(script.model(), deps_type=dict)

    @agent.instructions
    def at(ctx: RunContext[dict[str, str]]) -> str:
        return ctx.deps["at"]

    step = Step("ask", PydanticAgent(agent), settings={"temperature": 0.5})
    result = await Flujo(step, resources={"at": "Köln"}).run_async("Rain?")
    assert (result.status, script.asked[0][0].instructions) == ("completed", "Köln")  # type: ignore[union-attr]
    assert script.settings[0]["temperature"] == 0.5


@pytest.mark.parametrize(
    ("input", "prompt"),
    [
        ("Rain?", "Rain?"),
        ({"at": "Köln"}, '{"at": "Köln"}'),
        ([{"role": "user", "content": "Rain?"}], '[{"role": "user", "content": "Rain?"}]'),
        (["See:", ImageUrl("https://api.test/sky.png")], ["See:", ImageUrl("https://api.test/sky.png")]),
    ],
)
async def test_the_input_is_the_prompt_and_feedback_goes_behind_it(input: Any, prompt: Any) -> None:
    script = Script(["good", "good"])
    agent = PydanticAgent(Agent(script.model()))
    await agent.run(input)
    await agent.run(input, feedback=[Rejection("short", "Longer!", 1)])
    again = "Earlier answers were rejected:\n- short: Longer!\nAnswer again."
    assert script.prompt(0) == prompt
    assert script.prompt(1) == ([*prompt, again] if isinstance(prompt, list) else f"{prompt}\n\n{again}")


def test_what_is_declared_is_the_model_of_the_agent() -> None:
    class Weather(BaseModel):
        rain: bool

    with_model = PydanticAgent(Agent(Script([]).model(), output_type=Weather))
    by_name = PydanticAgent(Agent("openai:gpt-x", defer_model_check=True))
    assert (with_model.model, with_model.output_type) == ("function:m", Weather)
    assert by_name.model == "openai:gpt-x"
    assert "model" not in vars(PydanticAgent(Agent()))


class Weather(BaseModel):
    rain: bool


EITHER: list[Any] = [Weather, int]


def words(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize(
    ("output", "declared"),
    [
        (int, int),
        (list[Weather], list[Weather]),
        (Weather | None, Weather | None),
        (ToolOutput(Weather), Weather),
        (NativeOutput(Weather), Weather),
        (PromptedOutput(EITHER), Weather | int),
        ([Weather, str], Weather | str),
        (words, None),
        ([Weather, words], None),
    ],
    ids=["type", "list", "union", "tool", "native", "prompted", "several", "function", "type or function"],
)
def test_the_type_of_its_output_is_declared_however_it_is_asked_for(output: Any, declared: Any) -> None:
    assert PydanticAgent(Agent(Script([]).model(), output_type=output)).output_type == declared


def test_text_needs_no_type() -> None:
    assert "output_type" not in vars(PydanticAgent(Agent()))


# Through the real SDK ---------------------------------------------------------------------------------------


def chatting(*answers: Answer) -> Agent[None, str]:
    client = AsyncOpenAI(api_key="unused", http_client=http(Wire(*answers)), max_retries=0)
    return Agent(OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client)))


def saying(usage: object) -> Answer:
    more = {"created": 1, "object": "chat.completion", "model": "m-1", "usage": usage}
    return answer({**completion({"role": "assistant", "content": "Grey."}), **more})


async def test_a_request_through_the_sdk_is_booked_by_the_model_that_answered() -> None:
    result = await run(chatting(saying({**CHAT_USAGE, "total_tokens": 154})))
    assert (result.output, [entry.model for entry in result.ledger.entries]) == ("Grey.", ["openai:m-1"])
    assert booked(result) == [("ask/attempt:1", "ok", REPORTED)]


@pytest.mark.parametrize(("status", "cost"), [(429, Decimal(0)), (503, None)])
async def test_a_refused_request_is_an_entry_that_costs_nothing_and_a_broken_one_is_unknown(
    status: int, cost: Decimal | None
) -> None:
    result = await run(chatting(answer({"error": {"message": "Slow."}}, status)))
    (entry,) = result.ledger.entries
    assert (result.status, entry.outcome, entry.model, entry.cost_usd) == ("failed", "error", "openai:m", cost)
    # flujo: loose because the rest is said by Pydantic AI
    assert "Slow." in str(result.error)


# The contract of agents -------------------------------------------------------------------------------------


class TestPydanticAgent(AgentConformance):
    def make_agent(self) -> Any:
        return PydanticAgent(looking(Script(["good"] * 9)))

    def make_silent_agent(self) -> Any:
        return PydanticAgent(chatting(saying(None), saying(None)))


def test_on_trio_it_says_why_it_does_not_run() -> None:
    result = anyio.run(run, looking(Script([])), backend="trio")
    why = "'looker' is an agent of Pydantic AI, which runs on asyncio only"
    assert str(result.error) == f"step 'ask' failed after 1 attempt: {why}"
    assert (result.status, result.ledger.entries) == ("failed", ())
