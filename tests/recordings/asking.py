"""How a recorded request is asked again: by which agent, with which content and settings; or why it can't be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from openai import AsyncOpenAI

from flujo.agents.anthropic import AnthropicMessages, AnthropicTokenCount
from flujo.agents.bedrock import BedrockConverse
from flujo.agents.cohere import CohereChat
from flujo.agents.google import Gemini
from flujo.agents.openai import BackgroundResponse, OpenAIChat, OpenAICompaction, OpenAIResponses
from flujo_testing.recordings import Exchange
from flujo_testing.recordings.transport import ReplayTransport
from tests.recordings import anthropic_wire, bedrock_wire, cohere_wire, google_wire, openai_wire
from tests.recordings.recorded import SPEAK_OPENAI, Reader, provider_of

READERS: dict[str, Reader] = {
    **dict.fromkeys(SPEAK_OPENAI, openai_wire.recorded),
    "anthropic": anthropic_wire.recorded,
    "google": google_wire.recorded,
    "bedrock": bedrock_wire.recorded,
    "cohere": cohere_wire.recorded,
}
# What a request says, as opposed to how it is to be carried out: that goes into the step's settings.
CONTENT = {
    *("messages", "input", "contents", "instructions", "system", "systemInstruction"),
    *("tools", "toolConfig", "response_format", "text"),
}


@dataclass(frozen=True)
class Call:
    """What a step is given so that its agent sends a recorded request; ``model`` is what that declares."""

    agent: Any
    model: str
    content: object
    settings: dict[str, Any] = field(default_factory=dict)


def call_for(exchange: Exchange, transport: ReplayTransport) -> Call | str:
    """How to ask for an exchange, or why it can't be asked for."""
    provider, url = provider_of(exchange), urlsplit(exchange.request.url)
    http_client = httpx2.AsyncClient(transport=transport, base_url=f"{url.scheme}://{url.netloc}")
    if provider in SPEAK_OPENAI:
        return _openai(exchange, provider, http_client)
    match provider:
        case "anthropic":
            return _anthropic(exchange, http_client)
        case "google":
            return _google(exchange, http_client)
        case "bedrock":
            return _bedrock(exchange, http_client)
        case "cohere":
            return _cohere(exchange, http_client)
    return f"{provider} has no adapter"


def _divided(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    settings = {key: value for key, value in body.items() if key not in CONTENT and key != "model"}
    return {key: value for key, value in body.items() if key in CONTENT}, settings


def _openai(exchange: Exchange, provider: str, http_client: httpx2.AsyncClient) -> Call | str:
    request, endpoint = exchange.request, endpoint_of(exchange)
    base_url = request.url.partition("#")[0].removesuffix(endpoint)
    client = AsyncOpenAI(api_key="unused", base_url=base_url, http_client=http_client)
    if request.method == "GET" and endpoint.startswith("responses/") and endpoint.endswith("?stream=false"):
        response_id = endpoint.removeprefix("responses/").removesuffix("?stream=false")
        model = str(openai_wire.recorded(exchange).answer["model"])
        awaiting = OpenAIResponses(model, client=client, provider=provider, poll_s=0)
        return Call(awaiting, awaiting.model, BackgroundResponse(response_id))
    if request.method != "POST" or not isinstance(request.body, dict):
        return f"{request.method} {endpoint} asks no model"
    content, settings = _divided(request.body)
    model = request.body.get("model", "")
    match endpoint:
        case "chat/completions":
            reports = "stream_options" in settings
            chat = OpenAIChat(model, client=client, provider=provider, include_usage=reports)
            return Call(chat, chat.model, content, settings)
        case "responses":
            responses = OpenAIResponses(model, client=client, provider=provider, poll_s=0)
            return Call(responses, responses.model, content, settings)
        case "responses/compact":
            compaction = OpenAICompaction(model, client=client, provider=provider)
            return Call(compaction, compaction.model, content, settings)
    return f"POST {endpoint} is neither chat completions nor responses"


def endpoint_of(exchange: Exchange) -> str:
    """What follows the base URL of OpenAI's APIs, or the whole path."""
    parts = urlsplit(exchange.request.url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    starts = [path.index(start) + 1 for start in ("/chat/completions", "/responses") if start in path]
    return path[min(starts) :] if starts else path


def _anthropic(exchange: Exchange, http_client: httpx2.AsyncClient) -> Call | str:
    url, body = urlsplit(exchange.request.url), exchange.request.body
    if exchange.request.method != "POST" or not isinstance(body, dict):
        return f"{exchange.request.method} {url.path} asks no model"
    # With a timeout of its own, the SDK does not refuse long answers that are not streamed.
    base_url = f"{url.scheme}://{url.netloc}"
    client = AsyncAnthropic(api_key="unused", base_url=base_url, http_client=http_client, timeout=60)
    content, settings = _divided(body)
    if "beta=true" in url.query:
        settings["betas"] = []
    model = body["model"]
    if url.path == "/v1/messages":
        return Call(AnthropicMessages(model, client=client), f"anthropic:{model}", content, settings)
    if url.path == "/v1/messages/count_tokens":
        return Call(AnthropicTokenCount(model, client=client), f"anthropic:{model}", content, settings)
    return f"POST {url.path} is neither messages nor their count"


def _google(exchange: Exchange, http_client: httpx2.AsyncClient) -> Call | str:
    url, body = urlsplit(exchange.request.url), exchange.request.body
    version, _, rest = url.path.removeprefix("/").partition("/")
    resource, _, verb = rest.rpartition(":")
    if verb not in ("generateContent", "streamGenerateContent") or not isinstance(body, dict):
        return f"{exchange.request.method} {url.path} asks no model"
    options = types.HttpOptions(
        base_url=f"{url.scheme}://{url.netloc}", api_version=version, httpx_async_client=http_client
    )
    _, _, model = resource.rpartition("models/")
    match resource.split("/"):
        case ["projects", project, "locations", location, *_]:
            key = Credentials(token="unused")  # type: ignore[no-untyped-call]
            client = genai.Client(
                vertexai=True, project=project, location=location, credentials=key, http_options=options
            )
        case ["publishers", *_]:
            client = genai.Client(vertexai=True, api_key="unused", http_options=options)
        case _:
            client = genai.Client(api_key="unused", http_options=options)
    content, settings = _divided(body)
    settings["stream"] = verb == "streamGenerateContent"
    return Call(Gemini(model, client=client), f"google:{model}", content, settings)


def _bedrock(exchange: Exchange, http_client: httpx2.AsyncClient) -> Call | str:
    _, _, model, verb, *_ = [*urlsplit(exchange.request.url).path.split("/"), "", "", ""]
    if verb not in ("converse", "converse-stream") or not isinstance(exchange.request.body, dict):
        return f"{exchange.request.method} {urlsplit(exchange.request.url).path} is not Converse"
    content, settings = _divided(exchange.request.body)
    settings["stream"] = verb == "converse-stream"
    agent = BedrockConverse(unquote(model), client=http_client)
    return Call(agent, agent.model, content, settings)


def _cohere(exchange: Exchange, http_client: httpx2.AsyncClient) -> Call | str:
    path, body = urlsplit(exchange.request.url).path, exchange.request.body
    if path != "/v2/chat" or not isinstance(body, dict):
        return f"{exchange.request.method} {path} is not chat"
    content, settings = _divided(body)
    agent = CohereChat(body["model"], client=http_client)
    return Call(agent, agent.model, content, settings)
