"""What the toolkit adds to pytest: options, settings and fixtures. Nothing is done here.

Every pytest run where the distribution is installed loads this file, so it imports pytest and the standard
library only; a fixture imports what it needs when a test asks for it.
"""

from __future__ import annotations

import sys  # to look which of our modules are loaded, without loading them
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flujo_testing.cassette.playing import Cassette
    from flujo_testing.clock import VirtualClock
    from flujo_testing.golden.assertion import Golden
    from flujo_testing.server import LLMServer


def pytest_addoption(parser: pytest.Parser) -> None:
    from flujo_testing.pytest_options import add_options

    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    from flujo_testing.following import follow_tests
    from flujo_testing.pytest_options import name_markers

    name_markers(config)
    follow_tests(config)
    if (config.getoption("flujo_schedules"), config.getoption("flujo_schedule")) != (None, None):
        from flujo_testing.schedules.plugin import register

        register(config)
    if config.getoption("flujo_audit") is not None:
        from flujo_testing.audit import plugin

        plugin.register(config)
    if (config.getoption("flujo_report"), config.getoption("flujo_summary")) != (None, None):
        from flujo_testing.report import hooks

        hooks.register(config)
    if config.getoption("flujo_shard") is not None:
        from flujo_testing import sharding

        sharding.register(config)
    if config.getoption("flujo_golden") is not None:
        from flujo_testing.golden.fixture import announce

        announce(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    names = {name for item in items if isinstance(item, pytest.Function) for name in item.fixturenames}
    if "virtual_clock" in names:
        config.pluginmanager.import_plugin("flujo_testing.async_fixtures")
    if not names.isdisjoint({"golden", "flujo_golden"}):
        from flujo_testing.golden.fixture import collected

        collected(config, items)
    if any(item.get_closest_marker("flujo_schedules") for item in items):
        from flujo_testing.schedules.plugin import check_markers, register

        check_markers(items)
        register(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """What a test did that ran a pipeline, for the lint of tests; only where fakes or fixtures of ours are loaded."""
    try:
        return (yield)
    finally:
        if "flujo_testing.agents.passes" in sys.modules:
            from flujo_testing.lint.hooks import called

            called(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a failed test has left over is no news; what it told, where we are in use, goes with its report."""
    if call.when != "teardown" and call.excinfo is not None:
        from flujo_testing.following import CALL_FAILED

        item.stash[CALL_FAILED] = True
    report = yield
    if not {"flujo_testing.agents.passes", "flujo_testing.golden.session"}.isdisjoint(sys.modules):
        from flujo_testing.report.collecting import collected

        collected(item, call, report)
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of pytest-xdist is done; one that went down leaves no output."""
    output = getattr(node, "workeroutput", None)
    if output is None or "flujo_golden" in output:
        from flujo_testing.golden.fixture import worker_done

        worker_done(node.config, output)
    if output is not None and "flujo_lint" in output:
        from flujo_testing.lint import hooks

        hooks.worker_done(node.config, output)
    if output is not None and "flujo_report" in output:
        from flujo_testing.report.hooks import hooks_of

        hooks_of(node.config)


@pytest.fixture
def golden(flujo_golden: Golden, request: pytest.FixtureRequest) -> Golden:
    """Compares a run with its golden: ``golden.check(result)``, or ``assert result == golden``."""
    from flujo_testing.golden.fixture import refuse_rivals

    refuse_rivals(request.config)
    return flujo_golden


@pytest.fixture
def flujo_golden(request: pytest.FixtureRequest) -> Iterator[Golden]:
    """The same as ``golden``, for projects where another plugin has that name."""
    from flujo_testing.golden.fixture import compared_with_golden

    yield from compared_with_golden(request)


@pytest.fixture
def cassette(request: pytest.FixtureRequest) -> Iterator[Cassette]:
    """Answers for the agents of a test's runs from its cassette, or records them: ``--flujo-record=once``."""
    from flujo_testing.cassette.fixture import cassette_in

    yield from cassette_in(request)


@pytest.fixture
def virtual_clock(request: pytest.FixtureRequest) -> Iterator[VirtualClock]:
    """Makes the time of a test and its runs virtual: timeouts, back-off and rate limits take none."""
    from flujo_testing.clock import hold_virtual_time_of_runs

    yield from hold_virtual_time_of_runs(request)


@pytest.fixture
def flujo_run(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Runs a pipeline and checks the laws of accounting: ``await flujo_run(pipeline, data)``."""
    from flujo_testing import fixtures

    yield from fixtures.flujo_run(request)


@pytest.fixture
def flujo_agents(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Replaces agents in every run during the test: ``flujo_agents({path: agent})``."""
    from flujo_testing import fixtures

    yield from fixtures.flujo_agents(request)


@pytest.fixture
def cost_model() -> Any:
    """Prices for the runs of ``flujo_run``: pairwise-distinct primes."""
    from flujo_testing import fixtures

    return fixtures.cost_model()


@pytest.fixture
def llm_server(request: pytest.FixtureRequest) -> Iterator[LLMServer]:
    """A server on loopback for the real SDKs: ``llm_server.answer("Grey rain")``, ``base_url=llm_server.url``."""
    from flujo_testing.server import fixture

    yield from fixture.llm_server(request)
