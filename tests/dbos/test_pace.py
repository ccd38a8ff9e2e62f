"""How much of a queue runs at once, and how fast, over all workers."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from chaos.workers import flows
from flujo import Flujo, MisuseError, Step
from flujo.distributed.application import Pace
from flujo.distributed.runtime import DBOSRuntime
from flujo.distributed.worker import Worker
from tests.dbos.test_worker import Gate

GATED, SHORT = f"{flows.HERE}:gated", f"{flows.HERE}:short"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"at_once": 0}, "at_once is 0; it has to be above 0, or left out"),
        ({"starts": 5}, "a rate needs both: 'starts' so many runs, 'per_s' seconds"),
        ({"at_once": 2, "at_once_here": 3}, "at_once_here is 3, more than at_once, 2"),
        ({"starts": 5, "per_s": -1.0}, "per_s is -1.0; it has to be above 0, or left out"),
    ],
)
def test_a_pace_that_cannot_be_meant_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(MisuseError) as raised:
        Pace(**options)
    assert str(raised.value) == told


@pytest.mark.anyio
@pytest.mark.parametrize("pace", [Pace(at_once=1), Pace(at_once_here=1), Pace(starts=1, per_s=3600)], ids=str)
async def test_more_than_may_run_stays_queued(database: str, pace: Pace) -> None:
    gate = Gate()
    gated: Flujo[Any, Any] = Flujo(Step("gate", gate))
    with DBOSRuntime(database, poll_s=0.02) as runtime:
        for run_id in ("r1", "r2"):
            await runtime.start(GATED, "rain", run_id=run_id)
        runners = {GATED: gated, SHORT: flows.short}
        async with Worker(database, runners, pace=pace, poll_s=0.02, patience_s=2.0):
            await gate.until_called()
            await runtime.start(SHORT, "snow", run_id="other")  # of another queue: meanwhile all have been looked at
            await runtime.result("other")
            assert [(run.run_id, run.status) for run in runtime.store.runs()] == [
                ("r2", "queued"), ("other", "completed"), ("r1", "running"),
            ]  # fmt: skip
            gate.answers.set()
            if pace.starts is None:
                with anyio.fail_after(60):
                    await runtime.result("r2")
                assert gate.calls == 2
            else:
                await runtime.result("r1")
                assert gate.calls == 1
