"""Each failure of the wire, through the adapters: what the run tells of it, and what the ledger keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from openai import AsyncOpenAI

from flujo import AgentError, AgentOutput, PipelineResult, Step, Usage
from flujo.agents.openai import OpenAIChat, OpenAIResponses
from flujo.events import AskFailed
from flujo_testing import Chunks, FixedPriceTable, FlujoRun
from flujo_testing.clock import VirtualClock
from flujo_testing.server import LLMServer, Malformed, Stall, StatusError
from tests.flujo_testing.server.sdks import MESSAGES, PYDANTIC_AI, Sdk, asked, generators_left

pytestmark = generators_left

SPENT = Usage(input_tokens=120, output_tokens=40)
HALF_SPENT = Usage(input_tokens=120, output_tokens=2)
PRICES = FixedPriceTable({"test:some-model": {"input": "3", "output": "17"}})
Row = tuple[str, Usage | None, Decimal | None]
ANSWERED: Row = ("ok", SPENT, Decimal("0.001040"))

AGENTS: dict[str, Callable[[AsyncOpenAI], Any]] = {
    "chat": lambda client: OpenAIChat("some-model", client=client, provider="test"),
    "responses": lambda client: OpenAIResponses("some-model", client=client, provider="test"),
    "chat streamed": lambda client: OpenAIChat("some-model", client=client, provider="test", stream=True),
    "responses streamed": lambda client: OpenAIResponses("some-model", client=client, provider="test", stream=True),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What the script says; the first entry of the ledger; how the error begins, whole and streamed."""

    item: object
    entry: Row
    told: str
    told_streamed: str | None = None


NOTHING_KNOWN: Row = ("error", None, None)
TIMED_OUT: Row = ("timeout", None, None)
NO_JSON = "test:some-model answered no JSON object but: "
NO_BYTE = "test:some-model could not be reached: Connection error., because of RemoteProtocolError: Server disconnected"
CUT_OFF = "test:some-model could not be reached: Connection error., because of RemoteProtocolError: peer closed"
CUT_OFF_STREAM = "test:some-model broke off its answer: RemoteProtocolError: peer closed connection"
HALF_A_STREAM = "test:some-model broke off its stream before the answer was finished. Retry"
LATE = "no answer within 30 s"
FAILURES = {
    "429": Failure(
        StatusError(429, "slow down", retry_after_s=7),
        ("error", None, Decimal(0)),
        "test:some-model answered 429 (rate_limit_exceeded): slow down. Give the step a backoff, "
        "or let fewer steps run at once (retry-after: 7)",
    ),
    "500": Failure(
        StatusError(500, "out of order"),
        NOTHING_KNOWN,
        "test:some-model answered 500 (server_error): out of order. Retry, or give the step a fallback",
    ),
    "500 paid": Failure(
        AgentError("out of order", usage=HALF_SPENT),
        ("error", HALF_SPENT, Decimal("0.000394")),
        "test:some-model answered 500 (server_error): out of order. Retry, or give the step a fallback",
    ),
    "any exception": Failure(
        ValueError("oops"), NOTHING_KNOWN, "test:some-model answered 500 (server_error): oops. Retry, or give"
    ),
    "silent": Failure(TimeoutError(), TIMED_OUT, LATE),
    "stalled": Failure(Stall(120, "too late"), TIMED_OUT, LATE),
    "malformed": Failure(Malformed(), NOTHING_KNOWN, NO_JSON + '{"choices": [.', HALF_A_STREAM),
    "empty": Failure(Malformed(""), NOTHING_KNOWN, NO_JSON + "nothing.", HALF_A_STREAM),
    "disconnected": Failure(ConnectionError(), NOTHING_KNOWN, NO_BYTE),
    "piece, then overloaded": Failure(
        Chunks(["Grey"], error=StatusError(529, "overloaded")),
        NOTHING_KNOWN,
        "test:some-model answered 529 (server_error): overloaded. Retry",
        "test:some-model broke off its answer (server_error): overloaded. Retry",
    ),
    "piece, then silent": Failure(Chunks(["Grey"], error=TimeoutError()), TIMED_OUT, LATE),
    "slow pieces": Failure(Chunks(["Grey", "rain"], pause_s=20), TIMED_OUT, LATE),
    "piece, then malformed": Failure(
        Chunks(["Grey"], error=Malformed()), NOTHING_KNOWN, NO_JSON + '{"id": ', NO_JSON + '{"choices": [.'
    ),
    "piece, then the end": Failure(
        Chunks(["Grey"], error=Malformed("")), NOTHING_KNOWN, NO_JSON + '{"id": ', HALF_A_STREAM
    ),
    "piece, then disconnected": Failure(
        Chunks(["Grey"], error=ConnectionResetError()), NOTHING_KNOWN, CUT_OFF, CUT_OFF_STREAM
    ),
}
# Each agent on one backend, each failure on both, whole and streamed.
ON_ONE_BACKEND = (
    ("asyncio", "chat"),
    ("trio", "responses"),
    ("trio", "chat streamed"),
    ("asyncio", "responses streamed"),
)
each_failure = pytest.mark.parametrize("failure", FAILURES)


