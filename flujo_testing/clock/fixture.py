"""The fixture ``virtual_clock``, as a function that the pytest plugin yields from."""

from __future__ import annotations

import functools
import inspect
import unittest
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from flujo import override
from flujo_testing.async_fixtures import first_living_async_fixture
from flujo_testing.clock import library_internals as internals
from flujo_testing.clock.errors import LoopRefused, VirtualClockError
from flujo_testing.clock.held_loop import OTHER_PLUGIN, AsyncFunction, HeldLoop
from flujo_testing.clock.started_loops import loops_held_that_start
from flujo_testing.clock.taking_hold import held_loop
from flujo_testing.clock.virtual import VirtualClock


def hold_virtual_time(request: pytest.FixtureRequest) -> Iterator[VirtualClock]:
    """Make the time of one test virtual, from here to the fixture's teardown.

    The loop of an async test, which anyio's plugin runs, is switched over. A plain function has every loop held that
    it starts. Raises ``VirtualClockError`` where that cannot be; it then names the fixture that started the loop.
    """
    test = request.node
    if isinstance(test, pytest.Function) and _is_async(test):
        yield from _time_of_async_test(request, test)
        return
    with loops_held_that_start() as clock, ExitStack() as replaced:
        if isinstance(test, pytest.Function) and (inner := _inner_test(test.obj)) is not test.obj:
            replaced.enter_context(_replaced(test, _from_zero(clock, inner)))
        yield clock


def hold_virtual_time_of_runs(request: pytest.FixtureRequest) -> Iterator[VirtualClock]:
    """The same, and the clock of every run that starts meanwhile."""
    for clock in hold_virtual_time(request):
        with override(clock=clock):
            yield clock


def _time_of_async_test(request: pytest.FixtureRequest, test: pytest.Function) -> Iterator[VirtualClock]:
    if "anyio_backend" not in request.fixturenames:
        raise VirtualClockError(OTHER_PLUGIN)
    anyio_backend: object = request.getfixturevalue("anyio_backend")
    backend, options = internals.extract_backend_and_options(anyio_backend)
    hold = functools.partial(_hold_loop, anyio_backend, request.config)
    with internals.get_runner(backend, options) as runner:
        for loop in runner.run_asyncgen_fixture(hold, {}):
            with _replaced(test, _driven_by(loop, _inner_test(test.obj))), _left_to_anyio(test):
                yield loop.clock


async def _hold_loop(anyio_backend: object, config: pytest.Config) -> AsyncGenerator[HeldLoop, None]:
    try:
        loop = held_loop()
    except LoopRefused as refusal:
        starter = first_living_async_fixture(config) or "virtual_clock itself"
        raise VirtualClockError(
            f"virtual_clock cannot take hold of the loop: {refusal} "
            f"(anyio_backend={anyio_backend!r}, loop started by {starter}). {refusal.remedy}"
        ) from refusal
    try:
        yield loop
    finally:
        loop.release()
        loop.clock.run()  # what longer-lived fixtures do then takes real time


def _is_async(test: pytest.Function) -> bool:
    """Whether a plugin has to run it in a loop; unittest starts the loop of its async tests itself."""
    of_unittest = test.cls is not None and issubclass(test.cls, unittest.TestCase)
    return not of_unittest and inspect.iscoroutinefunction(_inner_test(test.obj))


def _inner_test(function: Any) -> Any:
    """The function itself, or the user's test inside Hypothesis."""
    handle = getattr(function, "hypothesis", None)
    return function if handle is None else internals.hypothesis_inner_test(handle)


@contextmanager
def _replaced(item: pytest.Function, test: Callable[..., Any]) -> Iterator[None]:
    """The user's test, inside Hypothesis where that is, replaced meanwhile."""
    function = item.obj
    handle = getattr(function, "hypothesis", None)
    if handle is None:
        item.obj = test
    else:
        handle.inner_test, inner_test = test, handle.inner_test
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


def _from_zero(clock: VirtualClock, test: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(test)
    def run_test(*arguments: Any, **options: Any) -> Any:
        clock.start_again()
        return test(*arguments, **options)

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
