"""Puts every test into a pass (``flujo_testing.agents.passes``), whether it asks for a fixture of ours or not.

Every pytest run loads this file: pytest and the standard library only. In a project that never imports Flujo
nothing of it is imported here either. It may first be imported by a test, or by what a test calls, so a
finder waits for the engine, and the test that is running then has its pass from there on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from flujo.events import Event
    from flujo_testing.agents.passes import Pass

ENGINE: Final = "flujo.runner"
"""Nothing runs before this module has been loaded."""
CHOICES: Final = ("all", "fixtures")
CALL_FAILED: Final = pytest.StashKey[bool]()
"""True where the test itself failed: what is left of scripts and runs is no news then."""


def follow_tests(config: pytest.Config) -> None:
    """Follow every test from now on, or only those that use our fixtures: as the ini option ``flujo_follow`` says."""
    choice = config.getini("flujo_follow")
    if choice not in CHOICES:
        raise pytest.UsageError(f"flujo_follow = {choice!r}: it is one of {', '.join(CHOICES)}")
    if choice == "all":
        config.pluginmanager.register(Following(), "flujo-following")


# The pass of a test -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _OpenPass:
    current: Pass
    users: int = 0


_OPEN: Final = pytest.StashKey[_OpenPass]()


@contextmanager
def pass_of(test: pytest.Item) -> Iterator[Pass]:
    """The pass of a test: who comes first opens it, who leaves last closes it and raises what is wrong."""
    from flujo_testing.agents.passes import Pass

    if _OPEN not in test.stash:
        test.stash[_OPEN] = _OpenPass(Pass(test.nodeid, check=_check))
    opened = test.stash[_OPEN]
    with ExitStack() as closing:
        if opened.users == 0:
            closing.callback(opened.current.close)
            opened.current.open()
        opened.users += 1
        try:
            yield opened.current
        finally:
            opened.users -= 1
            if opened.users == 0:
                del test.stash[_OPEN]
        if opened.users == 0:
            opened.current.finish(leftovers=not test.stash.get(CALL_FAILED, False))


def _check(events: Sequence[Event]) -> None:
    from flujo_testing.conservation import check_conservation  # not before there is a run to check

    check_conservation(events)


# Every test ---------------------------------------------------------------------------------------------


class Following:
    """Keeps the test that runs in its pass, from before its fixtures are set up until they are torn down."""

    def __init__(self) -> None:
        self._test: pytest.Item | None = None
        self._in_pass = ExitStack()
        self._waiting: _Waiting | None = None
        if ENGINE not in sys.modules:
            self._waiting = _Waiting(self._engine_loaded)
            sys.meta_path.insert(0, self._waiting)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        self._test = item
        item.stash[CALL_FAILED] = False  # it may be run again
        if ENGINE in sys.modules:
            self._in_pass.enter_context(pass_of(item))
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None]:
        try:
            return (yield)
        finally:
            self._test = None
            self._in_pass.close()

    def pytest_unconfigure(self) -> None:
        if self._waiting in sys.meta_path:
            sys.meta_path.remove(self._waiting)

    def _engine_loaded(self) -> None:
        if self._test is not None:
            self._in_pass.enter_context(pass_of(self._test))


class _Waiting(MetaPathFinder):
    """Waits for the engine to be imported for the first time, and calls ``loaded`` once it is."""

    def __init__(self, loaded: Callable[[], None]) -> None:
        self._loaded = loaded

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != ENGINE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Telling(spec.loader, self._loaded)
        return spec


class _Telling(Loader):
    """Loads a module as its own loader does, then tells."""

    def __init__(self, own: Loader, loaded: Callable[[], None]) -> None:
        self._own = own
        self._loaded = loaded

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._own
        self._own.exec_module(module)
        self._loaded()
