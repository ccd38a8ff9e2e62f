"""A worker of a suite: a run of pytest that takes its tests from the queue, one after the other.

A plugin of its own: ``python -m pytest -p flujo_testing.suite.working --flujo-suite=PLAN`` is what is started.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import threading
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from flujo.distributed.application import Application
from flujo.stores.postgres.holder import Holder
from flujo_testing.suite.cases import VERSION, Cases, pace, serve
from flujo_testing.suite.plan import Plan, plan_of

IDLE_S: Final = 0.1
POLL_S: Final = 0.03


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--flujo-suite", dest="flujo_suite", type=plan_of, help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    worker = Worker(config.getoption("flujo_suite"), config)
    signal.signal(signal.SIGTERM, lambda *_: worker.stopped.set())
    config.pluginmanager.register(worker, "flujo-suite-worker")


@dataclass(frozen=True, slots=True)
class _Case:
    node_id: str
    reports: Future[str] = field(default_factory=Future)


class Worker:
    """The plugin: runs tests as they come, until it is told to stop, or whoever started it is gone."""

    def __init__(self, plan: Plan, config: pytest.Config) -> None:
        self.plan = plan
        self.stopped = threading.Event()
        self._config = config
        self._inbox: queue.SimpleQueue[_Case] = queue.SimpleQueue()
        self._reports: list[dict[str, Any]] = []
        self._parent = os.getppid()

    def run_case(self, node_id: str) -> str:
        """Called in a thread of DBOS; pytest has this process's main thread."""
        case = _Case(node_id)
        self._inbox.put(case)
        return case.reports.result()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items, plan = {item.nodeid: item for item in session.items}, self.plan
        with closing(Cases(plan.url, plan.run, items)) as cases:
            if cases.is_empty():
                told = f"run {plan.run} of a suite has other tests than the {len(items)} that were collected here"
                pytest.exit(
                    f"{told}: use the files and the arguments of 'flujo suite run', and start it first",
                    returncode=pytest.ExitCode.USAGE_ERROR,
                )
            application = Application(
                Holder(plan.url, patience_s=plan.patience_s), {cases.queue: pace(plan.at_once, plan.rate)}, VERSION,
                poll_s=POLL_S, look_s=plan.patience_s / 8,
            )  # fmt: skip
        serve(self)
        try:
            application.start()
            while (case := self._next()) is not None:
                case.reports.set_result(self._run(items[case.node_id]))
        finally:
            application.stop()
            serve(None)
            while not self._inbox.empty():  # others run it
                self._inbox.get().reports.cancel()
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.append(self._config.hook.pytest_report_to_serializable(config=self._config, report=report))

    def _run(self, item: pytest.Item) -> str:
        """Alone: fixtures of a wider scope are made for it, and nobody knows which test comes next."""
        self._reports.clear()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return json.dumps(self._reports, default=str)

    def _next(self) -> _Case | None:
        while not self.stopped.is_set() and os.getppid() == self._parent:
            try:
                return self._inbox.get(timeout=IDLE_S)
            except queue.Empty:
                continue
        return None
