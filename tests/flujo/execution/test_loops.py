"""Whether a loop runs here: asked of asyncio and trio, not of a name that somebody left behind."""

from __future__ import annotations

import anyio
import anyio.to_thread
import pytest
import sniffio

from flujo import Flujo, MisuseError, Step
from flujo.execution.loops import loop_runs_here, no_loop_named


async def echo(text: str) -> str:
    return text


async def here() -> bool:
    return loop_runs_here()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_loop_runs_where_it_calls_and_nowhere_else(backend: str) -> None:
    async def in_a_thread() -> bool:
        return await anyio.to_thread.run_sync(loop_runs_here)

    assert anyio.run(here, backend=backend) is True
    assert anyio.run(in_a_thread, backend=backend) is False
    assert loop_runs_here() is False


@pytest.mark.parametrize("left_behind", ["asyncio", "trio"])
def test_the_name_of_a_loop_that_stands_still_keeps_nobody_from_running(left_behind: str) -> None:
    token = sniffio.current_async_library_cvar.set(left_behind)
    try:
        assert Flujo(Step("write", echo)).run("rain").output == "rain"
        assert sniffio.current_async_library_cvar.get() == left_behind
        with no_loop_named():
            assert anyio.run(here) is True
    finally:
        sniffio.current_async_library_cvar.reset(token)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_run_inside_a_loop_is_refused(backend: str) -> None:
    async def run() -> object:
        return Flujo(Step("write", echo)).run("rain")

    with pytest.raises(MisuseError) as refused:
        anyio.run(run, backend=backend)
    assert str(refused.value) == (
        "Flujo.run() was called inside a running event loop; use 'await runner.run_async(...)' there"
    )
