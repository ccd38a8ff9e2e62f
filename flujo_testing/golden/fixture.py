"""The fixture ``golden``, as a function that the pytest plugin yields from. Light until it is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flujo_testing.golden.assertion import Golden

_NEEDED = {"syrupy": "syrupy", "PyYAML": "yaml"}
_HAS_ALL = pytest.StashKey[bool]()
_EXTRA = "pip install 'flujo-pipelines[testing]'"


def compared_with_golden(request: pytest.FixtureRequest) -> Iterator[Golden]:
    """Give a test its golden; at its end, fail it for a comparison that failed and was swallowed."""
    if not request.config.stash.get(_HAS_ALL, False):
        if why := missing(request.config):
            pytest.fail(why, pytrace=False)
        request.config.stash[_HAS_ALL] = True
    from flujo_testing.golden.assertion import golden_for
    from flujo_testing.golden.errors import GoldenError
    from flujo_testing.golden.hooks import CALL_PASSED, hooks_of

    try:
        golden = golden_for(request.node, hooks_of(request.config).session)
    except GoldenError as error:
        pytest.fail(str(error), pytrace=False)
    yield golden
    if request.node.stash.get(CALL_PASSED, False):
        try:
            golden.refuse_leftovers()
        except GoldenError as error:
            pytest.fail(str(error), pytrace=False)


def announce(config: pytest.Config) -> None:
    """``--golden`` was given: the run says how many goldens it compared, even if there were none."""
    collected(config, ())


def collected(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Some of the collected tests have goldens."""
    if _can_read():
        from flujo_testing.golden.errors import GoldenMisuse
        from flujo_testing.golden.hooks import hooks_of

        try:
            hooks_of(config).claim_places(items)
        except GoldenMisuse as error:
            raise pytest.UsageError(str(error)) from None


def worker_done(config: pytest.Config, output: dict[str, Any] | None) -> None:
    """A process of pytest-xdist has ended; without output if it went down."""
    if _can_read():
        from flujo_testing.golden.hooks import hooks_of

        hooks_of(config).take_worker(output)


def refuse_rivals(config: pytest.Config) -> None:
    """Fail the test if another plugin's ``golden`` is hidden by ours: nobody can tell which one was meant."""
    from flujo_testing.golden.clash import remedy, rivals

    if names := rivals(config):
        pytest.fail(remedy(names), pytrace=False)


def _can_read() -> bool:
    """Without the extra only a test that asks for a golden fails."""
    return find_spec("yaml") is not None


def missing(config: pytest.Config) -> str | None:
    """What the fixture needs and does not have, with the remedy."""
    absent = [name for name, module in _NEEDED.items() if find_spec(module) is None]
    if absent:
        return f"the fixture 'golden' needs {' and '.join(absent)}, not installed here: {_EXTRA}"
    if not config.pluginmanager.has_plugin("syrupy"):
        return (
            "the fixture 'golden' needs the pytest plugin syrupy, which is turned off here: leave "
            "'-p no:syrupy' out, or load it with '-p syrupy' where plugins are not loaded by themselves "
            f"(it comes with {_EXTRA})"
        )
    return None
