"""Every recorded chat-completions and responses exchange, asked again through a step and the unmodified SDK."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
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
from flujo_testing.recordings import Exchange, read_recording
from flujo_testing.recordings.transport import ReplayTransport
from tests.recordings.recorded import USD_PER_MILLION, Recorded, files, provider_of, recorded, tokens, usd

FOLDER = os.environ.get("FLUJO_RECORDINGS")
FILES = files(Path(FOLDER)) if FOLDER else []
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="FLUJO_RECORDINGS is not set: it names the folder of recorded provider traffic"
)

# What a request says, as opposed to how it is to be carried out: that goes into the step's settings.
CONTENT = {"messages", "input", "instructions", "tools", "response_format", "text"}


@dataclass(frozen=True)
class Call:
    """What a step is given so that its agent sends one recorded request."""

    agent: object
    content: object
    settings: dict[str, Any]


def call_for(exchange: Exchange, client: AsyncOpenAI) -> Call | str:
    """How to ask for an exchange; or why it can't be asked for."""
    provider, request = provider_of(exchange), exchange.request
    if provider is None:
        return "another provider"
    endpoint = _endpoint(request.url)
    if request.method == "GET" and endpoint.startswith("responses/") and endpoint.count("/") == 1:
        model = str(recorded(exchange).answer.get("model"))
        agent = OpenAIResponses(model, client=client, provider=provider)
        return Call(agent, BackgroundResponse(endpoint.removeprefix("responses/")), {})
    if request.method != "POST" or not isinstance(request.body, dict):
        return f"{request.method} {endpoint} asks no model"
    content = {key: value for key, value in request.body.items() if key in CONTENT}
    settings = {key: value for key, value in request.body.items() if key not in CONTENT and key != "model"}
    model = request.body.get("model", "")
    match endpoint:
        case "chat/completions":
            reports = "stream_options" in settings
            chat = OpenAIChat(model, client=client, provider=provider, include_usage=reports)
            return Call(chat, content, settings)
        case "responses":
            responses = OpenAIResponses(model, client=client, provider=provider, poll_s=0)
            return Call(responses, content, settings)
        case "responses/compact":
            return Call(OpenAICompaction(model, client=client, provider=provider), content, settings)
    return f"POST {endpoint} is neither chat completions nor responses"


def _endpoint(url: str) -> str:
    path = urlsplit(url).path
    for start in ("/chat/completions", "/responses"):
        if start in path:
            return path[path.index(start) + 1 :]
    return path


def client_for(exchange: Exchange, transport: ReplayTransport) -> AsyncOpenAI:
    url = exchange.request.url.partition("?")[0]
    base_url = url[: len(url) - len(_endpoint(url))] if _endpoint(url) in url else url
    http_client = httpx2.AsyncClient(transport=transport)
    return AsyncOpenAI(api_key="unused", base_url=base_url, http_client=http_client)


async def run_through_step(call: Call, prices: PriceTable) -> PipelineResult:
    step = Step("call", call.agent, settings=call.settings, max_retries=0)
    return await Flujo(step, cost_model=prices).run_async(call.content)


async def replay(path: Path) -> dict[str, str]:
    """Ask for everything in a file; by exchange, why it was not covered ("" if it was).

    Requests are asked for in recorded order. Polling is left to the agent that asked in the background; what nobody
    polled for is asked for by its id.
    """
    transport = ReplayTransport(read_recording(path))
    reasons: dict[str, str] = {}
    exchanges = transport.replay.exchanges
    posts = [e for e in exchanges if e.request.method == "POST"]
    for exchange in [*posts, *(e for e in exchanges if e not in posts)]:
        if exchange in transport.replay.used:
            continue
        call = call_for(exchange, client_for(exchange, transport))
        if isinstance(call, str):
            reasons[name_of(exchange)] = call
            continue
        used = len(transport.replay.used)
        declared = getattr(call.agent, "model")  # noqa: B009
        answering = await checked(call, exchange, transport, used, declared)
        reasons |= dict.fromkeys(map(name_of, answering), "")
    assert transport.replay.misses == []
    return reasons


async def checked(
    call: Call, exchange: Exchange, transport: ReplayTransport, used: int, declared: str
) -> tuple[Exchange, ...]:
    """Run one call and compare its result and its ledger with the wire; returns the exchanges that it took."""
    provider = declared.partition(":")[0]
    price = Price(**{kind: str(usd) for kind, usd in USD_PER_MILLION.items()})  # type: ignore[arg-type]
    last = recorded(exchange)
    if last.answer.get("status") in ("queued", "in_progress"):
        last = recorded(_final(exchange, transport.replay.unused))
    model = f"{provider}:{last.answer['model']}" if last.answer.get("model") else declared
    result = await run_through_step(call, PriceTable({model: price}))
    answering = transport.replay.used[used:]
    assert answering[:1] == (exchange,), f"{name_of(exchange)}: {result.error}"
    assert recorded(answering[-1]) == last
    compare(result, last, model, as_json=_asks_for_json(exchange.request.body))
    return answering


def _final(exchange: Exchange, waiting: tuple[Exchange, ...]) -> Exchange:
    """The poll that ends the background response which this exchange began."""
    of_it = [e for e in waiting if str(recorded(exchange).answer["id"]) in e.request.url]
    return of_it[-1]


def compare(result: PipelineResult, last: Recorded, model: str, *, as_json: bool) -> None:
    (entry,) = result.ledger.entries
    counts = tokens(last.answer.get("usage"))
    cost = (last.answer.get("usage") or {}).get("cost")
    assert entry.model == model
    assert (asdict(entry.usage) if entry.usage else None) == counts
    assert entry.provider_cost_usd == (None if cost is None else Decimal(str(cost)))
    assert entry.outcome == ("error" if last.error else "ok")
    if counts is not None:
        assert Fraction(entry.cost_usd or 0) == usd(counts)
        assert result.total_cost_usd == entry.cost_usd
    if last.error:
        assert (result.status, result.output) == ("failed", None)
        assert last.status < 400 or f" answered {last.status} " in str(result.error)
        assert last.status < 400 or last.error in str(result.error)
    else:
        assert result.status == "completed", result.error
        assert output_of(result) == expected(last, as_json=as_json)


def output_of(result: PipelineResult) -> object:
    if isinstance(result.output, ToolCalls):
        return [(call.name, call.arguments) for call in result.output.calls]
    return result.output


def expected(last: Recorded, *, as_json: bool) -> object:
    if last.calls:
        return last.calls
    if last.answer.get("object") == "response.compaction":
        return last.answer["output"]
    return json.loads(last.text) if as_json else last.text


def _asks_for_json(body: object) -> bool:
    wanted = body if isinstance(body, dict) else {}
    form = wanted.get("response_format") or (wanted.get("text") or {}).get("format") or {}
    return form.get("type") in ("json_schema", "json_object")


def name_of(exchange: Exchange) -> str:
    return f"{exchange.path.parent.name}/{exchange.path.name}:{exchange.line}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_a_recording_is_asked_for_and_paid_as_it_was(path: Path) -> None:
    assert {name for name, reason in (await replay(path)).items() if not reason} == {
        name_of(exchange) for exchange in read_recording(path).exchanges if _is_in_scope(exchange)
    }


def _is_in_scope(exchange: Exchange) -> bool:
    endpoint = _endpoint(exchange.request.url)
    return provider_of(exchange) is not None and endpoint.split("/")[0] in ("chat", "responses")


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
        record_property(f"recordings of {title}", f"{covered}/{len(of_them)}")
    with capsys.disabled():
        print("\n" + "\n".join(told))
    assert reasons != {}
