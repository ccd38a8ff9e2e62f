"""How the server finds an answer, what it records of a request, and what is wrong between it and a test."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from openai import AsyncOpenAI, BadRequestError

from flujo import AgentOutput, RequestUsage, Step
from flujo.agents.openai import OpenAIChat
from flujo_testing import (
    FakeError,
    FlujoRun,
    Script,
    ScriptExhausted,
    ScriptLeftOver,
    ScriptOrderUnclear,
    ScriptUnmatched,
)
from flujo_testing.clock import VirtualClock
from flujo_testing.server import LLMServer, Malformed, Stall, StatusError, ToolUse, Turn
from tests.flujo_testing.server.sdks import CHAT, MESSAGES, RESPONSES, SDKS, USAGE, Sdk, asked, generators_left, wrong

pytestmark = generators_left


async def said(server: LLMServer, text: str, sdk: Sdk = CHAT) -> str:
    async with asked(sdk, server.url) as client:
        return (await sdk.plain(client, text)).text


# Finding --------------------------------------------------------------------------------------------------


async def test_answers_in_order_may_be_added_to(llm_server: LLMServer) -> None:
    llm_server.answer("one", "two")
    assert [await said(llm_server, "?"), await said(llm_server, "?")] == ["one", "two"]
    llm_server.answer("three")
    assert await said(llm_server, "?") == "three"


async def test_answers_are_found_by_what_a_user_said_first(llm_server: LLMServer) -> None:
    llm_server.usage = USAGE
    llm_server.answer_by_input({"rain": Script("Grey rain", "Rain again"), "snow": "White snow"})
    assert await said(llm_server, "rain", CHAT) == "Grey rain"
    assert await said(llm_server, "snow", MESSAGES) == "White snow"
    assert await said(llm_server, "rain", RESPONSES) == "Rain again"


async def test_answers_are_found_by_the_model(llm_server: LLMServer) -> None:
    llm_server.answer_by_model({"large": "much", "small": "little"})
    texts = []
    async with AsyncOpenAI(base_url=llm_server.url, api_key="none") as client:
        for model in ("small", "large"):
            answer = await client.responses.create(model=model, input="?")
            texts.append((answer.output_text, answer.model))
    assert texts == [("little", "small"), ("much", "large")]


async def test_answers_are_found_by_the_path_of_branches_that_ask_the_same_at_once(
    llm_server: LLMServer, flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    llm_server.usage = USAGE
    names = ("tone", "facts", "policy")
    scripts = {f"review/branch:{name}/read": Script(StatusError(500), name) for name in names}
    llm_server.answer_by_path({**scripts, "review/branch:facts/read": Stall(3, "facts"), "sum_up": "done"})
    async with AsyncOpenAI(base_url=llm_server.url, api_key="none") as client:
        agent = OpenAIChat("some-model", client=client)
        review = Step.parallel("review", {name: Step("read", agent) for name in names})
        result = await flujo_run(review >> Step("sum_up", agent), "rain")
    assert result.step_history[0].output == {name: name for name in names}
    assert sorted(request.path or "" for request in llm_server.requests) == [
        "review/branch:facts/read/attempt:1",
        "review/branch:policy/read/attempt:1",
        "review/branch:policy/read/attempt:2",
        "review/branch:tone/read/attempt:1",
        "review/branch:tone/read/attempt:2",
        "sum_up/attempt:1",
    ]


# What it records ------------------------------------------------------------------------------------------

ASKED: dict[str, Any] = {
    "chat": ("/chat/completions", (("user", "What about rain?"),)),
    "responses": ("/responses", (("user", "What about rain?"),)),
    "messages": ("/v1/messages", (("user", "What about rain?"),)),
}


@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)
async def test_requests_are_parsed_and_recorded_without_the_key(sdk: Sdk, llm_server: LLMServer) -> None:
    llm_server.usage = USAGE
    llm_server.answer("Grey rain")
    async with sdk.client(base_url=llm_server.url, api_key="top-secret") as client:
        await sdk.plain(client, "What about rain?")
    (request,) = llm_server.requests
    assert (request.api, request.model, request.input) == (sdk.name, "some-model", "What about rain?")
    assert (request.url, request.messages) == ASKED[sdk.name]
    assert (request.streamed, request.path, request.method) == (False, None, "POST")
    assert request.body["model"] == "some-model"
    assert request.headers["content-type"] == "application/json"
    assert "top-secret" not in json.dumps(dict(request.headers))


async def test_instructions_and_results_of_tools_are_messages(llm_server: LLMServer) -> None:
    llm_server.usage = USAGE
    llm_server.answer("a", "b")
    conversation: Any = [
        {"role": "user", "content": [{"type": "text", "text": "Rain "}, {"type": "text", "text": "in Oslo?"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "wet"}]},
    ]
    items: Any = [
        {"role": "user", "content": "Rain?"},
        {"type": "function_call", "call_id": "1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "wet"},
    ]
    async with asked(MESSAGES, llm_server.url) as client:
        await client.messages.create(model="m", max_tokens=9, system="Be short", messages=conversation)
    async with asked(RESPONSES, llm_server.url) as client:
        await client.responses.create(model="m", instructions="Be short", input=items)
    first, second = llm_server.requests
    assert first.messages == (
        ("system", "Be short"),
        ("user", "Rain in Oslo?"),
        ("assistant", ""),
        ("user", "wet"),
    )
    assert second.messages == (
        ("system", "Be short"),
        ("user", "Rain?"),
        ("function_call", ""),
        ("function_call_output", "wet"),
    )
    assert (first.input, second.input) == ("Rain in Oslo?", "Rain?")


async def test_data_is_answered_as_the_json_that_a_model_writes(llm_server: LLMServer) -> None:
    llm_server.answer({"passed": True, "note": "née"}, ["a", 1], AgentOutput("text", model="openai:gpt-9"))
    assert [await said(llm_server, "?") for _ in range(2)] == ['{"passed":true,"note":"née"}', '["a",1]']
    async with asked(CHAT, llm_server.url) as client:
        answer = await client.chat.completions.create(model="gpt-latest", messages=[{"role": "user", "content": "?"}])
    assert answer.model == "gpt-9"


# What is wrong --------------------------------------------------------------------------------------------


async def test_a_script_that_is_used_up_is_an_error_of_the_test_and_no_sdk_retries_it(llm_server: LLMServer) -> None:
    with wrong(ScriptExhausted, "asked for answer 1, but its script has 0"):
        async with asked(CHAT, llm_server.url, max_retries=5) as client:
            with pytest.raises(BadRequestError, match="LLMServer 'llm_server' was asked for answer 1"):
                await CHAT.plain(client, "rain")
        assert len(llm_server.requests) == 1


async def test_an_input_or_a_model_without_a_script_is_an_error(llm_server: LLMServer) -> None:
    with wrong(ScriptUnmatched, "no script for the input 'hail'; it has: 'rain'"):
        llm_server.answer_by_input({"rain": "Grey rain"})
        with pytest.raises(BadRequestError):
            await said(llm_server, "hail")
    other = LLMServer()
    with wrong(ScriptUnmatched, "no script for the model 'some-model'; it has: 'gpt'"):
        other.answer_by_model({"gpt": "Grey rain"})
        async with other.serving():
            with pytest.raises(BadRequestError):
                await said(other, "hail")


async def test_a_retry_does_not_hide_that_a_script_was_used_up(llm_server: LLMServer, flujo_run: FlujoRun) -> None:
    llm_server.answer_by_path({"write": StatusError(500)})
    async with AsyncOpenAI(base_url=llm_server.url, api_key="none") as client:
        with pytest.raises(
            ScriptExhausted, match="at 'write/attempt:2' for answer 2, but its script for 'write' has 1"
        ):
            await flujo_run(Step("write", OpenAIChat("some-model", client=client), fallback=Step("plain", len)), "rain")


async def test_an_answer_nobody_asked_for_is_an_error_when_the_test_ends() -> None:
    server = LLMServer(name="gpt")
    with wrong(ScriptLeftOver, r"LLMServer 'gpt' still has 1 of 2 answers .*'two'"):
        server.answer("one", "two")
        async with server.serving():
            assert await said(server, "?") == "one"


async def test_who_asks_in_order_from_several_tasks_at_once_is_told_to_say_who_gets_what(
    llm_server: LLMServer, virtual_clock: VirtualClock
) -> None:
    with wrong(ScriptOrderUnclear, "two callers at the same time"):
        llm_server.answer(Stall(5, "one"), "two")
        refused = []

        async def ask() -> None:
            try:
                await said(llm_server, "?")
            except BadRequestError as error:
                refused.append(error.status_code)

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
        assert refused == [400]


async def test_what_it_does_not_speak_is_an_error(llm_server: LLMServer) -> None:
    text = r"was asked GET /models: it answers POST /v1/chat/completions, /v1/responses, /v1/messages that name a model"
    with wrong(ScriptUnmatched, text):
        async with asked(CHAT, llm_server.url) as client:
            with pytest.raises(BadRequestError):
                await client.models.list()


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (object(), "a model cannot write <object object at .*, which is no JSON"),
        (Stall(1, object()), "cannot be copied|a model cannot write"),
        (Script("a"), "a Script belongs into by_path"),
        (StatusError, "cannot answer with <class '.*StatusError'>, which takes arguments: give one"),
        (KeyboardInterrupt(), r"cannot answer with KeyboardInterrupt\(\)"),
        (
            AgentOutput("a", requests=(RequestUsage(usage=USAGE),)),
            "stands for several answers, and one request has one",
        ),
        (Turn("a", object()), "a model cannot write"),  # type: ignore[arg-type]
    ],
    ids=["object", "stalled object", "script", "class", "interruption", "several answers", "object in a turn"],
)
def test_what_cannot_be_answered_is_refused_when_the_script_is_given(item: object, why: str) -> None:
    with pytest.raises(FakeError, match=why):
        LLMServer().answer(item)


def test_answers_are_found_in_one_way() -> None:
    server = LLMServer()
    server.answer_by_model({"gpt": "a"})
    twice = "has its answers by model already: give them all at once"
    with pytest.raises(FakeError, match=twice):
        server.answer("b")
    with pytest.raises(FakeError, match=twice):
        server.answer_by_model({"other": "b"})


def test_items_of_a_script_show_what_they_are() -> None:
    shown = [repr(item) for item in (StatusError(429, "slow"), Malformed(""), Turn("a", ToolUse("b")), Stall(1, "c"))]
    assert shown == [
        "StatusError('429 slow')",
        "Malformed(\"malformed: ''\")",
        "Turn('a', ToolUse(name='b', arguments={}, id=None))",
        "Stall(seconds=1, then='c')",
    ]
