"""The real SDKs, each asked in the same way; what they make of the answer is brought into one form."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from flujo import Usage
from flujo_testing import FakeError, Pass

USAGE = Usage(
    input_tokens=120,
    cache_read_tokens=20,
    cache_write_tokens=31,
    cache_write_1h_tokens=11,
    output_tokens=47,
    output_reasoning_tokens=7,
)
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
MODEL = "some-model"

# Streams that are not read to their end: the HTTP client and the SDK leave generators to the garbage collector,
# which trio says aloud.
generators_left = pytest.mark.filterwarnings("ignore:Async generator '(openai|anthropic|httpx2|httpcore2)[.]")


@dataclass(frozen=True, slots=True)
class Heard:
    """What an SDK has understood; ``usage`` in its own words, None where it was told nothing."""

    text: str = ""
    tools: tuple[tuple[str, object], ...] = ()
    usage: Any = None
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Sdk:
    name: str
    plain: Callable[[Any, str], Awaitable[Heard]]
    streamed: Callable[[Any, str], Awaitable[Heard]]
    client: Callable[..., Any]
    model: str = MODEL


@asynccontextmanager
async def asked(sdk: Sdk, url: str, **options: Any) -> AsyncIterator[Any]:
    """A client that retries nothing, unless it is told to."""
    async with sdk.client(base_url=url, api_key="none", **{"max_retries": 0, **options}) as client:
        yield client


@contextmanager
def wrong(error: type[FakeError], match: str) -> Iterator[None]:
    """A pass of its own, at whose end this is wrong."""
    with pytest.raises(error, match=match), Pass():
        yield


# OpenAI, chat completions ---------------------------------------------------------------------------------


def _messages(text: str) -> Any:
    return [{"role": "user", "content": text}]


async def chat(client: AsyncOpenAI, text: str) -> Heard:
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
    answer = await client.chat.completions.create(model=MODEL, messages=_messages(text), tools=[tool])
    choice = answer.choices[0]
    calls: list[Any] = list(choice.message.tool_calls or ())
    return Heard(
        choice.message.content or "",
        tuple((call.function.name, json.loads(call.function.arguments)) for call in calls),
        None if answer.usage is None else answer.usage.model_dump(exclude_none=True),
        choice.finish_reason,
    )


async def chat_streamed(client: AsyncOpenAI, text: str) -> Heard:
    said, stopped, usage = "", None, None
    tools: dict[int, list[str]] = {}
    options: Any = {"include_usage": True}
    async with await client.chat.completions.create(
        model=MODEL, messages=_messages(text), stream=True, stream_options=options
    ) as stream:
        async for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                said += choice.delta.content or ""
                stopped = choice.finish_reason or stopped
                calls: list[Any] = list(choice.delta.tool_calls or ())
                for call in calls:
                    known = tools.setdefault(call.index, ["", ""])
                    known[0] += call.function.name or ""
                    known[1] += call.function.arguments or ""
    called = tuple((name, json.loads(arguments)) for name, arguments in tools.values())
    return Heard(said, called, None if usage is None else usage.model_dump(exclude_none=True), stopped)


# OpenAI, responses ----------------------------------------------------------------------------------------


def _heard_of(answer: Any) -> Heard:
    calls = [item for item in answer.output if item.type == "function_call"]
    return Heard(
        answer.output_text,
        tuple((call.name, json.loads(call.arguments)) for call in calls),
        None if answer.usage is None else answer.usage.model_dump(exclude_none=True),
        answer.status,
    )


async def responses(client: AsyncOpenAI, text: str) -> Heard:
    tool: Any = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": False}
    return _heard_of(await client.responses.create(model=MODEL, input=text, tools=[tool]))


async def responses_streamed(client: AsyncOpenAI, text: str) -> Heard:
    """Read by the SDK's own accumulator, which checks the order of events."""
    async with client.responses.stream(model=MODEL, input=text) as stream:
        said = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        heard = _heard_of(await stream.get_final_response())
    assert "".join(said) == heard.text
    return heard


# Anthropic ------------------------------------------------------------------------------------------------


def _heard_in(message: Any) -> Heard:
    return Heard(
        "".join(block.text for block in message.content if block.type == "text"),
        tuple((block.name, block.input) for block in message.content if block.type == "tool_use"),
        message.usage.model_dump(exclude_none=True),
        message.stop_reason,
    )


async def messages(client: AsyncAnthropic, text: str) -> Heard:
    tool: Any = {"name": "weather", "input_schema": PARAMETERS}
    return _heard_in(await client.messages.create(model=MODEL, max_tokens=100, messages=_messages(text), tools=[tool]))


async def messages_streamed(client: AsyncAnthropic, text: str) -> Heard:
    """Read by the SDK's own accumulator."""
    async with client.messages.stream(model=MODEL, max_tokens=100, messages=_messages(text)) as stream:
        return _heard_in(await stream.get_final_message())


# pydantic-ai ----------------------------------------------------------------------------------------------


def _agent(model: Model, called: list[tuple[str, object]]) -> Agent[None, str]:
    agent = Agent(model)

    @agent.tool_plain
    def weather(city: str) -> str:
        called.append(("weather", {"city": city}))
        return "rain"

    return agent


def _by_pydantic_ai(name: str, client: Callable[..., Any], model_of: Callable[[Any], Model]) -> Sdk:
    async def plain(client: Any, text: str) -> Heard:
        called: list[tuple[str, object]] = []
        result = await _agent(model_of(client), called).run(text)
        return Heard(result.output, tuple(called), result.usage)

    async def streamed(client: Any, text: str) -> Heard:
        called: list[tuple[str, object]] = []
        async with _agent(model_of(client), called).run_stream(text) as result:
            return Heard(await result.get_output(), tuple(called), result.usage)

    return Sdk(name, plain, streamed, client)


def _chat_model(client: AsyncOpenAI) -> Model:
    return OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=client))


def _responses_model(client: AsyncOpenAI) -> Model:
    return OpenAIResponsesModel(MODEL, provider=OpenAIProvider(openai_client=client))


def _anthropic_model(client: AsyncAnthropic) -> Model:
    return AnthropicModel(MODEL, provider=AnthropicProvider(anthropic_client=client))


CHAT = Sdk("chat", chat, chat_streamed, AsyncOpenAI)
RESPONSES = Sdk("responses", responses, responses_streamed, AsyncOpenAI)
MESSAGES = Sdk("messages", messages, messages_streamed, AsyncAnthropic)
SDKS = (CHAT, RESPONSES, MESSAGES)
PYDANTIC_AI = (
    _by_pydantic_ai("pydantic-ai chat", AsyncOpenAI, _chat_model),
    _by_pydantic_ai("pydantic-ai responses", AsyncOpenAI, _responses_model),
    _by_pydantic_ai("pydantic-ai messages", AsyncAnthropic, _anthropic_model),
)
