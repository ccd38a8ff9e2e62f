"""The run of pytest that queues a suite and tells what the workers report, in the order of the tests."""

from __future__ import annotations

import argparse
import subprocess
import time
from contextlib import closing
from typing import Any, Final

import pytest

from flujo_testing.suite.cases import CaseResult, Cases
from flujo_testing.suite.plan import OPTIONS, Plan, plan_of

LOOK_S: Final = 0.2
IN_VAIN: Final = 3
"""So many workers in a row may end without a result."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--flujo-suite", dest="flujo_suite", type=plan_of, help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    for option, why in _REFUSED.items():
        if config.getoption(option, None) not in (None, False, 0, "no", "none", "check", "pending"):
            raise pytest.UsageError(f"flujo suite run: {why}")
    config.pluginmanager.register(Controller(config.getoption("flujo_suite")), "flujo-suite")


class Controller:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.known = 0
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lost = self._in_vain = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if session.config.option.collectonly or not session.items or session.testsfailed:
            return None  # pytest's own loop says so
        items = {item.nodeid: item for item in session.items}
        with closing(Cases(self.plan.url, self.plan.run, items)) as cases:
            try:
                cases.put()
                self._tell_all(session, items, cases)
            finally:
                self._stop()
        return True

    def _tell_all(self, session: pytest.Session, items: dict[str, pytest.Item], cases: Cases) -> None:
        waiting, ready = list(items), {result.node_id: result for result in cases.results()}
        self.known = len(ready)
        if self.known < len(items):
            self._processes = [self._started() for _ in range(self.plan.workers)]
        while waiting:
            while waiting and waiting[0] in ready:
                node_id = waiting.pop(0)
                self._tell(items[node_id], ready[node_id])
                if session.shouldfail:
                    raise session.Failed(session.shouldfail)
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)
            if waiting:
                time.sleep(LOOK_S)
                found = {result.node_id: result for result in cases.results() if result.node_id not in ready}
                ready.update(found)
                self._look_after_workers(bool(found))

    def _tell(self, item: pytest.Item, result: CaseResult) -> None:
        hook, config = item.ihook, item.config
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports: list[Any] = [
            config.hook.pytest_report_from_serializable(config=config, data=data) for data in result.reports
        ]
        if result.problem is not None:
            reports = [
                pytest.TestReport(item.nodeid, item.location, {}, "failed", f"{item.nodeid}: {result.problem}", "call")
            ]
        for report in reports:
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _started(self) -> subprocess.Popen[bytes]:
        command = self.plan.command("flujo_testing.suite.working", *OPTIONS)
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def _look_after_workers(self, found: bool) -> None:
        """Start another worker for one that is lost. One that ends by itself, as if there were nothing to do, has
        something to say; after a few of them nothing is to be expected of the next."""
        self._in_vain = 0 if found else self._in_vain
        for number, process in enumerate(self._processes):
            if process.poll() is not None:
                self._lost += 1
                self._in_vain += process.returncode >= 0
                if self._in_vain >= IN_VAIN:
                    pytest.exit(
                        f"{self._in_vain} workers in a row ended without a result, the last with exit code "
                        f"{process.returncode}: what they wrote to standard error stands above",
                        returncode=pytest.ExitCode.USAGE_ERROR,
                    )
                self._processes[number] = self._started()

    def _stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        lost = f", {self._lost} workers lost" if self._lost else ""
        told = f"suite {self.plan.run}: {self.plan.workers} workers here{lost}, {self.known} cases had a result before"
        terminalreporter.write_line(told)


_REFUSED: Final = {
    "numprocesses": "leave out -n: --workers says how many processes run the tests",
    "flujo_record": "leave out --flujo-record: cassettes are recorded by one process, with pytest",
    "flujo_golden": "leave out --golden=update: workers compare goldens, and write none",
    "flujo_schedules": "leave out --flujo-schedules: explore orders with pytest, in shards if need be",
    "flujo_audit": "leave out --flujo-audit: audit with pytest",
    "usepdb": "leave out --pdb: nobody sits at the workers",
}
