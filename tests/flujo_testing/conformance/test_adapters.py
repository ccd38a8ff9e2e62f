"""The adapters to real SDKs keep the contract of agents: asked through the SDK, answered in process."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI

from flujo.agents.openai import OpenAIChat, OpenAIResponses
from flujo_testing import AgentConformance
from tests.flujo.agents.wire import USAGE, Answer, answer, chunk, message, response, saying, streamed, text

pytestmark = pytest.mark.anyio


class BothWays(httpx2.AsyncBaseTransport):
    """Answers whole or in pieces, as it is asked, any number of times."""

    def __init__(self, whole: Answer, pieces: Answer) -> None:
        self.whole = whole
        self.pieces = pieces

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return (self.pieces if json.loads(request.content).get("stream") else self.whole).response()


def sdk(whole: Answer, pieces: Answer) -> AsyncOpenAI:
    http_client = httpx2.AsyncClient(transport=BothWays(whole, pieces))
    return AsyncOpenAI(api_key="unused", base_url="https://api.test/v1", http_client=http_client)


class OfPoems(AgentConformance):
    def make_input(self) -> Any:
        return {"topic": "rain", "lines": ["grey"]}


class TestOpenAIChat(OfPoems):
    def make_agent(self, **options: Any) -> OpenAIChat:
        return OpenAIChat("gpt-x", client=chat(USAGE), max_output_tokens=100, **options)

    def make_silent_agent(self, **options: Any) -> OpenAIChat:
        return OpenAIChat("gpt-x", client=chat(None), **options)


class TestStreamedOpenAIChat(TestOpenAIChat):
    def make_agent(self, **options: Any) -> OpenAIChat:
        return super().make_agent(stream=True)

    def make_silent_agent(self, **options: Any) -> OpenAIChat:
        return super().make_silent_agent(stream=True)


def chat(usage: Any) -> AsyncOpenAI:
    pieces = chunk({"role": "assistant", "content": "Gr"}), chunk({"content": "ey."}, "stop"), chunk(usage=usage)
    return sdk(saying("Grey.", usage=usage), streamed(*pieces))


class TestOpenAIResponses(OfPoems):
    def make_agent(self, **options: Any) -> OpenAIResponses:
        return OpenAIResponses("gpt-x", client=responses(), max_output_tokens=100, **options)

    def make_silent_agent(self, **options: Any) -> OpenAIResponses:
        return OpenAIResponses("gpt-x", client=responses(usage=None), **options)


class TestStreamedOpenAIResponses(TestOpenAIResponses):
    def make_agent(self, **options: Any) -> OpenAIResponses:
        return super().make_agent(stream=True)

    def make_silent_agent(self, **options: Any) -> OpenAIResponses:
        return super().make_silent_agent(stream=True)


def responses(**more: Any) -> AsyncOpenAI:
    body = response(message(text("Grey.")), **more)
    deltas = [{"type": "response.output_text.delta", "delta": said} for said in ("Gr", "ey.")]
    return sdk(answer(body), streamed(*deltas, {"type": "response.completed", "response": body}, done=False))
