"""``llm_server`` where no loop of anyio runs the test: plain functions, ``unittest``, other threads."""

from __future__ import annotations

import asyncio
import unittest

import pytest
from anthropic import Anthropic
from openai import AsyncOpenAI, OpenAI

from flujo import AgentOutput, Step
from flujo.agents.openai import OpenAIChat
from flujo_testing import FakeError, FlujoRun
from flujo_testing.server import LLMServer, StatusError
from flujo_testing.testcase import PipelineTestCase
from tests.flujo_testing.server.sdks import USAGE


def test_a_plain_function_asks_by_the_synchronous_sdks(llm_server: LLMServer) -> None:
    llm_server.answer(StatusError(429, retry_after_s=0), AgentOutput("Grey rain", usage=USAGE), "White snow")
    llm_server.usage = USAGE
    with OpenAI(base_url=llm_server.url, api_key="none", max_retries=1) as client:
        assert client.responses.create(model="gpt", input="rain").output_text == "Grey rain"
    with Anthropic(base_url=llm_server.url, api_key="none") as anthropic:
        message = anthropic.messages.create(
            model="claude", max_tokens=9, messages=[{"role": "user", "content": "snow"}]
        )
    assert [block.text for block in message.content if block.type == "text"] == ["White snow"]
    assert [request.input for request in llm_server.requests] == ["rain", "rain", "snow"]


def test_a_plain_function_runs_a_pipeline_and_each_step_is_answered_by_its_path(
    llm_server: LLMServer, flujo_run: FlujoRun
) -> None:
    llm_server.usage = USAGE
    llm_server.answer_by_path({"write": "rain", "check": "fine"})
    client = AsyncOpenAI(base_url=llm_server.url, api_key="none")
    agent = OpenAIChat("some-model", client=client, stream=True)
    result = flujo_run.sync(Step("write", agent) >> Step("check", agent), "rain")
    assert (result.output, [step.output for step in result.step_history]) == ("fine", ["rain", "fine"])
    assert [request.path for request in llm_server.requests] == ["write/attempt:1", "check/attempt:1"]


class InATestCase(PipelineTestCase):
    def test_the_server_is_an_attribute(self) -> None:
        self.llm_server.answer("Grey rain")
        with OpenAI(base_url=self.llm_server.url, api_key="none") as client:
            answer = client.responses.create(model="gpt", input="rain")
        assert answer.output_text == "Grey rain"


class InAnAsyncTestCase(PipelineTestCase, unittest.IsolatedAsyncioTestCase):
    async def test_another_loop_asks_the_server_in_its_thread(self) -> None:
        self.llm_server.answer("Grey rain")
        async with AsyncOpenAI(base_url=self.llm_server.url, api_key="none") as client:
            answer = await client.responses.create(model="gpt", input="rain")
        assert answer.output_text == "Grey rain"


def test_a_loop_of_the_tests_own_asks_the_server_in_its_thread(llm_server: LLMServer) -> None:
    llm_server.answer("Grey rain")

    async def ask() -> str:
        async with AsyncOpenAI(base_url=llm_server.url, api_key="none") as client:
            return (await client.responses.create(model="gpt", input="rain")).output_text

    assert asyncio.run(ask()) == "Grey rain"


async def test_an_async_test_has_the_server_in_its_own_loop(llm_server: LLMServer) -> None:
    llm_server.answer("Grey rain")
    async with AsyncOpenAI(base_url=llm_server.url, api_key="none") as client:
        assert (await client.responses.create(model="gpt", input="rain")).output_text == "Grey rain"


async def test_an_async_test_that_asks_for_it_while_it_runs_is_told_so(request: pytest.FixtureRequest) -> None:
    with pytest.raises(FakeError, match="asks for llm_server while it runs: name the fixture among the arguments"):
        request.getfixturevalue("llm_server")
