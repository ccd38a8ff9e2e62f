"""Every recorded chat-completions and responses exchange, asked again through a step and the real SDK."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from openai import AsyncOpenAI

from flujo import Flujo, PipelineResult, Price, PriceTable, Step
from flujo.agents.openai import BackgroundResponse, OpenAIChat, OpenAICompaction, OpenAIResponses, ToolCalls
from flujo.canonical import path_segment
from flujo_testing.recordings import Exchange, RecordedRequest, Recording, Replay, ReplayMiss, read_recording
from flujo_testing.recordings.transport import ReplayTransport
from tests.recordings.recorded import USD_PER_MILLION, Recorded, files, provider_of, recorded, tokens, usd

FOLDER = os.environ.get("FLUJO_RECORDINGS")
FILES = files(Path(FOLDER)) if FOLDER else []
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="FLUJO_RECORDINGS is not set: it names the folder of recorded provider traffic"
)

# What a request says, as opposed to how it is to be carried out: that goes into the step's settings.
CONTENT = {"messages", "input", "instructions", "tools", "response_format", "text"}
PRICE = Price(**{kind: str(price) for kind, price in USD_PER_MILLION.items()})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Call:
    """What a step is given so that its agent sends a recorded request; ``model`` is what that declares."""

    agent: Any
    model: str
    content: object
    settings: dict[str, Any]


def call_for(exchange: Exchange, client: AsyncOpenAI) -> Call | str:
    """How to ask for an exchange, or why it can't be asked for."""
    provider, request, endpoint = provider_of(exchange), exchange.request, endpoint_of(exchange)
    if provider is None:
        return "another provider"
    if request.method == "GET" and endpoint.startswith("responses/") and endpoint.endswith("?stream=false"):
        response_id = endpoint.removeprefix("responses/").removesuffix("?stream=false")
        awaiting = OpenAIResponses(
            str(recorded(exchange).answer["model"]), client=client, provider=provider, poll_s=0
        )
        return Call(awaiting, awaiting.model, BackgroundResponse(response_id), {})
    if request.method != "POST" or not isinstance(request.body, dict):
        return f"{request.method} {endpoint} asks no model"
    content = {key: value for key, value in request.body.items() if key in CONTENT}
    settings = {key: value for key, value in request.body.items() if key not in CONTENT and key != "model"}
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
    """What follows the base URL of the API, or the whole path."""
    parts = urlsplit(exchange.request.url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    starts = [path.index(start) + 1 for start in ("/chat/completions", "/responses") if start in path]
    return path[min(starts) :] if starts else path


def client_for(exchange: Exchange, transport: ReplayTransport) -> AsyncOpenAI:
    base_url = exchange.request.url.removesuffix(endpoint_of(exchange))
    http_client = httpx2.AsyncClient(transport=transport)
    return AsyncOpenAI(api_key="unused", base_url=base_url, http_client=http_client)


async def run_through_step(call: Call, prices: PriceTable) -> PipelineResult:
    step = Step("call", call.agent, settings=call.settings, max_retries=0)
    return await Flujo(step, cost_model=prices).run_async(call.content)


async def replay(path: Path) -> dict[str, str]:
    """Ask for everything in a file; by exchange, why it was not covered ("" if it was).

    Requests are asked for in recorded order. Polling is left to the agent that asked in the background; what
    nobody polled for is asked for by its id.
    """
    transport = ReplayTransport(read_recording(path))
    reasons: dict[str, str] = {}
    exchanges = transport.replay.exchanges
    posts = [exchange for exchange in exchanges if exchange.request.method == "POST"]
    for exchange in [*posts, *(other for other in exchanges if other not in posts)]:
        if exchange in transport.replay.used:
            continue
        call = call_for(exchange, client_for(exchange, transport))
        if isinstance(call, str):
            reasons[name_of(exchange)] = call
        else:
            answering = await checked(call, exchange, transport.replay)
            reasons |= dict.fromkeys(map(name_of, answering), "")
    assert transport.replay.misses == []
    return reasons


async def checked(call: Call, exchange: Exchange, replay: Replay) -> tuple[Exchange, ...]:
    """Run one call and compare its result and ledger with the wire; returns the exchanges that it took."""
    used = len(replay.used)
    last = recorded(exchange)
    if last.answer.get("status") in ("queued", "in_progress"):
        polls = [e for e in replay.unused if last.answer["id"] in e.request.url]
        last = recorded(polls[-1])
    provider, named = provider_of(exchange), last.answer.get("model")
    model = f"{provider}:{named}" if named else call.model
    result = await run_through_step(call, PriceTable({model: PRICE}))
    answering = replay.used[used:]
    assert answering[:1] == (exchange,), f"{name_of(exchange)}: {result.error}"
    compare(result, last, model)
    return answering


def compare(result: PipelineResult, last: Recorded, model: str) -> None:
    (entry,) = result.ledger.entries
    counts = tokens(last.answer.get("usage"))
    cost = (last.answer.get("usage") or {}).get("cost")
    assert entry.model == model
    assert (asdict(entry.usage) if entry.usage else None) == counts
    refused = 400 <= last.status < 500  # a refused request is not charged
    assert entry.provider_cost_usd == (Decimal(0) if refused else None if cost is None else Decimal(str(cost)))
    assert result.total_cost_usd == entry.cost_usd
    if counts is not None:
        assert Fraction(entry.cost_usd or 0) == usd(counts)
    if last.error is None:
        assert (result.status, entry.outcome) == ("completed", "ok"), result.error
        assert output_of(result) == last.output
    else:
        assert (result.status, entry.outcome, result.output) == ("failed", "error", None)
        # flujo: loose because every provider words its errors differently, and ours is around them
        assert " ".join(last.error.split())[:300] in str(result.error)
        if last.status >= 400:
            # flujo: loose because what stands before and behind the status is the provider's
            assert f" answered {last.status} " in str(result.error)


def output_of(result: PipelineResult) -> object:
    if isinstance(result.output, ToolCalls):
        return [(call.name, call.arguments) for call in result.output.calls]
    return result.output


def name_of(exchange: Exchange) -> str:
    return f"{exchange.path.parent.name}/{exchange.path.name}:{exchange.line}"


def in_scope(exchange: Exchange) -> bool:
    """An exchange of the two APIs: asking, compacting, or waiting for what was asked in the background."""
    endpoint = endpoint_of(exchange)
    asks = endpoint in ("chat/completions", "responses", "responses/compact")
    awaits = exchange.request.method == "GET" and endpoint.endswith("?stream=false")
    return provider_of(exchange) is not None and (asks or awaits)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_a_recording_is_asked_for_and_paid_as_it_was(path: Path) -> None:
    covered = {name for name, reason in (await replay(path)).items() if not reason}
    assert covered == {name_of(exchange) for exchange in read_recording(path).exchanges if in_scope(exchange)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_one_changed_value_in_a_body_misses_and_is_named(path: Path) -> None:
    for exchange in read_recording(path).exchanges:
        for at, body in changed_bodies(exchange.request.body):
            asked = RecordedRequest(exchange.request.method, exchange.request.url, body)
            with pytest.raises(ReplayMiss) as miss:
                Replay(Recording(path, (exchange,))).answer(asked)
            assert (miss.value.path, miss.value.nearest) == (at, exchange)


def changed_bodies(body: object, at: str = "$") -> Iterator[tuple[str, object]]:
    """The body once per value in it, with that value changed by as little as possible."""
    inside = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inside:
        here = at + path_segment(key)
        if isinstance(value, (dict, list)) and value:
            changes: Iterator[tuple[str, object]] = changed_bodies(value, here)
        else:
            changes = iter([(here, changed(value))])
        for path, new in changes:
            whole = copy.copy(body)
            whole[key] = new  # type: ignore[index]
            yield path, whole


def changed(value: object) -> object:
    """One character more or another one; 1 becomes true, and so on: equal to Python, but not on the wire."""
    match value:
        case bool():
            return int(value)
        case int():
            return float(value)
        case str():
            return value[:-1] + chr(ord(value[-1]) ^ 1) if value else " "
    return "" if value is None else None


def test_how_much_is_covered_is_told(
    capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    reasons = {path: anyio.run(replay, path) for path in FILES}
    told = []
    for title, of_openai in (("OpenAI", True), ("others who speak its APIs", False)):
        of_them = {
            name_of(exchange): reasons[path].get(name_of(exchange), "nobody asked for it")
            for path in FILES
            for exchange in read_recording(path).exchanges
            if (provider_of(exchange) == "openai") is of_openai
        }
        covered = sum(not reason for reason in of_them.values())
        told.append(f"recordings of {title}: {covered} of {len(of_them)} exchanges covered")
        told += [f"  not covered: {name}: {reason}" for name, reason in of_them.items() if reason]
        record_property(f"recordings of {title}", f"{covered} of {len(of_them)}")
    with capsys.disabled():
        print("\n" + "\n".join(told))
    assert reasons != {}
