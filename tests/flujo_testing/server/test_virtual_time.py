"""The server under virtual time: silence takes none, and no timeout fires while bytes are on their way."""

from __future__ import annotations

import anyio
import pytest

from flujo_testing import Chunks
from flujo_testing.clock import VirtualClock
from flujo_testing.server import LLMServer, Stall, StatusError
from tests.flujo_testing.server.sdks import CHAT, SDKS, USAGE, Sdk, asked, generators_left

pytestmark = generators_left
each_sdk = pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)


@each_sdk
async def test_a_stall_of_two_minutes_takes_two_minutes_of_virtual_time(
    sdk: Sdk, virtual_clock: VirtualClock, llm_server: LLMServer
) -> None:
    llm_server.usage = USAGE
    llm_server.answer(Stall(120, "Grey rain"), Chunks(["Grey", " rain"], pause_s=60))
    async with asked(sdk, llm_server.url) as client:
        assert ((await sdk.plain(client, "rain")).text, virtual_clock.now()) == ("Grey rain", 120.0)
        assert ((await sdk.streamed(client, "rain")).text, virtual_clock.now()) == ("Grey rain", 240.0)


async def test_no_timer_fires_while_an_answer_is_on_its_way(llm_server: LLMServer, virtual_clock: VirtualClock) -> None:
    """A timer of a tenth of a second is always the next; none of a hundred requests takes that long."""
    llm_server.answer(*["Grey rain"] * 100)
    async with asked(CHAT, llm_server.url) as client:
        for _ in range(100):
            with anyio.fail_after(0.1):
                await CHAT.plain(client, "rain")
    assert virtual_clock.now() == 0.0


@each_sdk
async def test_the_sdk_waits_as_long_as_it_is_told_before_it_tries_again(
    sdk: Sdk, llm_server: LLMServer, virtual_clock: VirtualClock
) -> None:
    llm_server.usage = USAGE
    llm_server.answer(StatusError(429, retry_after_s=7), StatusError(500, retry_after_s=2.5), "Grey rain")
    async with asked(sdk, llm_server.url, max_retries=2) as client:
        assert ((await sdk.plain(client, "rain")).text, virtual_clock.now()) == ("Grey rain", 9.5)
    retries = [request.headers["x-stainless-retry-count"] for request in llm_server.requests]
    assert retries == ["0", "1", "2"]


@each_sdk
async def test_the_timeout_of_a_client_ends_its_wait_and_its_retry_is_answered(
    sdk: Sdk, llm_server: LLMServer, virtual_clock: VirtualClock
) -> None:
    """That the client has hung up is known before it asks again: else two callers would be at one script."""
    llm_server.usage = USAGE
    llm_server.answer(TimeoutError(), "Grey rain")
    async with asked(sdk, llm_server.url, max_retries=1, timeout=5.0) as client:
        assert (await sdk.plain(client, "rain")).text == "Grey rain"
    assert 5.0 < virtual_clock.now() < 14.0  # the SDKs back off by chance