def entries(result: PipelineResult) -> list[Row]:
    return [(entry.outcome, entry.usage, entry.cost_usd) for entry in result.ledger.entries]


@each_failure
@pytest.mark.parametrize(("anyio_backend", "agent"), ON_ONE_BACKEND)
async def test_a_failed_attempt_is_told_and_booked_and_the_next_one_is_answered(
    agent: str, failure: str, llm_server: LLMServer, flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    expected = FAILURES[failure]
    llm_server.answer(expected.item, AgentOutput("Grey rain", usage=SPENT))
    async with AsyncOpenAI(base_url=llm_server.url, api_key="none") as client:
        result = await flujo_run(Step("write", AGENTS[agent](client), timeout_s=30), "rain", cost_model=PRICES)
    assert (result.output, entries(result)) == ("Grey rain", [expected.entry, ANSWERED])
    (failed,) = [event for event in result.transcript.events if isinstance(event, AskFailed)]
    told = (expected.told_streamed if "streamed" in agent else None) or expected.told
    assert (failed.outcome, failed.error[: len(told)]) == (expected.entry[0], told)
    assert virtual_clock.now() == (30.0 if expected.entry is TIMED_OUT else 0.0)
    assert [request.path for request in llm_server.requests] == ["write/attempt:1", "write/attempt:2"]


async def test_a_fallback_on_another_api_takes_over(
    llm_server: LLMServer, flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    llm_server.answer_by_path(
        {"write": StatusError(503, "down"), "write/fallback:small": AgentOutput("Grey rain", usage=SPENT)}
    )
    async with AsyncOpenAI(base_url=llm_server.url, api_key="none") as client:
        small = Step("small", AGENTS["responses"](client))
        step = Step("write", AGENTS["chat streamed"](client), max_retries=0, fallback=small)
        result = await flujo_run(step, "rain", cost_model=PRICES)
    assert (result.output, entries(result)) == ("Grey rain", [NOTHING_KNOWN, ANSWERED])
    assert [request.api for request in llm_server.requests] == ["chat", "responses"]


# The other SDKs, as agents that report what they heard and let errors be errors ------------------------------


@dataclass(frozen=True, slots=True)
class Asking:
    """An agent over a raw SDK; what it raises is left as it is."""

    sdk: Sdk
    client: Any
    streamed: bool
    model: str = "test:some-model"

    async def run(self, text: str) -> AgentOutput[str]:
        heard = await (self.sdk.streamed if self.streamed else self.sdk.plain)(self.client, text)
        return AgentOutput(heard.text, usage=SPENT, model=self.model)


SAYS = {
    "429": "RateLimitError: Error code: 429",
    "500": "InternalServerError: Error code: 500",
    "500 paid": "InternalServerError: Error code: 500",
    "any exception": "InternalServerError: Error code: 500",
    "disconnected": "APIConnectionError: Connection error.",
    "silent": LATE,
    "stalled": LATE,
    "slow pieces": LATE,
    "piece, then silent": LATE,
}


@pytest.mark.parametrize("failure", SAYS)
@pytest.mark.parametrize(("anyio_backend", "streamed"), [("asyncio", True), ("trio", False)])
async def test_a_failed_attempt_of_the_anthropic_sdk_is_booked_as_unknown(
    streamed: bool, failure: str, llm_server: LLMServer, flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    llm_server.usage = SPENT
    llm_server.answer(FAILURES[failure].item, "Grey rain")
    async with asked(MESSAGES, llm_server.url) as client:
        step = Step("write", Asking(MESSAGES, client, streamed), timeout_s=30)
        result = await flujo_run(step, "rain", cost_model=PRICES)
    outcome = FAILURES[failure].entry[0]
    assert (result.output, entries(result)) == ("Grey rain", [(outcome, None, None), ANSWERED])
    (failed,) = [event for event in result.transcript.events if isinstance(event, AskFailed)]
    assert failed.error[: len(SAYS[failure])] == SAYS[failure]


@pytest.mark.parametrize("failure", ["429", "500", "silent", "malformed", "empty", "disconnected"])
@pytest.mark.parametrize("sdk", PYDANTIC_AI, ids=lambda sdk: sdk.name)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_failed_attempt_of_pydantic_ai_is_booked_as_unknown(
    sdk: Sdk, failure: str, llm_server: LLMServer, flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    llm_server.usage = SPENT
    llm_server.answer(FAILURES[failure].item, "Grey rain")
    async with asked(sdk, llm_server.url) as client:
        step = Step("write", Asking(sdk, client, streamed=False), timeout_s=30)
        result = await flujo_run(step, "rain", cost_model=PRICES)
    outcome = FAILURES[failure].entry[0]
    assert (result.output, entries(result)) == ("Grey rain", [(outcome, None, None), ANSWERED])
