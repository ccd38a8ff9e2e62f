"""The fixture ``virtual_clock``, as a function that the pytest plugin yields from."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flujo import override
from flujo_testing.async_fixtures import first_living_async_fixture
from flujo_testing.clock import library_internals as internals
from flujo_testing.clock.asyncio_loop import AsyncioLoop
from flujo_testing.clock.errors import VirtualClockError
from flujo_testing.clock.held_loop import AsyncFunction, HeldLoop
from flujo_testing.clock.virtual import VirtualClock


def hold_virtual_time(request: pytest.FixtureRequest, anyio_backend: object) -> Iterator[VirtualClock]:
    """Make the time of one async test virtual, from here to the fixture's teardown.

    ``anyio_backend`` is the value of anyio's fixture of that name. Raises ``VirtualClockError`` where the
    test is not async, or its loop cannot be switched over; it then names the fixture that started the loop.
    """
    test = request.node
    if not (isinstance(test, pytest.Function) and _is_async(test.obj)):
        raise VirtualClockError(f"virtual_clock works in async tests only, and {test.nodeid} is not one")
    backend, options = internals.extract_backend_and_options(anyio_backend)
    hold = functools.partial(_hold_loop, backend, anyio_backend, request.config)
    with internals.get_runner(backend, options) as runner:
        for loop in runner.run_asyncgen_fixture(hold, {}):
            with _test_driven_by(loop, test), _left_to_anyio(test):
                yield loop.clock


def hold_virtual_time_of_runs(request: pytest.FixtureRequest, anyio_backend: object) -> Iterator[VirtualClock]:
    """The same, and the clock of every run that starts meanwhile."""
    for clock in hold_virtual_time(request, anyio_backend):
        with override(clock=clock):
            yield clock


async def _hold_loop(backend: str, anyio_backend: object, config: pytest.Config) -> AsyncGenerator[HeldLoop, None]:
    try:
        loop = _held_loop(backend)
    except (VirtualClockError, AttributeError) as refusal:
        starter = first_living_async_fixture(config) or "virtual_clock itself"
        raise VirtualClockError(
            f"virtual_clock cannot take hold of the loop: {refusal} "
            f"(anyio_backend={anyio_backend!r}, loop started by {starter})"
        ) from refusal
    try:
        yield loop
    finally:
        loop.release()


def _held_loop(backend: str) -> HeldLoop:
    if backend == "trio":
        from flujo_testing.clock.trio_loop import TrioLoop  # trio is not installed everywhere

        return TrioLoop()
    return AsyncioLoop()


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(_inner_test(function))


def _inner_test(function: Any) -> Any:
    """The function itself, or the user's test inside Hypothesis."""
    handle = getattr(function, "hypothesis", None)
    return function if handle is None else internals.hypothesis_inner_test(handle)


@contextmanager
def _test_driven_by(loop: HeldLoop, item: pytest.Function) -> Iterator[None]:
    function = item.obj
    driven = _driven_by(loop, _inner_test(function))
    handle = getattr(function, "hypothesis", None)
    if handle is None:
        item.obj = driven
    else:
        handle.inner_test, inner_test = driven, handle.inner_test
    try:
        yield
    finally:
        if handle is None:
            item.obj = function
        else:
            handle.inner_test = inner_test


def _driven_by(loop: HeldLoop, test: AsyncFunction) -> AsyncFunction:
    @functools.wraps(test)
    async def run_test(**arguments: Any) -> None:
        await loop.run_test(test, arguments)

    return run_test


@contextmanager
def _left_to_anyio(item: pytest.Function) -> Iterator[None]:
    """In auto mode pytest-asyncio takes every async test, also those marked for anyio: take those back."""
    if item.get_closest_marker("anyio") is None or not internals.runs_in_pytest_asyncio(item):
        yield
        return
    internals.run_as_plain_function(item)
    try:
        yield
    finally:
        internals.run_as_before(item)
