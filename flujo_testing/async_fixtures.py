"""Remembers the async fixtures that are alive, so that an error can name the one which started the loop.

The pytest plugin re-exports the hook, and every test run loads it: pytest and the standard library only. Others may
have loaded it before, of which pytest need not warn: PYTEST_DONT_REWRITE, for nothing is asserted here.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator

import pytest

Fixture = pytest.FixtureDef[object]
_SET_UP = pytest.StashKey[dict[Fixture, str]]()  # in the order of their latest set-up


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: Fixture, request: pytest.FixtureRequest) -> Generator[None, object, object]:
    """Note an async fixture before anyio's own wrapper puts a plain function in its place."""
    if _runs_in_anyio(fixturedef, request):
        set_up = request.config.stash.setdefault(_SET_UP, {})
        set_up.pop(fixturedef, None)
        set_up[fixturedef] = _description(fixturedef)
    return (yield)


def first_living_async_fixture(config: pytest.Config) -> str | None:
    """Name, scope and place of the async fixture that was set up first and still lives."""
    set_up = config.stash.get(_SET_UP, {})
    return next((text for fixture, text in set_up.items() if fixture.cached_result is not None), None)


def _runs_in_anyio(fixturedef: Fixture, request: pytest.FixtureRequest) -> bool:
    function = fixturedef.func
    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    return is_async and "anyio_backend" in request.fixturenames


def _description(fixturedef: Fixture) -> str:
    code = inspect.unwrap(fixturedef.func).__code__
    return f"{fixturedef.argname!r} ({fixturedef.scope} scope, {code.co_filename}:{code.co_firstlineno})"
