"""What goes wrong between the adapter and a provider: refusals, lost connections, half answers, rubbish."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import APIError, AsyncOpenAI

from flujo import AgentError, AgentOutput, Flujo, Step, Usage
from flujo.agents.openai import OpenAIChat, OpenAIResponses
from flujo.agents.openai.connection import ERRORS
from flujo.agents.openai.usage import chat_usage
from flujo.agents.wire.stainless import failure_of
from tests.flujo.agents.wire import (
    ALL_KINDS,
    USAGE,
    Answer,
    Wire,
    answer,
    chunk,
    client,
    completion,
    in_pieces,
    saying,
    sse,
    streamed,
)

AGAIN = "Retry, or give the step a fallback"


async def failure(*answers: Any, **options: Any) -> tuple[str, Usage | None, str | None]:
    """What the error says, and what it books."""
    sdk, _ = client(*answers)
    with pytest.raises(AgentError) as failed:
        await OpenAIChat("gpt-x", client=sdk, **options).run("Rain?")
    return str(failed.value), failed.value.usage, failed.value.model


REFUSED = {"error": {"message": "No rain here.", "type": "invalid", "code": "no_rain", "param": "messages[0]"}}


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        (answer(REFUSED, 400), "400 (no_rain at messages[0]): No rain here.. Correct the request"),
        (answer({"error": {"message": "Who?"}}, 401), "401: Who?. Check the client's API key"),
        (answer({"error": {"message": "No."}}, 403), "403: No.. Check what the API key may use"),
        (answer({"error": "gone"}, 404), "404: gone. Check the model's name and the client's base_url"),
        (answer({"error": {"type": "huge", "message": "Big."}}, 413), "413 (huge): Big.. Send less"),
        (answer({"detail": "odd"}, 422), "422: odd. Correct the request"),
        (
            answer({"error": {"message": "Slow.", "code": "rate"}}, 429, **{"retry-after": "7"}),
            "429 (rate): Slow.. Give the step a backoff, or let fewer steps run at once (retry-after: 7)",
        ),
        (answer({"error": {"message": "Oops."}}, 500), f"500: Oops.. {AGAIN}"),
        (
            Answer(502, (b"<html>\n bad   gateway</html>",)),
            f"502: <html> bad gateway</html>. {AGAIN}",
        ),
        (Answer(503, (b"x" * 999,)), f"503: {'x' * 300}…. {AGAIN}"),
        (Answer(504), f"504: no body. {AGAIN}"),
    ],
)
async def test_a_refused_request_names_status_code_reason_and_remedy(given_: Any, told: str) -> None:
    assert await failure(given_) == (f"openai:gpt-x answered {told}", None, "openai:gpt-x")


async def test_usage_in_an_error_body_is_booked() -> None:
    _, usage, _ = await failure(answer({**REFUSED, "usage": USAGE}, 400))
    assert usage == ALL_KINDS


async def test_nothing_is_retried_behind_the_engines_back() -> None:
    sdk, wire = client(answer(REFUSED, 500), answer(REFUSED, 429), saying("Grey."))
    result = await Flujo(Step("ask", OpenAIChat("gpt-x", client=sdk), max_retries=2)).run_async("Rain?")
    assert (result.output, len(wire.requests)) == ("Grey.", 3)
    booked = [(entry.path, entry.outcome, entry.usage) for entry in result.ledger.entries]
    assert booked == [
        ("ask/attempt:1", "error", None),
        ("ask/attempt:2", "error", None),
        ("ask/attempt:3", "ok", ALL_KINDS),
    ]


async def test_a_connection_that_fails_names_its_causes() -> None:
    lost = httpx2.ConnectError("all sockets are wet")
    lost.__cause__ = OSError(111, "refused")
    assert await failure(lost) == (
        "openai:gpt-x could not be reached: Connection error., because of ConnectError: all sockets are wet, "
        "because of ConnectionRefusedError: [Errno 111] refused. Check base_url and the network, then retry",
        None,
        "openai:gpt-x",
    )


async def test_a_timeout_of_the_client_is_told_apart() -> None:
    assert await failure(httpx2.ReadTimeout("30 s")) == (
        "openai:gpt-x gave no answer within the client's timeout, because of ReadTimeout: 30 s. "
        "Raise the client's timeout",
        None,
        "openai:gpt-x",
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            completion({"content": None, "refusal": "I'd rather not."}),
            "refused: I'd rather not.. Change what it is asked",
        ),
        (
            completion({"content": "Gr"}, "length"),
            "was cut off at its limit of output tokens. Raise max_output_tokens",
        ),
        (
            completion({"content": ""}, "content_filter"),
            "was stopped by the provider's content filter. Change what it is asked",
        ),
        (completion({"content": None}), f"answered neither text nor tool calls. {AGAIN}"),
        (completion(None), f"answered neither text nor tool calls. {AGAIN}"),
        ({**completion({}), "choices": []}, f"answered without any choice. {AGAIN}"),
        ({**completion({}), "choices": {"0": 1}}, f"answered without any choice. {AGAIN}"),
        ({**completion({}), "error": {"code": 7, "message": "Wet."}}, f"failed (7): Wet.. {AGAIN}"),
    ],
)
async def test_an_answer_that_is_of_no_use_is_booked_and_says_why(body: object, told: str) -> None:
    assert await failure(answer(body)) == (f"openai:gpt-x-1 {told}", ALL_KINDS, "openai:gpt-x-1")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"<html>\n  It rains.</html>", "<html> It rains.</html>"),
        (b"", "nothing"),
        (b"[1]", "[1]"),
        (b"null", "null"),
        (b'{"a": ', '{"a":'),
        (b"\xff", "\ufffd"),
        (b"[" * 100_000, "[" * 300 + "…"),
        (b'{"a": ' + b"9" * 5_000 + b"}", '{"a": ' + "9" * 294 + "…"),
    ],
    ids=lambda value: value[:10],
)
async def test_rubbish_is_shown_in_part(content: bytes, shown: str) -> None:
    told = f"openai:gpt-x answered no JSON object but: {shown}. Check the client's base_url"
    assert await failure(Answer(200, (content,), {"content-type": "application/json"})) == (
        told,
        None,
        "openai:gpt-x",
    )
    event = b"data: " + content.replace(b"\n", b" ") + b"\n\n"
    if content:
        assert await failure(in_pieces(event), stream=True) == (told, None, "openai:gpt-x")


# Streams ----------------------------------------------------------------------------------------------------

HALF = [chunk({"content": "Gr"}), chunk({"content": "e"}, usage=USAGE)]


@pytest.mark.parametrize(
    ("given_", "told", "paid"),
    [
        (
            streamed(done=False),
            f"openai:gpt-x broke off its stream before the answer was finished. {AGAIN}",
            None,
        ),
        (
            streamed(HALF[0]),
            f"openai:gpt-x-1 broke off its stream before the answer was finished. {AGAIN}",
            None,
        ),
        (
            streamed(*HALF, done=False),
            f"openai:gpt-x-1 broke off its stream before the answer was finished. {AGAIN}",
            ALL_KINDS,
        ),
        (
            in_pieces(sse(*HALF, done=False), lost=httpx2.ReadError("cut")),
            f"openai:gpt-x broke off its answer: ReadError: cut. {AGAIN}",
            ALL_KINDS,
        ),
        (
            streamed(*HALF, {"error": {"code": "overloaded", "message": "Wet."}}),
            f"openai:gpt-x broke off its answer (overloaded): Wet.. {AGAIN}",
            ALL_KINDS,
        ),
        (
            in_pieces(sse(*HALF, done=False), b'data: {"choices": [{"ind'),
            'openai:gpt-x answered no JSON object but: {"choices": [{"ind. Check the client\'s base_url',
            ALL_KINDS,
        ),
        (
            answer(completion({"content": "Grey."})),
            f"openai:gpt-x broke off its stream before the answer was finished. {AGAIN}",
            None,
        ),
    ],
)
async def test_half_a_stream_is_a_failure_that_books_what_was_reported(
    given_: Any, told: str, paid: Usage | None
) -> None:
    error, usage, _ = await failure(given_, stream=True)
    assert (error, usage) == (told, paid)


async def test_what_comes_after_the_end_of_the_answer_is_passed_over() -> None:
    whole = sse(*HALF, chunk({}, "stop"), done=False)
    sdk, _ = client(in_pieces(whole + b"data: [DONE]\n\n", b"data: bye\n\n"))
    output = await OpenAIChat("gpt-x", client=sdk, stream=True).run("Rain?")
    assert output == AgentOutput("Gre", usage=ALL_KINDS, model="openai:gpt-x-1")


KEYS = (
    "choices message delta content tool_calls index id function custom name arguments finish_reason refusal "
    "usage prompt_tokens completion_tokens prompt_tokens_details cached_tokens audio model error code cost "
    "output type text status response input_tokens output_tokens service_tier call_id summary"
)
NAMES = st.sampled_from(KEYS.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(body=JSON, plain=st.booleans())
@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_json_a_provider_sends_is_an_answer_or_an_agent_error(body: object, plain: bool) -> None:
    for make in (OpenAIChat, OpenAIResponses):
        sdk, _ = client(answer(body) if plain else streamed(body))
        try:
            outcome: object = type(await make("gpt-x", client=sdk, stream=not plain).run("Rain?"))
        except AgentError as error:
            outcome = type(error)
        assert outcome in (AgentOutput, AgentError)


# Without what it needs --------------------------------------------------------------------------------------


async def test_without_a_key_the_step_fails_and_nothing_is_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    result = await Flujo(Step("ask", OpenAIChat("gpt-x"), max_retries=0)).run_async("Rain?")
    ours = "step 'ask' failed after 1 attempt: openai:gpt-x could not be asked: "  # the SDK says the rest
    assert str(result.error).startswith(ours)
    assert (result.status, result.ledger.entries) == ("failed", ())


def test_without_the_sdk_the_import_names_the_extra() -> None:
    script = """
