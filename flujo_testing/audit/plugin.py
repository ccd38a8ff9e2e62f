"""What pytest calls while faults are audited. Registered by the option, in the controller and in each worker."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from _pytest.capture import CaptureManager

from flujo import Laws
from flujo_testing import reruns
from flujo_testing.audit.findings import Findings
from flujo_testing.audit.gates import problems_of
from flujo_testing.audit.matrix import settle_matrix
from flujo_testing.audit.seams import Beside, silent_trial
from flujo_testing.audit.settings import Settings, settings_of
from flujo_testing.audit.show import as_json, as_markdown, as_text
from flujo_testing.audit.trial import PROPERTY, Audited, audited_from_plain
from flujo_testing.audit.trying import Trials
from flujo_testing.audit.waivers import waivers_of
from flujo_testing.audit.watching import Watched
from flujo_testing.faults import FAULTS, Fault
from flujo_testing.golden.errors import GoldenError
from flujo_testing.golden.inert import inert
from flujo_testing.golden.leak import secrets_in
from flujo_testing.golden.writing import write_file

PLUGIN = "flujo-audit"


def register(config: pytest.Config) -> None:
    config.pluginmanager.register(Audit(config, settings_of(config)), PLUGIN)


class Audit:
    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.found: dict[str, Audited] = {}
        self.findings: Findings | None = None
        self.problems: list[str] = []
        self._watched: Watched | None = None
        self._noticed: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Hypothesis runs a test many times by itself: it is left alone."""
        if not isinstance(item, pytest.Function) or item.get_closest_marker("hypothesis") is not None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        clean, beside = Watched(), Beside(self._left())
        with self._watching(clean, beside.laws):
            reports = reruns.pass_first(item)
        if reruns.passed(reports) and clean.runs:
            call = next(report for report in reports if report.when == "call")
            vars(call)[PROPERTY] = json.dumps(self._audited(item, clean, beside).as_plain())
        reruns.finish(item, nextitem, reports, None)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """What a fixture of a wider scope runs, it runs once: that is part of no pass."""
        if self._watched is None or fixturedef.scope == "function":
            return (yield)
        with self._watched.paused():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None]:
        try:
            return (yield)
        finally:
            if self._watched is not None:
                self._watched.called()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (row := vars(report).get(PROPERTY)) is not None:
            audited = audited_from_plain(json.loads(row))
            self.found[audited.test] = audited

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if "workerinput" in vars(self.config):
            return
        findings = self.findings = Findings(tuple(FAULTS.values()), tuple(self.found.values()), self.settings.full)
        waivers = waivers_of(self.settings.waivers, FAULTS, date.today())
        self.problems = [*problems_of(findings, self.settings, waivers)]
        if self.settings.full and findings.tests:
            self.problems += settle_matrix(session, findings)
        for path, text in ((self.settings.json, as_json), (self.settings.markdown, as_markdown)):
            if path is not None:
                self._write(path, text(findings, waivers, self.problems))
        if self.problems and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _write(self, path: Path, text: str) -> None:
        """A report holds what runs put out, so it is looked through for secrets, too."""
        try:
            folder, scan = path.parent.resolve(), secrets_in(os.environ)
            write_file(folder, path.name, text.encode("utf-8"), scan=scan, shown=str(path))
        except GoldenError as error:
            self.problems.append(str(error))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.findings is None:
            return
        waivers = waivers_of(self.settings.waivers, FAULTS, date.today())
        terminalreporter.section("flujo audit")
        for line in as_text(self.findings, waivers, self.problems):
            terminalreporter.write_line(inert(line))

    def _audited(self, item: pytest.Function, clean: Watched, beside: Beside) -> Audited:
        faults = [fault for fault in self._left() if beside.is_asked(fault)]
        silent = tuple(silent_trial(fault) for fault in faults if beside.is_silent(fault))
        loud = [fault for fault in faults if not beside.is_silent(fault)]
        audited = Trials(item, clean, self._watching, self.settings.timeout_s).of(loud)
        if not audited.problem:
            audited = replace(audited, trials=audited.trials + silent)
        _forget_output(self.config)
        self._noticed.update(trial.fault for trial in audited.trials if trial.killed)
        return audited

    def _left(self) -> Iterator[Fault]:
        """In a fast audit a fault that a test has noticed is not tried again."""
        return (fault for fault in FAULTS.values() if self.settings.full or fault.name not in self._noticed)

    @contextmanager
    def _watching(self, watched: Watched, laws: Laws | None = None) -> Iterator[None]:
        around, self._watched = self._watched, watched
        try:
            with watched.in_force(laws):
                yield
        finally:
            self._watched = around


def _forget_output(config: pytest.Config) -> None:
    """A process that was ended in the middle of a test leaves what it wrote in the file that captures it."""
    capture: CaptureManager | None = config.pluginmanager.get_plugin("capturemanager")
    if capture is not None and capture.is_globally_capturing():
        capture.read_global_capture()
