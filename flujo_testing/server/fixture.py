"""The fixture ``llm_server``: in the loop of an async test, in a thread with a loop of its own for any other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import pytest
from anyio.from_thread import start_blocking_portal

from flujo_testing.agents.errors import FakeError
from flujo_testing.clock import library_internals as internals
from flujo_testing.following import pass_of
from flujo_testing.server.wire_server import LLMServer


def llm_server(request: pytest.FixtureRequest) -> Iterator[LLMServer]:
    """The fixture of this name."""
    server = LLMServer()
    if "virtual_clock" in request.fixturenames:
        request.getfixturevalue("virtual_clock")  # first, whatever the order of arguments
    with pass_of(request.node), _in_the_loop(server, request) if _has_loop(request) else _in_a_thread(server):
        yield server


def _has_loop(request: pytest.FixtureRequest) -> bool:
    """Whether anyio runs the test: then time in the server is that of the test, and may be virtual."""
    test = request.node
    if not isinstance(test, pytest.Function) or "anyio_backend" not in request.fixturenames:
        return False
    handle = getattr(test.obj, "hypothesis", None)
    function = test.obj if handle is None else internals.hypothesis_inner_test(handle)
    if not inspect.iscoroutinefunction(function):
        return False
    return "virtual_clock" in request.fixturenames or not internals.runs_in_pytest_asyncio(test)


@contextmanager
def _in_the_loop(server: LLMServer, request: pytest.FixtureRequest) -> Iterator[None]:
    async def serve() -> AsyncGenerator[None, None]:
        async with server.serving():
            yield

    backend, options = internals.extract_backend_and_options(request.getfixturevalue("anyio_backend"))
    if _in_a_task(backend):  # it would wait for ever for the loop that waits for it
        text = f"{request.node.nodeid} asks for llm_server while it runs"
        raise FakeError(f"{text}: name the fixture among the arguments of the test, or of one of its fixtures")
    with internals.get_runner(backend, options) as runner:
        for _ in runner.run_asyncgen_fixture(serve, {}):
            yield


def _in_a_task(backend: str) -> bool:
    if backend == "trio":
        import trio  # not installed everywhere

        return trio.lowlevel.in_trio_task()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@contextmanager
def _in_a_thread(server: LLMServer) -> Iterator[None]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server.serving()):
        yield
