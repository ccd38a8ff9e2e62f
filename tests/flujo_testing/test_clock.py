"""What a test sees of virtual time, on both backends, beside fixtures that began before and after it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import pytest
import trio
import trio.testing
from anyio.abc import ByteStream, SocketAttribute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flujo.ports import Clock
from flujo_testing.clock import VirtualClock, hold_virtual_time

pytestmark = pytest.mark.anyio
HOUR = 3600.0


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("asyncio", id="asyncio"),
        pytest.param(("asyncio", {"debug": False}), id="asyncio-with-options"),
        pytest.param("trio", id="trio"),
        pytest.param(("trio", {"restrict_keyboard_interrupt_to_checkpoints": True}), id="trio-with-options"),
    ],
)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param


@pytest.fixture
def virtual_clock(request: pytest.FixtureRequest) -> Iterator[VirtualClock]:
    yield from hold_virtual_time(request)


@pytest.fixture(scope="module")
async def ticks(anyio_backend: object) -> AsyncIterator[list[float]]:
    """A task that outlives the tests, with a timer every ten seconds."""
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await anyio.sleep(10)
            ticks.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        yield ticks
        tasks.cancel_scope.cancel()


@pytest.fixture
async def early() -> AsyncIterator[str]:
    await anyio.lowlevel.checkpoint()
    yield "early"
    await anyio.lowlevel.checkpoint()


@pytest.fixture
async def late(virtual_clock: VirtualClock) -> AsyncIterator[float]:
    await anyio.sleep(HOUR)
    yield virtual_clock.elapsed
    await anyio.sleep(HOUR)


async def test_time_starts_at_zero_and_jumps_over_a_sleep(virtual_clock: VirtualClock) -> None:
    clock: Clock = virtual_clock
    assert (clock.now(), clock.utc()) == (0.0, datetime(2026, 1, 1, tzinfo=UTC))
    await clock.sleep(1.5 * HOUR)
    assert (clock.now(), clock.utc()) == (5400.0, datetime(2026, 1, 1, 1, 30, tzinfo=UTC))
    assert virtual_clock.elapsed == 5400.0


async def test_it_takes_hold_after_a_function_fixture(early: str, virtual_clock: VirtualClock) -> None:
    assert virtual_clock.elapsed == 0.0
    await anyio.sleep(2 * HOUR)
    assert virtual_clock.elapsed == 2 * HOUR


async def test_it_takes_hold_after_a_module_fixture(
    ticks: list[float], early: str, virtual_clock: VirtualClock
) -> None:
    began, seen = anyio.current_time(), len(ticks)
    await anyio.sleep(100)
    assert (virtual_clock.elapsed, round(anyio.current_time() - began, 6)) == (100.0, 100.0)
    assert len(ticks) - seen == 10


async def test_a_later_fixture_sleeps_in_virtual_time(late: float, virtual_clock: VirtualClock) -> None:
    assert (late, virtual_clock.elapsed) == (HOUR, HOUR)


async def test_timeouts_fire_when_they_are_due(virtual_clock: VirtualClock) -> None:
    with pytest.raises(TimeoutError), anyio.fail_after(60):
        await anyio.sleep_forever()
    with anyio.move_on_after(5.5):
        await anyio.Event().wait()
    assert virtual_clock.elapsed == 65.5


async def test_timers_fire_in_their_order(virtual_clock: VirtualClock) -> None:
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await anyio.sleep(seconds)
        woken.append((name, virtual_clock.now()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeper, "slow", 30.0)
        tasks.start_soon(sleeper, "quick", 0.2)
        tasks.start_soon(sleeper, "steady", 7.0)
    assert woken == [("quick", 0.2), ("steady", 7.0), ("slow", 30.0)]


async def test_many_short_sleeps_add_up_exactly(virtual_clock: VirtualClock) -> None:
    for _ in range(1000):
        await anyio.sleep(0.001)
    assert virtual_clock.elapsed == 1.0


async def test_the_timers_of_the_backend_itself_are_virtual(
    virtual_clock: VirtualClock, anyio_backend_name: str
) -> None:
    await (_trio_timers() if anyio_backend_name == "trio" else _asyncio_timers())
    assert virtual_clock.elapsed == 180.1


async def _asyncio_timers() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await asyncio.Event().wait()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 60)
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(60, done.set)
    await done.wait()
    await asyncio.sleep(0.1)


async def _trio_timers() -> None:
    await trio.sleep(120.1)
    with trio.move_on_after(60):
        await trio.sleep_forever()


async def test_waiting_until_all_are_blocked_lets_no_time_pass(virtual_clock: VirtualClock) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.sleep, 60)
        await anyio.wait_all_tasks_blocked()
        assert virtual_clock.elapsed == 0.0
    assert virtual_clock.elapsed == 60.0


async def test_trios_own_way_to_wait_for_blocked_tasks_lets_no_time_pass(
    virtual_clock: VirtualClock, anyio_backend_name: str
) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.sleep, 60)
        if anyio_backend_name == "trio":
            await trio.testing.wait_all_tasks_blocked(0.0)
        assert virtual_clock.elapsed == 0.0
    assert virtual_clock.elapsed == 60.0


async def test_a_subprocess_ends_in_real_time(virtual_clock: VirtualClock) -> None:
    with anyio.fail_after(HOUR):
        with virtual_clock.real_time():
            process = await anyio.run_process([sys.executable, "-c", "print(42)"])
        before = virtual_clock.now()
        await anyio.sleep(100)
    assert (process.stdout, round(virtual_clock.now() - before, 6)) == (b"42\n", 100.0)


async def test_another_thread_reads_the_time_of_the_test(virtual_clock: VirtualClock) -> None:
    read: list[tuple[float, datetime]] = []
    await anyio.sleep(90)
    reader = threading.Thread(target=lambda: read.append((virtual_clock.now(), virtual_clock.utc())))
    reader.start()
    reader.join()
    assert read == [(90.0, datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC))]


async def _serve_echo(stream: ByteStream) -> None:
    async with stream:
        for _ in range(20):
            await _receive(stream)
            await anyio.sleep(5)
            await stream.send(b"x" * 100_000)


async def _receive(stream: ByteStream) -> None:
    received = 0
    while received < 100_000:
        received += len(await stream.receive())


async def test_data_on_its_way_arrives_before_time_jumps(virtual_clock: VirtualClock) -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, _serve_echo)
        async with await anyio.connect_tcp("127.0.0.1", port) as client:
            for _ in range(20):
                with anyio.fail_after(HOUR):
                    await client.send(b"x" * 100_000)
                    await _receive(client)
                await anyio.sleep(1)
        tasks.cancel_scope.cancel()
    assert virtual_clock.elapsed == 20 * (5 + 1)


async def test_the_openai_client_backs_off_in_virtual_time(virtual_clock: VirtualClock) -> None:
    import openai

    asked_at: list[float] = []

    async def refuse(stream: ByteStream) -> None:
        async with stream:
            await stream.receive()
            asked_at.append(virtual_clock.now())
            await stream.send(
                b"HTTP/1.1 429 Slow down\r\nretry-after: 20\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
            )

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, refuse)
        async with openai.AsyncOpenAI(api_key="none", base_url=url, max_retries=3) as client:
            with pytest.raises(openai.RateLimitError):
                await client.models.list()
        tasks.cancel_scope.cancel()
    assert asked_at == [0.0, 20.0, 40.0, 60.0]


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seconds=st.integers(min_value=0, max_value=1000))
async def test_every_example_of_hypothesis_starts_at_zero(virtual_clock: VirtualClock, seconds: int) -> None:
    assert virtual_clock.now() == 0.0
    await anyio.sleep(seconds)
    assert virtual_clock.now() == seconds


class TestInAClass:
    async def test_a_method_runs_in_virtual_time(self, virtual_clock: VirtualClock) -> None:
        await anyio.sleep(HOUR)
        assert virtual_clock.elapsed == HOUR


@pytest.mark.parametrize("seconds", [1.0, HOUR])
async def test_a_parametrised_test_runs_in_virtual_time(virtual_clock: VirtualClock, seconds: float) -> None:
    await anyio.sleep(seconds)
    assert virtual_clock.elapsed == seconds
