"""What every adapter has to do, whoever its provider is: book what is reported, fail in its own words, never retry."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flujo import AgentError, AgentOutput, Flujo, Rejection, Step
from flujo_testing.conformance import AgentConformance
from tests.flujo.agents.providers import CHAT, COHERE, PROVIDERS, Anything, Provider
from tests.flujo.agents.wire import Answer, Wire, answer

AGAIN = "Retry, or give the step a fallback"
each = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
# The SDK leaves the generators of a stream that it cannot read to the garbage collector, which trio tells.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'google.genai:ResourceWarning")


async def failure(provider: Provider, *answers: Answer | Exception, **options: Any) -> AgentError:
    with pytest.raises(AgentError) as failed:
        await provider.make(Wire(*answers), **options).run("Rain?")
    return failed.value


# Answers ----------------------------------------------------------------------------------------------------


@each
async def test_an_answer_is_the_text_with_its_usage_and_model(provider: Provider) -> None:
    output = await provider.make(Wire(provider.answer("Grey."))).run("Rain?")
    assert (output.output, output.model) == ("Grey.", "p:m-1")
    assert (output.requests or (output,))[0].usage == provider.usage


@each
async def test_a_streamed_answer_comes_in_pieces_and_then_as_a_whole(provider: Provider) -> None:
    agent = provider.make(Wire(provider.stream("Gr", "ey.")))
    *pieces, output = [item async for item in agent.stream("Rain?")]
    assert (pieces, output.output, output.usage, output.model) == (["Gr", "ey."], "Grey.", provider.usage, "p:m-1")


@each
@pytest.mark.parametrize("stream", [False, True])
async def test_usage_that_is_not_reported_is_unknown_and_not_zero(provider: Provider, stream: bool) -> None:
    agent = provider.make(Anything(provider, reports=False), stream=stream)
    result = await Flujo(Step("ask", agent)).run_async("Rain?")
    assert (result.status, result.output, result.total_cost_usd) == ("completed", "Grey.", None)
    assert [(entry.usage, entry.usage_source) for entry in result.ledger.entries] == [(None, "absent")]


@each
async def test_feedback_goes_behind_the_input(provider: Provider) -> None:
    wire = Wire(provider.answer("Grey."), provider.answer("Grey."))
    agent = provider.make(wire)
    await agent.run("Rain?")
    await agent.run("Rain?", feedback=[Rejection("short", "Longer!", 1)])
    plain, again = (body[agent.items] for body in wire.bodies)
    asked = plain if isinstance(plain, list) else [{"role": "user", "content": plain}]
    assert again[: len(asked)] == asked
    assert "Earlier answers were rejected:\\n- short: Longer!\\nAnswer again." in json.dumps(again[len(asked) :])
    assert len(again) == len(asked) + 1


@each
async def test_what_a_request_may_cost_is_declared_and_sent(provider: Provider) -> None:
    wire = Wire(provider.answer("Grey."))
    agent = provider.make(wire, max_output_tokens=91, instructions="Be brief.")
    await agent.run("Rain?")
    body = {key: value for key, value in wire.bodies[0].items() if key != "stream"}
    assert (agent.max_output_tokens, "91" in json.dumps(body)) == (91, True)
    sent_bytes = len(json.dumps(body, ensure_ascii=False).encode())
    assert sent_bytes <= agent.estimate_input("Rain?") <= sent_bytes + 100 + agent.unseen


# Failures ---------------------------------------------------------------------------------------------------


@each
async def test_a_refused_request_says_why_and_what_to_do_and_is_not_charged(provider: Provider) -> None:
    body = {"error": {"message": "Slow.", "type": "rate", "code": 429}}
    error = await failure(provider, answer(body, 429, **{"retry-after": "7"}))
    remedy = "Give the step a backoff, or let fewer steps run at once (retry-after: 7)"
    assert str(error) == f"{error.model} answered 429 (rate): Slow.. {remedy}"
    assert (error.usage, error.cost_usd) == (None, Decimal(0))


@each
async def test_of_a_request_that_broke_nobody_knows_the_cost(provider: Provider) -> None:
    error = await failure(provider, Answer(503, (b"<html>\n bad   gateway</html>",)))
    assert str(error) == f"{error.model} answered 503: <html> bad gateway</html>. {AGAIN}"
    assert (error.usage, error.cost_usd, error.requests) == (None, None, None)


@each
async def test_nothing_is_retried_behind_the_engines_back(provider: Provider) -> None:
    wire = Wire(answer({}, 500), answer({}, 429), httpx2.ConnectError("wet"), provider.answer("Grey."))
    result = await Flujo(Step("ask", provider.make(wire), max_retries=3)).run_async("Rain?")
    assert (result.output, len(wire.requests)) == ("Grey.", 4)
    booked = [(entry.path, entry.outcome, entry.usage) for entry in result.ledger.entries]
    assert booked == [
        ("ask/attempt:1", "error", None),
        ("ask/attempt:2", "error", None),
        ("ask/attempt:3", "error", None),
        ("ask/attempt:4", "ok", provider.usage),
    ]


@each
async def test_a_failed_request_leads_to_the_fallback(provider: Provider) -> None:
    step = Step("ask", provider.make(Wire(answer({}, 400))), max_retries=0)
    saved = Step("spare", provider.make(Wire(provider.answer("Grey."))))
    result = await Flujo(Step("ask", step.agent, max_retries=0, fallback=saved)).run_async("Rain?")
    assert (result.status, result.output) == ("completed", "Grey.")
    assert [entry.outcome for entry in result.ledger.entries] == ["error", "ok"]


@each
async def test_a_lost_connection_and_a_late_answer_are_told_apart(provider: Provider) -> None:
    lost = str(await failure(provider, httpx2.ConnectError("all sockets are wet")))
    late = str(await failure(provider, httpx2.ReadTimeout("30 s")))
    assert "could not be reached: " in lost
    assert "all sockets are wet" in lost
    assert lost.endswith("Check base_url and the network, then retry")
    assert "gave no answer within the client's timeout" in late
    assert late.endswith("Raise the client's timeout")


@each
async def test_a_body_that_is_lost_on_its_way_is_a_failure_of_unknown_cost(provider: Provider) -> None:
    half = Answer(200, (b'{"model": ',), {"content-type": "application/json"}, httpx2.ReadError("all wet"))
    error = await failure(provider, half)
    assert "all wet" in str(error)
    assert (error.usage, error.cost_usd, error.model) == (None, None, provider.make(Wire()).model)


@each
@pytest.mark.parametrize("content", [b"<html>", b"", b"[1]", b"null", b'{"a": ', b"\xff", b"[" * 100_000])
async def test_rubbish_is_a_failure_of_unknown_cost(provider: Provider, content: bytes) -> None:
    plain = await failure(provider, Answer(200, (content,), {"content-type": "application/json"}))
    streamed = await failure(provider, Answer(200, (content,), {"content-type": "text/event-stream"}), stream=True)
    for error in (plain, streamed):
        assert (error.usage, error.cost_usd, error.requests) == (None, None, None)
        assert error.model in ("p:m", "p:m-1")


@each
async def test_half_a_stream_is_a_failure_that_books_what_was_reported(provider: Provider) -> None:
    ended = await failure(provider, provider.stream("Gr", "ey.", events=-1), stream=True)
    half = provider.events(["Gr"], True)[:-1]
    cut = await failure(provider, provider.sent(half, httpx2.ReadError("all wet")), stream=True)
    nothing = await failure(provider, provider.sent([]), stream=True)
    reported = None if provider is COHERE else provider.usage  # which comes with the last event
    told = f"p:m-1 broke off its stream before the answer was finished. {AGAIN}"
    assert (str(ended), ended.usage) == (told, reported)
    assert " broke off its answer: ReadError: all wet" in str(cut)
    assert (cut.usage, nothing.usage) == (reported, None)


KEYS = (
    "choices message delta content index finish_reason usage prompt_tokens completion_tokens model error code cost "
    "output type text status response input_tokens output_tokens service_tier stop_reason iterations input "
    "cache_creation cache_read_input_tokens candidates parts functionCall args finishReason usageMetadata "
    "promptTokenCount totalTokenCount promptTokensDetails tokenCount modality inputTokens outputTokens toolUse "
    "stopReason contentBlockIndex billed_units finish_reason tool_calls function arguments name"
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(
        ["message_start", "content_block_delta", "message_stop", "text", "end_turn", "STOP", "tool_use", "COMPLETE"]
    )
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=4),
    max_leaves=12,
)


@given(body=JSON, plain=st.booleans())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
async def test_whatever_json_a_provider_sends_is_an_answer_or_an_agent_error(body: object, plain: bool) -> None:
    for provider in PROVIDERS:
        events = [("contentBlockDelta", body)] if provider.name == "bedrock" else [body]
        sent = answer(body) if plain else provider.sent(events)
        try:
            outcome: object = type(await provider.make(Wire(sent), stream=not plain).run("Rain?"))
        except AgentError as error:
            outcome = type(error)
        assert (provider.name, outcome in (AgentOutput, AgentError)) == (provider.name, True)


# The contract of agents -------------------------------------------------------------------------------------


class OfProvider(AgentConformance):
    provider = CHAT
    stream = False

    def make_agent(self) -> Any:
        return self.provider.make(Anything(self.provider), stream=self.stream, max_output_tokens=91)

    def make_silent_agent(self) -> Any:
        return self.provider.make(Anything(self.provider, reports=False), stream=self.stream)

    def make_input(self) -> Any:
        return {"mood": ["grey"]}


def conforming(provider: Provider, stream: bool) -> type[AgentConformance]:
    name = f"Test{'Streamed' if stream else ''}{provider.name.title().replace(' ', '')}"
    return type(name, (OfProvider,), {"provider": provider, "stream": stream, "__module__": __name__})


for _provider in PROVIDERS:
    for _stream in (False, True):
        _class = conforming(_provider, _stream)
        globals()[_class.__name__] = _class


# Without what it needs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "missing", "told"),
    [
        ("openai", "openai", "the OpenAI SDK: pip install 'flujo-pipelines[openai]'"),
        ("anthropic", "anthropic", "the Anthropic SDK: pip install 'flujo-pipelines[anthropic]'"),
        ("google", "google.genai", "the Google Gen AI SDK: pip install 'flujo-pipelines[google]'"),
        ("bedrock", "httpx2", "httpx2: pip install 'flujo-pipelines[http]'"),
        ("cohere", "httpx2", "httpx2: pip install 'flujo-pipelines[http]'"),
        ("pydantic_ai", "pydantic_ai", "Pydantic AI: pip install 'flujo-pipelines[pydantic-ai]'"),
    ],
)
def test_without_the_sdk_the_import_names_the_extra(module: str, missing: str, told: str) -> None:
    script = f"""
import sys
sys.modules[{missing!r}] = None
try:
    import flujo.agents.{module}
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"flujo.agents.{module} needs {told}\n"
