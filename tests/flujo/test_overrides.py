"""Overrides: in force for every run that starts inside the block, in any thread, and gone after it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import httpx2

from flujo import AgentOutput, Flujo, Laws, Price, PriceTable, Step, Usage, override
from flujo.agents.outgoing import about_to_send
from flujo.events import Event
from flujo.ports import OutgoingRequest


async def live(x: str) -> str:
    raise AssertionError("the live agent was called")


async def fake(x: str) -> AgentOutput[str]:
    return AgentOutput(f"fake {x}", usage=Usage(input_tokens=10), model="test:m")


RUNNER = Flujo(Step("first", live, fallback=Step("small", live)) >> Step("second", live))
PRICES = PriceTable({"test:m": Price(input="3", output="17")})
AGENTS = {"first": fake, "second": fake}


class Fixed:
    def now(self) -> float:
        return 41.0

    def utc(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None: ...


def test_agents_are_replaced_in_every_thread_and_only_inside() -> None:
    outputs: list[object] = []
    with override(agents={**AGENTS, "elsewhere": fake}) as in_force:
        thread = threading.Thread(target=lambda: outputs.append(RUNNER.run("x").output))
        thread.start()
        thread.join()
        outputs.append(RUNNER.run("y").output)
    assert outputs == ["fake fake x", "fake fake y"]
    assert in_force.used == {"first", "second"}
    assert RUNNER.run("x").status == "failed"


def test_blocks_nest_and_the_inner_one_wins() -> None:
    async def other(x: str) -> str:
        return f"other {x}"

    with override(agents=AGENTS):
        with override(agents={"second": other}):
            assert RUNNER.run("x").output == "other fake x"
        assert RUNNER.run("x").output == "fake fake x"


def test_clock_prices_and_listeners_apply() -> None:
    heard: list[Event] = []
    with override(agents=AGENTS, clock=Fixed(), cost_model=PRICES, listeners=[heard.append]):
        result = RUNNER.run("x")
    assert {event.at for event in result.transcript} == {41.0}
    assert {entry.requested_at for entry in result.ledger.entries} == {datetime(2026, 1, 1, tzinfo=UTC)}
    assert result.total_cost_usd == Decimal("0.00006")
    assert heard == list(result.transcript)


def test_a_lie_in_the_laws_shows() -> None:
    async def flaky(x: str) -> str:
        raise ValueError("broken")

    runner = Flujo(Step("s", flaky, max_retries=2))
    with override(laws=replace(Laws(), attempts_allowed=lambda retries: retries)):
        assert runner.run("x").step_history[0].attempts == 2
    assert runner.run("x").step_history[0].attempts == 3


def test_overrides_left_open_by_an_error_are_closed() -> None:
    try:
        with override(agents=AGENTS):
            raise KeyError("test")
    except KeyError:
        assert RUNNER.run("x").status == "failed"


def test_the_sentry_of_the_latest_block_is_told_before_an_adapter_sends() -> None:
    asked: list[tuple[str, OutgoingRequest]] = []
    wire = httpx2.MockTransport(lambda request: httpx2.Response(200))
    url, client = httpx2.URL("https://api.example/v1"), httpx2.AsyncClient(transport=wire)
    about_to_send("openai:gpt-4o", url, client)
    with override(sentry=lambda request: asked.append(("outer", request))):
        about_to_send("openai:gpt-4o", None)
        with override(sentry=lambda request: asked.append(("inner", request))):
            about_to_send("openai:gpt-4o", url, client)
    assert asked == [
        ("outer", OutgoingRequest("openai:gpt-4o", None, None)),
        ("inner", OutgoingRequest("openai:gpt-4o", "https://api.example/v1", wire)),
    ]
