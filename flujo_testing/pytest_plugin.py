"""What the toolkit adds to pytest: options, settings and fixtures. Nothing is done here.

Every pytest run where the distribution is installed loads this file, so it imports pytest and the standard
library only; a fixture imports what it needs when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flujo_testing.cassette.playing import Cassette
    from flujo_testing.clock import VirtualClock
    from flujo_testing.golden.assertion import Golden


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("flujo", "Flujo: goldens and schedules of pipelines")
    group.addoption(
        "--golden",
        dest="flujo_golden",
        choices=("check", "pending", "update"),
        help="check: compare goldens and write nothing (default in CI). "
        "pending: leave proposals in golden/.pending (default elsewhere). "
        "update: write the goldens of the tests that run.",
    )
    group.addoption(
        "--golden-artifacts",
        dest="flujo_golden_artifacts",
        metavar="DIR",
        help="Leave proposals in DIR, also where nothing else is written.",
    )
    group.addoption(
        "--flujo-schedules",
        dest="flujo_schedules",
        type=int,
        metavar="N",
        help="Run each test in up to N orders in which its parallel branches can finish.",
    )
    group.addoption(
        "--flujo-schedule",
        dest="flujo_schedule",
        metavar="ORDER",
        help="Run the tests in one order, such as 0.0.1, as a failure of --flujo-schedules tells it.",
    )
    group.addoption(
        "--flujo-schedules-seed",
        dest="flujo_schedules_seed",
        type=int,
        default=0,
        metavar="SEED",
        help="Which orders are tried where there are more than N (default: 0).",
    )
    group.addoption(
        "--flujo-lint",
        dest="flujo_lint",
        choices=("off", "warn", "error"),
        default="warn",
        help="What the summary says of tests that run pipelines and would not notice if they lied: nothing, "
        "each weak place (default), or each weak place, and the run fails.",
    )
    group.addoption(
        "--flujo-record",
        dest="flujo_record",
        choices=("none", "once", "new", "all"),
        help="none: answer from cassettes, nothing goes live (default). once: record cassettes that do not exist. "
        "new: record what they do not hold. all: record everything anew.",
    )
    group.addoption(
        "--flujo-prune-cassettes",
        dest="flujo_prune_cassettes",
        action="store_true",
        help="Drop from cassettes the answers that their test, which passed, did not ask for.",
    )
    parser.addini(
        "flujo_cassette_dir",
        "Folder of the cassettes, relative to the file that sets it (default: cassettes)",
        default="cassettes",
    )
    parser.addini(
        "flujo_golden_dir",
        "Folder of the goldens, relative to the file that sets it (default: golden)",
        default="golden",
    )
    parser.addini(
        "flujo_follow",
        "Whose runs of pipelines are checked: those of all tests, or of tests with our fixtures (default: all)",
        default="all",
    )


def pytest_configure(config: pytest.Config) -> None:
    from flujo_testing.following import follow_tests

    follow_tests(config)
    config.addinivalue_line(
        "markers",
        "flujo_schedules(orders, reason=None): run the test in up to so many orders in which its parallel branches "
        "can finish; 0, with a reason, for a test with one order.",
    )
    if (config.getoption("flujo_schedules"), config.getoption("flujo_schedule")) != (None, None):
        from flujo_testing.schedules.plugin import register

        register(config)
    config.addinivalue_line(
        "markers",
        "flujo_cassette(agents, redact): functions to record by the paths of their steps; fields to replace.",
    )
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
    """What a failed test has left over is no news."""
    if call.when != "teardown" and call.excinfo is not None:
        from flujo_testing.following import CALL_FAILED

        item.stash[CALL_FAILED] = True
    return (yield)


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
