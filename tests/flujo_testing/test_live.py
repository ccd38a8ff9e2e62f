"""No test calls a real provider by mistake; whatever stays on this machine or in this process is let through."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI
from pydantic_ai import Agent as PydanticAI
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from flujo import Flujo, PluginOutcome, Step
from flujo.agents.anthropic import AnthropicMessages, AnthropicTokenCount
from flujo.agents.bedrock import BedrockConverse
from flujo.agents.cohere import CohereChat
from flujo.agents.google import Gemini
from flujo.agents.openai import OpenAIChat, OpenAICompaction, OpenAIResponses
from flujo.agents.pydantic_ai import PydanticAgent
from flujo.ports import OutgoingRequest
from flujo_testing import LiveCallError, Pass, ScriptedAgent, ScriptedPlugin, live_calls
from flujo_testing.agents.live import leaves_the_machine
from flujo_testing.costs import FixedPriceTable
from tests.flujo.agents.wire import Wire, completion, saying

PROVIDER = "http://api.example/v1"
REMEDIES = (
    "replace the agent, by flujo_agents({'write': ScriptedAgent(...)}) or pipeline.with_agents(...); "
    "give its client a transport that replays recordings; or, to test the provider itself, "
    "call it within 'with live_calls():'"
)


class Provider(ThreadingHTTPServer):
    """A provider on this machine: counts the requests that it gets, whatever host they are meant for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def client(self, base_url: str = PROVIDER) -> AsyncOpenAI:
        """A client whose requests all come here, by way of a proxy."""
        http_client = httpx2.AsyncClient(proxy=self.url, trust_env=False)
        return AsyncOpenAI(api_key="unused", base_url=base_url, http_client=http_client)


class Answering(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append(self.path)
        content = json.dumps(completion({"role": "assistant", "content": "grey"})).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def chat(client: AsyncOpenAI | None) -> OpenAIChat:
    return OpenAIChat("gpt-4o", client=client)


# What is kept back ----------------------------------------------------------------------------------------


def test_a_live_call_is_refused_before_anything_is_sent_and_names_its_path_and_the_remedy(
    provider: Provider,
) -> None:
    with pytest.raises(LiveCallError) as caught, Pass():  # noqa: PT012
        result = Flujo(Step("write", chat(provider.client()), max_retries=0)).run("rain")
        assert result.status == "failed"
    assert str(caught.value) == (
        f"'openai:gpt-4o' would call its provider ({PROVIDER}/) at 'write/attempt:1', and a test does not: {REMEDIES}"
    )
    assert (caught.value.path, provider.asked) == ("write/attempt:1", [])


def test_a_refused_call_costs_nothing_also_where_a_fallback_hides_it(provider: Provider) -> None:
    live = Step("write", chat(provider.client()), max_retries=0, fallback=Step("small", ScriptedAgent("grey")))
    prices = FixedPriceTable({"openai:gpt-4o": {"input": "3", "output": "17"}})
    with pytest.raises(LiveCallError), Pass():  # noqa: PT012
        result = Flujo(live, cost_model=prices).run("rain")
        assert (result.status, result.output, result.ledger.entries) == ("completed", "grey", ())
    assert provider.asked == []


@pytest.mark.parametrize("agent", [OpenAIChat, OpenAIResponses, OpenAICompaction])
def test_every_adapter_is_kept_back(provider: Provider, agent: type) -> None:
    with pytest.raises(LiveCallError), Pass():
        Flujo(Step("write", agent("gpt-4o", client=provider.client()), max_retries=0)).run("rain")
    assert provider.asked == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["anthropic", "google", "bedrock", "cohere"])
def test_the_adapters_to_other_providers_are_kept_back(provider: Provider, name: str, stream: bool) -> None:
    http_client = httpx2.AsyncClient(proxy=provider.url, trust_env=False, base_url=PROVIDER)
    with pytest.raises(LiveCallError, match=r"would call its provider \(http://api\.example/v1"), Pass():
        Flujo(Step("write", ASKING[name](http_client, stream), max_retries=0)).run("rain")
    assert provider.asked == []


def of_google(http_client: httpx2.AsyncClient, stream: bool) -> Gemini:
    options = types.HttpOptions(base_url=PROVIDER, httpx_async_client=http_client)
    return Gemini("m", client=genai.Client(api_key="unused", http_options=options), stream=stream)


def of_anthropic(http_client: httpx2.AsyncClient, stream: bool) -> AnthropicMessages:
    client = AsyncAnthropic(api_key="unused", base_url=PROVIDER, http_client=http_client)
    return AnthropicMessages("m", client=client, stream=stream)


ASKING: dict[str, Callable[[httpx2.AsyncClient, bool], Any]] = {
    "anthropic": of_anthropic,
    "google": of_google,
    "bedrock": lambda http_client, stream: BedrockConverse("m", client=http_client, stream=stream),
    "cohere": lambda http_client, stream: CohereChat("m", client=http_client, stream=stream),
}


