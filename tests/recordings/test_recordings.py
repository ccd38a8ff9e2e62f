"""Every recorded exchange with a model, asked again through a step and the real SDK, or the provider's own adapter."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import anyio
import pytest

from flujo import Flujo, PipelineResult, Price, PriceTable, Step
from flujo.agents.openai import ToolCalls
from flujo.canonical import path_segment
from flujo_testing.recordings import Exchange, RecordedRequest, Recording, Replay, ReplayMiss, read_recording
from flujo_testing.recordings.transport import ReplayTransport
from tests.recordings.asking import READERS, Call, call_for
from tests.recordings.recorded import USD_PER_MILLION, Paid, Recorded, files, provider_of, usd

FOLDER = os.environ.get("FLUJO_RECORDINGS")
FILES = files(Path(FOLDER)) if FOLDER else []
pytestmark = [
    pytest.mark.skipif(
        not FOLDER, reason="FLUJO_RECORDINGS is not set: it names the folder of recorded provider traffic"
    ),
    # The SDK says so of models that were new when they were recorded.
    pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using Claude with:UserWarning"),
]

ASKS = re.compile(
    r"/chat/completions(#stream)?$|/responses(/compact)?$|/responses/[^/?]+\?stream=false$"
    r"|/v1/messages(/count_tokens)?(\?beta=true)?$|:(stream)?[gG]enerateContent(\?alt=sse)?$"
    r"|/converse(-stream)?$|/v2/chat$"
)
PRICE = Price(**{kind: str(price) for kind, price in USD_PER_MILLION.items()})  # type: ignore[arg-type]


def recorded(exchange: Exchange) -> Recorded:
    return READERS[provider_of(exchange)](exchange)


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
        call = call_for(exchange, transport)
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
    if last.answer and last.answer.get("status") in ("queued", "in_progress"):
        polls = [e for e in replay.unused if last.answer["id"] in e.request.url]
        last = recorded(polls[-1])
    models = [f"{provider_of(exchange)}:{paid.model}" if paid.model else call.model for paid in last.paid]
    result = await run_through_step(call, PriceTable(dict.fromkeys(models, PRICE)))
    answering = replay.used[used:]
    assert answering[:1] == (exchange,), f"{name_of(exchange)}: {result.error}"
    compare(result, last, models)
    return answering


def compare(result: PipelineResult, last: Recorded, models: list[str]) -> None:
    entries = result.ledger.entries
    assert [entry.model for entry in entries] == models
    booked = tuple(
        Paid(paid.model, asdict(entry.usage) if entry.usage else None, entry.provider_cost_usd)
        for entry, paid in zip(entries, last.paid, strict=True)
    )
    assert booked == last.paid
    costs = [Fraction(entry.cost_usd) for entry in entries if entry.cost_usd is not None and entry.usage]
    assert costs == [usd(paid.counts) for paid in last.paid if paid.counts is not None]
    outcomes = [entry.outcome for entry in entries]
    if last.error is None:
        assert (result.status, outcomes[0]) == ("completed", "ok"), result.error
        assert output_of(result) == last.output
    else:
        assert (result.status, outcomes[0], result.output) == ("failed", "error", None)
        # flujo: loose because every provider words its errors differently, and ours is around them
        assert " ".join(last.error.split())[:300] in str(result.error)
        if last.status >= 400:
            # flujo: loose because what stands before and behind the status is the provider's
            assert f" answered {last.status}" in str(result.error)


def output_of(result: PipelineResult) -> object:
    if isinstance(result.output, ToolCalls):
        return [(call.name, call.arguments) for call in result.output.calls]
    return result.output


def asks_a_model(exchange: Exchange) -> bool:
    """An exchange to be covered: asking, counting, compacting, or waiting for what was asked in the background."""
    return provider_of(exchange) in READERS and ASKS.search(exchange.request.url) is not None


def name_of(exchange: Exchange) -> str:
    return f"{exchange.path.parent.name}/{exchange.path.name}:{exchange.line}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_a_recording_is_asked_for_and_paid_as_it_was(path: Path) -> None:
    covered = {name for name, reason in (await replay(path)).items() if not reason}
    assert covered == {name_of(exchange) for exchange in read_recording(path).exchanges if asks_a_model(exchange)}


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
    told, sums = [], [0, 0]
    of: dict[str, dict[str, str]] = {}
    for path in FILES:
        for exchange in read_recording(path).exchanges:
            name = name_of(exchange)
            of.setdefault(provider_of(exchange), {})[name] = reasons[path].get(name, "nobody asked for it")
    for provider, exchanges in sorted(of.items()):
        covered = sum(not reason for reason in exchanges.values())
        told.append(f"recordings of {provider}: {covered} of {len(exchanges)} exchanges covered")
        told += [f"  not covered: {name}: {reason}" for name, reason in exchanges.items() if reason]
        record_property(f"recordings of {provider}", f"{covered} of {len(exchanges)}")
        sums = [sums[0] + covered, sums[1] + len(exchanges)]
    told.append(f"recordings of {len(of)} providers: {sums[0]} of {sums[1]} exchanges covered")
    with capsys.disabled():
        print("\n" + "\n".join(told))
    assert reasons != {}
