"""What an SDK sends through a cassette's transport is recorded once and answered for ever, exactly."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest

from flujo import AgentOutput, Flujo, Step
from flujo_testing.agents import Pass
from flujo_testing.cassette.errors import CassetteMiss
from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.http import transport
from flujo_testing.cassette.lines import read, written
from flujo_testing.cassette.mode import Mode
from flujo_testing.cassette.player import Player
from tests.flujo_testing.cassette.deck import OWNER, SHOWN, Deck

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Grün fällt Regen"}}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
}


class Provider(httpx2.AsyncBaseTransport, httpx2.BaseTransport):
    """A provider in this process: counts what it is sent, and answers each request with the next of ``answers``."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return self.handle_request(request)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def completion() -> httpx2.Response:
    return httpx2.Response(200, json=ANSWER, headers={"x-request-id": "req_123", "set-cookie": "session=hidden"})


@pytest.fixture
def deck() -> Deck:
    return Deck()


async def ask(player: Player, provider: Provider, content: str = "rain", **more: Any) -> str | None:
    async with openai.AsyncOpenAI(
        api_key="sk-hidden",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=transport(httpx2, player, provider)),
    ) as client:
        completion = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": content}], **more
        )
    told: str | None = completion.choices[0].message.content
    return told


async def test_an_sdk_is_answered_as_by_its_provider(deck: Deck) -> None:
    provider = Provider(completion())
    assert await ask(deck.player(Mode.ONCE), provider) == "Grün fällt Regen"
    player = deck.player()
    assert await ask(player, provider) == "Grün fällt Regen"
    player.finish(ended=True)
    assert len(provider.sent) == 1


async def test_neither_keys_nor_headers_are_kept(deck: Deck) -> None:
    await ask(deck.player(Mode.ONCE), Provider(completion()))
    (exchange,) = read(deck.content or b"", SHOWN)[1]
    assert exchange.request == {
        "method": "POST",
        "url": "https://api.openai.com/v1/chat/completions",
        "body": {"messages": [{"role": "user", "content": "rain"}], "model": "gpt-4o"},
    }
    assert exchange.answer["headers"] == {"content-type": "application/json"}
    assert b"hidden" not in (deck.content or b"")


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"content": "rain."}, "$.body.messages[0].content"),
        ({"temperature": 0}, "$.body.temperature"),
    ],
    ids=["one byte", "one field more"],
)
async def test_a_changed_request_is_a_miss_that_says_what_differs(
    deck: Deck, changed: dict[str, Any], path: str
) -> None:
    provider = Provider(completion())
    await ask(deck.player(Mode.ONCE), provider)
    player = deck.player()
    with pytest.raises(CassetteMiss) as raised:
        await ask(player, provider, **changed)
    assert raised.value.path == path
    assert len(provider.sent) == 1


async def test_failures_come_back_as_they_were(deck: Deck) -> None:
    busy = httpx2.Response(429, json={"error": {"message": "slow down"}}, headers={"retry-after": "7"})
    provider = Provider(busy, httpx2.ConnectError("refused"))
    for mode in (Mode.ONCE, Mode.NONE):
        player = deck.player(mode)
        with pytest.raises(openai.RateLimitError) as limited:
            await ask(player, provider, "first")
        assert limited.value.response.headers["retry-after"] == "7"
        with pytest.raises(openai.APIConnectionError) as refused:
            await ask(player, provider, "second")
        assert repr(refused.value.__cause__) == "ConnectError('refused')"
        player.finish(ended=True)
    assert len(provider.sent) == 2


async def test_requests_of_one_step_are_kept_at_its_path(deck: Deck) -> None:
    def pipeline(player: Player, provider: Provider) -> Flujo[Any, Any]:
        async def write(text: str) -> AgentOutput[str | None]:
            return AgentOutput(await ask(player, provider, text))

        return Flujo(Step("write", write))

    provider = Provider(completion())
    with Pass():
        await pipeline(deck.player(Mode.ONCE), provider).run_async("rain")
    assert deck.places() == ["write/attempt:1"]
    with Pass():
        assert (await pipeline(deck.player(), provider).run_async("rain")).output == "Grün fällt Regen"


async def test_a_streamed_answer_is_streamed_again(deck: Deck) -> None:
    pieces = [
        {**ANSWER, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}
        for text in ("Grün ", "fällt")
    ]
    body = "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + "data: [DONE]\n\n"
    provider = Provider(httpx2.Response(200, text=body, headers={"content-type": "text/event-stream"}))
    for mode in (Mode.ONCE, Mode.NONE):
        player = deck.player(mode)
        client = openai.AsyncOpenAI(
            api_key="sk-hidden", http_client=httpx2.AsyncClient(transport=transport(httpx2, player, provider))
        )
        streaming = client.chat.completions.with_streaming_response
        question: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "rain"}], "stream": True}
        async with client, streaming.create(**question) as response:
            assert "".join([text async for text in response.iter_text()]) == body


def test_a_synchronous_client_is_answered_too(deck: Deck) -> None:
    provider = Provider(httpx2.Response(200, content=b"\xff\xfe", headers={"content-encoding": "identity"}))
    for mode in (Mode.ONCE, Mode.NONE):
        player = deck.player(mode)
        with httpx2.Client(transport=transport(httpx2, player, provider)) as client:
            response = client.post("https://user:pw@Example.com/a?key=hidden&b=2&a=1#x", content=b"\x00\xff")
        assert response.content == b"\xff\xfe"
    (exchange,) = read(deck.content or b"", SHOWN)[1]
    assert exchange == Exchange(
        "outside of all runs",
        {"method": "POST", "url": "https://example.com/a?a=1&b=2", "body": {"$base64": "AP8="}},
        {"status": 200, "headers": {}, "body": {"$base64": "//4="}},
        2,
    )
    assert written(OWNER, [exchange]) == deck.content
