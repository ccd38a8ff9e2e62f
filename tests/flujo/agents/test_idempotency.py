"""Which adapters send the key of a call that a run on a store may make again, and under which name."""

from __future__ import annotations

import pytest

from flujo import Flujo, Step
from flujo.entries import idempotency_key
from flujo.stores.memory import MemoryJournal
from tests.flujo.agents.providers import ANTHROPIC, BEDROCK, CHAT, COHERE, GOOGLE, RESPONSES, Provider
from tests.flujo.agents.wire import Wire

HEADER = "idempotency-key"
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'google.genai:ResourceWarning")


async def sent_by(provider: Provider, store: MemoryJournal | None, *, stream: bool = False) -> list[str | None]:
    answer = provider.stream("Grey.") if stream else provider.answer("Grey.")
    wire = Wire(answer)
    flow = Flujo(Step("ask", provider.make(wire, stream=stream)), store=store)
    result = await flow.run_async("Rain?", run_id="r")
    assert result.output == "Grey."
    return [request.headers.get(HEADER) for request in wire.requests]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", [CHAT, RESPONSES, ANTHROPIC], ids=lambda provider: provider.name)
async def test_a_run_that_is_kept_sends_the_key_of_its_call(provider: Provider, stream: bool) -> None:
    key = idempotency_key("r", "ask/attempt:1")
    assert (len(key), await sent_by(provider, MemoryJournal(), stream=stream)) == (32, [key])


@pytest.mark.parametrize("provider", [CHAT, RESPONSES, ANTHROPIC], ids=lambda provider: provider.name)
async def test_a_run_that_is_kept_nowhere_sends_none(provider: Provider) -> None:
    assert await sent_by(provider, None) == [None]


@pytest.mark.parametrize("provider", [GOOGLE, BEDROCK, COHERE], ids=lambda provider: provider.name)
async def test_requests_that_cannot_carry_a_key_have_none(provider: Provider) -> None:
    assert await sent_by(provider, MemoryJournal()) == [None]