def test_a_count_of_tokens_and_an_agent_of_pydantic_ai_are_kept_back(provider: Provider) -> None:
    http_client = httpx2.AsyncClient(proxy=provider.url, trust_env=False)
    anthropic = AsyncAnthropic(api_key="unused", base_url=PROVIDER, http_client=http_client)
    model = OpenAIChatModel("m", provider=OpenAIProvider(openai_client=provider.client()))
    for agent in (AnthropicTokenCount("m", client=anthropic), PydanticAgent(PydanticAI(model))):
        with pytest.raises(LiveCallError, match=r"would call its provider \(http://api\.example/v1"), Pass():
            Flujo(Step("write", agent, max_retries=0)).run("rain")
    assert provider.asked == []


def test_without_a_key_those_of_google_are_told_of_the_live_call(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LiveCallError, match="'google:m' would call its provider at 'write/attempt:1'"), Pass():
        Flujo(Step("write", Gemini("m"), max_retries=0)).run("rain")


def test_a_streamed_call_is_refused(provider: Provider) -> None:
    streaming = OpenAIChat("gpt-4o", client=provider.client(), stream=True)
    with pytest.raises(LiveCallError), Pass():
        Flujo(Step("write", streaming, max_retries=0)).run("rain")
    assert provider.asked == []


def test_an_agent_that_a_plugin_redirects_to_is_refused_at_its_path(provider: Provider) -> None:
    redirect = PluginOutcome(False, redirect_to=chat(provider.client()))
    step = Step("write", ScriptedAgent("grey"), plugins=[ScriptedPlugin(redirect)], max_retries=0)
    with pytest.raises(LiveCallError) as caught, Pass():
        Flujo(step).run("rain")
    assert (caught.value.path, provider.asked) == ("write/attempt:1/redirect:1", [])


def test_who_has_no_key_is_told_of_the_live_call_and_not_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LiveCallError, match="'openai:gpt-4o' would call its provider at 'write/attempt:1'"), Pass():
        Flujo(Step("write", chat(None), max_retries=0)).run("rain")


async def test_a_call_outside_of_any_run_is_refused_too(provider: Provider) -> None:
    with pytest.raises(LiveCallError, match="outside of a run that is followed") as caught, Pass():
        await chat(provider.client()).run("rain")
    assert (caught.value.path, provider.asked) == (None, [])


# What is let through --------------------------------------------------------------------------------------


def test_live_calls_are_let_through_where_the_test_says_so(provider: Provider) -> None:
    with live_calls(), Pass():
        assert Flujo(Step("write", chat(provider.client()))).run("rain").output == "grey"
    assert provider.asked == [f"{PROVIDER}/chat/completions"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_this_machine_may_be_called(provider: Provider, host: str) -> None:
    local = AsyncOpenAI(api_key="unused", base_url=provider.url.replace("127.0.0.1", host) + "/v1")
    with Pass():
        assert Flujo(Step("write", chat(local))).run("rain").output == "grey"
    assert provider.asked == ["/v1/chat/completions"]


def test_a_transport_in_this_process_may_be_called() -> None:
    wire = Wire(saying("grey"))
    client = AsyncOpenAI(api_key="unused", base_url=PROVIDER, http_client=httpx2.AsyncClient(transport=wire))
    with Pass():
        assert Flujo(Step("write", chat(client))).run("rain").output == "grey"
    assert len(wire.requests) == 1


class Logging(httpx2.AsyncBaseTransport):
    """A user's transport around another one."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self.me = self
        self.inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self.inner.handle_async_request(request)


class Slotted(httpx2.AsyncBaseTransport):
    __slots__ = ()


@pytest.mark.parametrize(
    ("url", "transport", "leaves"),
    [
        (PROVIDER, httpx2.AsyncHTTPTransport(), True),
        (PROVIDER, httpx2.HTTPTransport(), True),
        (PROVIDER, Logging(Logging(httpx2.AsyncHTTPTransport())), True),
        (PROVIDER, None, True),
        (None, None, True),
        ("http://127.evil.example/v1", None, True),
        ("http://localhost.example/v1", None, True),
        (PROVIDER, Wire(), False),
        (PROVIDER, Logging(Wire()), False),
        (PROVIDER, httpx2.MockTransport(lambda request: httpx2.Response(200)), False),
        (None, Wire(), False),
        ("http://[::1]:8000/v1", None, False),
        ("http://127.8.9.1/v1", httpx2.AsyncHTTPTransport(), False),
        ("http://api.localhost/v1", None, False),
    ],
)
def test_what_leaves_the_machine(url: str | None, transport: object, leaves: bool) -> None:
    assert leaves_the_machine(OutgoingRequest("openai:gpt-4o", url, transport)) == leaves


def test_without_a_pass_nothing_is_kept_back(provider: Provider) -> None:
    assert Flujo(Step("write", chat(provider.client()))).run("rain").output == "grey"
    assert len(provider.asked) == 1
