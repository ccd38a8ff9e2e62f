"""What pytest calls while orders are explored: registered by an option, or with the first test that is marked."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import pytest

from flujo_testing import reruns
from flujo_testing.conservation import ConservationError
from flujo_testing.golden.failure import selection
from flujo_testing.golden.readonly import goldens_read_only
from flujo_testing.schedules.comparing import promised_alike
from flujo_testing.schedules.errors import ScheduleError, ScheduleFailure
from flujo_testing.schedules.exploration import Exploration, Tried, check_followed
from flujo_testing.schedules.gate import Tail, first
from flujo_testing.schedules.observing import Observed
from flujo_testing.schedules.schedule import FIRST_IN_FIRST_OUT, Schedule
from flujo_testing.schedules.settings import Settings, marker_problem, settings_of
from flujo_testing.schedules.summary import PROPERTY, Summary

PLUGIN = "flujo-schedules"
Reports = list[pytest.TestReport]
Judge = Callable[[], None]


def register(config: pytest.Config) -> None:
    """Explore orders in this run of pytest, unless the audit of faults makes its passes."""
    if config.getoption("flujo_audit") is None and not config.pluginmanager.has_plugin(PLUGIN):
        config.pluginmanager.register(Schedules(config, settings_of(config)), PLUGIN)


def check_markers(items: list[pytest.Item]) -> None:
    """Raise pytest.UsageError for markers that cannot be meant."""
    if problems := [problem for problem in map(marker_problem, items) if problem is not None]:
        raise pytest.UsageError("\n".join(problems))


class Schedules:
    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.summary = Summary(settings)
        self._observed: Observed | None = None
        self._outputs: dict[Schedule, reruns.Output] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        if not isinstance(item, pytest.Function) or not self._is_to_be_explored(item):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self._outputs.clear()
        schedule = self.settings.schedule
        reports, judge = self._explored(item) if schedule is None else self._repeated(item, schedule)
        found, output = self._found(judge) if reruns.passed(reports) else (None, ())
        reruns.finish(item, nextitem, reports, found, output)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """What a fixture of a wider scope runs, it runs once: that is part of no pass."""
        if self._observed is None or fixturedef.scope == "function":
            return (yield)
        with self._observed.paused():
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.summary.add(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        is_worker = "workerinput" in vars(self.config)
        if not is_worker and exitstatus == pytest.ExitCode.OK and self.summary.problem is not None:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self.summary.lines():
            terminalreporter.write_line(line)

    def _is_to_be_explored(self, item: pytest.Function) -> bool:
        """Hypothesis runs a test many times by itself; who traces, updates snapshots or records wants one pass."""
        one_pass = any(self.config.getoption(name, False) for name in ("trace", "update_snapshots"))
        records = self.config.getoption("flujo_record") not in (None, "none")
        if one_pass or records or item.get_closest_marker("hypothesis") is not None:
            return False
        return self.settings.schedule is not None or self.settings.orders_of(item) > 0

    def _explored(self, item: pytest.Function) -> tuple[Reports, Judge]:
        """The test as it is, first in, first out; to judge it is to try the other orders."""
        observed = Observed(FIRST_IN_FIRST_OUT)
        with self._observing(observed):
            reports = reruns.pass_first(item)

        def judge() -> None:
            explored = self._exploration(item, observed).explore(self.settings.orders_of(item), self.settings.seed)
            call = next(report for report in reports if report.when == "call")
            call.user_properties.append((PROPERTY, [len(explored.schedules), explored.all_there_are]))

        return reports, judge

    def _repeated(self, item: pytest.Function, schedule: Schedule) -> tuple[Reports, Judge]:
        """The test in one order; to judge it is to compare it with first in, first out, which nobody sees."""
        plain = self._again(item, FIRST_IN_FIRST_OUT, first)
        observed = Observed(schedule)
        with self._observing(observed), goldens_read_only(self.config, _excusing(plain.observed, observed)):
            reports = reruns.pass_first(item)

        def judge() -> None:
            check_followed(observed, schedule)
            if plain.error is None:
                self._exploration(item, plain.observed).judge(Tried(observed))

        return reports, judge

    def _found(self, judge: Judge) -> tuple[BaseException | None, reruns.Output]:
        """What is wrong with a test that has passed, and the output of the pass that shows it."""
        try:
            judge()
        except ScheduleFailure as failure:
            return _as_pytest_shows_it(failure), self._outputs.get(failure.schedule, ())
        except (ScheduleError, ConservationError) as error:
            return pytest.fail.Exception(f"{type(error).__name__}: {error}", pytrace=False), ()
        except Exception as error:  # what runs hold is the user's: it may refuse to be compared or shown
            error.add_note("raised while the orders of the test were compared")
            return error, ()
        return None, ()

    def _exploration(self, item: pytest.Function, observed: Observed) -> Exploration:
        test = shlex.quote(selection(item))
        return Exploration(
            observed,
            lambda schedule, tail: self._again(item, schedule, tail, observed),
            lambda schedule: f"python -m pytest {test} --flujo-schedule={schedule}",
        )

    def _again(self, item: pytest.Function, schedule: Schedule, tail: Tail, *others: Observed) -> Tried:
        observed = Observed(schedule, tail)
        with self._observing(observed):
            outcome = reruns.pass_again(item, _excusing(observed, *others))
        self._outputs[observed.taken] = outcome.output
        return Tried(observed, outcome.error)

    @contextmanager
    def _observing(self, observed: Observed) -> Iterator[None]:
        around, self._observed = self._observed, observed
        try:
            with observed.in_force():
                yield
        finally:
            self._observed = around


def _excusing(*passes: Observed) -> Callable[[], bool]:
    """Whether goldens, which are those of first in, first out, say nothing of these passes."""
    return lambda: not promised_alike(run for one in passes for run in one.runs)


def _as_pytest_shows_it(failure: ScheduleFailure) -> BaseException:
    """What the test itself raised, with a note on the order; where it raised nothing, the message alone."""
    raised = failure.__cause__
    if raised is None:
        return pytest.fail.Exception(str(failure), pytrace=False)
    if isinstance(raised, pytest.fail.Exception) and not raised.pytrace:
        return pytest.fail.Exception(f"{raised}\n\n{failure}", pytrace=False)
    raised.add_note(str(failure))
    return raised
