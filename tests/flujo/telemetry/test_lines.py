"""A run as lines of a log, and as progress for whoever waits."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest

from flujo import Backoff, Flujo, Step, UsageLimits
from flujo.stores.memory import MemoryCache
from flujo.telemetry.lines import LogLines
from flujo.telemetry.progress import Progress
from flujo_testing import VirtualClock, default_cost_model
from tests.flujo.telemetry.cast import Slow, echo, short


def troubled(listener: Any) -> Flujo[Any, Any]:
    """One draft is rejected, one attempt fails, the fallback answers at an unknown cost."""
    writer = Slow("a much longer text", ValueError("secret"))
    small = Step("small", Slow("ok", name="small", model="test:nobody"))
    step = Step("write", writer, plugins=[short], backoff=Backoff(3), fallback=small)
    return Flujo(step, cost_model=default_cost_model(), listeners=[listener], name="support")


async def test_a_log_has_a_line_per_event_of_interest(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "flujo"):
        await troubled(LogLines()).run_async("rain")
    assert [f"{record.levelname} {record.getMessage()}" for record in caplog.records] == [
        "INFO support started",
        "DEBUG support write started",
        "DEBUG support write/attempt:1 asked writer",
        "DEBUG support write paid 0.00104 USD for test:writer",
        "DEBUG support write/attempt:1 answered",
        "WARNING support write/attempt:1 judged plugin=short accepted=False crashed=False replaced=False",
        "INFO support write backed off attempt=1 delay_s=3.0",
        "DEBUG support write/attempt:2 asked writer after 1 rejection",
        "WARNING support write/attempt:2 ask failed outcome=error",
        "WARNING support write fell back attempts=2",
        "DEBUG support write/fallback:small started",
        "DEBUG support write/fallback:small/attempt:1 asked small",
        "DEBUG support write/fallback:small paid an unknown cost for test:nobody",
        "DEBUG support write/fallback:small/attempt:1 answered",
        "INFO support write/fallback:small completed",
        "INFO support write completed",
        "INFO support completed",
    ]
    asked = caplog.records[2]
    assert (asked.__dict__["pipeline"], asked.__dict__["path"]) == ("support", "write/attempt:1")


async def test_a_log_tells_texts_on_request_and_only_its_level(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("an.application")
    with caplog.at_level(logging.WARNING, "an.application"):
        await troubled(LogLines(logger, capture_content=True)).run_async("rain")
        failing = Step("fail", Slow(ValueError("no")), max_retries=0)
        await Flujo(failing, listeners=[LogLines(logger, capture_content=True)], name="other").run_async("rain")
    assert [f"{record.name}: {record.getMessage()}" for record in caplog.records] == [
        "an.application: support write/attempt:1 judged plugin=short accepted=False crashed=False replaced=False"
        " feedback='too long: a much longer text'",
        "an.application: support write/attempt:2 ask failed outcome=error error='ValueError: secret'",
        "an.application: support write fell back attempts=2 error='ValueError: secret'",
        "an.application: other fail/attempt:1 ask failed outcome=error error='ValueError: no'",
        "an.application: other fail failed error=\"step 'fail' failed after 1 attempt: ValueError: no\"",
        "an.application: other failed error=\"step 'fail' failed after 1 attempt: ValueError: no\"",
    ]


async def test_a_limit_and_a_question_are_told(virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    prices = default_cost_model()
    limits = UsageLimits(total_cost_usd_limit="0.001")
    with caplog.at_level(logging.INFO, "flujo"):
        limited = Flujo(
            Step("write", Slow("x")), cost_model=prices, usage_limits=limits, listeners=[LogLines()], name="limited"
        )
        await limited.run_async("rain")
        person = Step.human_in_the_loop("approve", "secret?")
        await Flujo(person, listeners=[LogLines()], name="paused").run_async("rain")
    assert [f"{record.levelname} {record.getMessage()}" for record in caplog.records] == [
        "INFO limited started",
        "WARNING limited write limit passed dimension=cost_usd spent=0.00104 limit=0.001",
        "WARNING limited write/attempt:1 ask failed outcome=limited",
        "WARNING limited write limited",
        "WARNING limited limited",
        "INFO paused started",
        "INFO paused approve questioned",
        "INFO paused approve paused",
        "INFO paused paused",
    ]


async def test_progress_tells_who_works_and_what_was_spent(virtual_clock: VirtualClock) -> None:
    lines: list[str] = []
    await troubled(Progress(lines.append)).run_async("rain")
    assert lines == [
        "     0.0 s  support started\n",
        "     0.0 s  write/attempt:1 asked writer\n",
        "     5.0 s  write/attempt:2 asked writer after 1 rejection\n",
        "     7.0 s  write/fallback:small/attempt:1 asked small\n",
        "     9.0 s  write/fallback:small completed, 2 requests, at least 0.00104 USD\n",
        "     9.0 s  write completed, 2 requests, at least 0.00104 USD\n",
        "     9.0 s  support completed, 2 requests, at least 0.00104 USD\n",
    ]


async def test_progress_of_many_items_is_a_line_now_and_then(virtual_clock: VirtualClock) -> None:
    lines: list[str] = []
    body = Step("item", Slow(*"abcdefghij", seconds=0.2))
    part = Step.map_over("all", body, lambda input, context: list(range(10)))
    await Flujo(part, cost_model=default_cost_model(), listeners=[Progress(lines.append)], name="many").run_async(
        "rain"
    )
    assert lines == [
        "     0.0 s  many started\n",
        "     0.6 s  all item 3 completed, 3 requests, 0.00312 USD\n",
        "     1.2 s  all item 6 completed, 6 requests, 0.00624 USD\n",
        "     1.8 s  all item 9 completed, 9 requests, 0.00936 USD\n",
        "     2.0 s  all completed, 10 requests, 0.0104 USD\n",
        "     2.0 s  many completed, 10 requests, 0.0104 USD\n",
    ]


async def test_runs_at_once_count_for_themselves(virtual_clock: VirtualClock) -> None:
    lines: list[str] = []
    progress = Progress(lines.append)
    async with anyio.create_task_group() as group:
        for number in (1, 2):
            step = Step("write", Slow("x", seconds=number))
            flow: Flujo[Any, Any] = Flujo(
                step, cost_model=default_cost_model(), listeners=[progress], name=f"run {number}"
            )
            group.start_soon(flow.run_async, "rain")
    assert [line for line in lines if "run" in line and "started" not in line] == [
        "     1.0 s  run 1 completed, 1 request, 0.00104 USD\n",
        "     2.0 s  run 2 completed, 1 request, 0.00104 USD\n",
    ]


async def test_progress_tells_of_a_cached_step_and_of_a_question() -> None:
    lines: list[str] = []
    pipeline = Step.cached(Step("known", echo), MemoryCache()) >> Step.human_in_the_loop("approve", "secret?")
    flow: Flujo[Any, Any] = Flujo(pipeline, listeners=[Progress(lines.append)], name="again")
    await flow.run_async("rain")
    lines.clear()
    await flow.run_async("rain")
    assert [line.partition(" s  ")[2] for line in lines] == [
        "again started\n",
        "known is cached\n",
        "known completed\n",
        "approve waits for an answer\n",
        "approve paused\n",
        "again paused\n",
    ]


def test_progress_goes_to_the_standard_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    Flujo(Step("write", Slow("x", seconds=0)), listeners=[Progress()], name="one").run("rain")
    out, err = capsys.readouterr()
    assert (out, [line.rpartition(" s  ")[2] for line in err.splitlines()]) == (
        "",
        [
            "one started",
            "write/attempt:1 asked writer",
            "write completed, 1 request, at least 0 USD",
            "one completed, 1 request, at least 0 USD",
        ],
    )
