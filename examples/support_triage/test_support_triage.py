"""The example is run as it is shown, and changed in three ways that each must be told in words."""

from __future__ import annotations

from examples.support_triage.comparison import ANSWERS
from examples.support_triage.pipeline import Setup, build
from examples.support_triage.tickets import EXAMPLE
from flujo_testing import FlujoRun
from flujo_testing.clock import VirtualClock
from flujo_testing.golden.assertion import Golden
from flujo_testing.recordings.transport import ReplayTransport
from openai import AsyncOpenAI
import httpx2


async def test_the_example_ticket_is_answered(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    transport = ReplayTransport(ANSWERS)
    async with AsyncOpenAI(api_key="none", http_client=httpx2.AsyncClient(transport=transport)) as client:
        result = await flujo_run(build(client, Setup()), EXAMPLE, context_data={"ticket": EXAMPLE})
    assert (transport.replay.misses, transport.replay.unused) == ([], ())
    golden.check(result)