import sys
sys.modules["openai"] = None
try:
    import flujo.agents.openai
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == ("flujo.agents.openai needs the OpenAI SDK: pip install 'flujo-pipelines[openai]'\n")


async def test_a_client_is_made_when_first_needed_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "unused")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    for agent in (OpenAIChat("gpt-x"), OpenAIChat("gpt-x", stream=True)):
        with pytest.raises(AgentError, match="openai:gpt-x could not be reached: Connection error"):
            await agent.run("Rain?")


async def test_a_hook_of_the_client_may_close_an_answer_before_it_is_read() -> None:
    async def close(response: httpx2.Response) -> None:
        await response.aclose()

    wire = Wire(answer({**REFUSED, "usage": USAGE}, 400))
    http_client = httpx2.AsyncClient(transport=wire, event_hooks={"response": [close]})
    sdk = AsyncOpenAI(api_key="unused", base_url="https://api.test/v1", http_client=http_client)
    with pytest.raises(AgentError) as failed:
        await OpenAIChat("gpt-x", client=sdk, stream=True).run("Rain?")
    assert str(failed.value) == "openai:gpt-x answered 400: Error code: 400. Correct the request"
    assert failed.value.usage is None


def test_another_error_of_the_sdk_is_told_in_its_own_words() -> None:
    odd = APIError("Odd.", httpx2.Request("POST", "https://api.test"), body=None)
    error = failure_of(odd, ERRORS, "openai:gpt-x", chat_usage)
    assert str(error) == f"openai:gpt-x failed: Odd.. {AGAIN}"
    assert (error.usage, error.model, error.requests) == (None, "openai:gpt-x", None)
