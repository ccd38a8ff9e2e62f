"""What pytest calls while a run is recorded: registered by an option, or with the first red test of pipelines."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest
from _pytest.terminal import TerminalReporter

from flujo_testing.golden.errors import GoldenError, GoldenNotWritten
from flujo_testing.golden.inert import inert
from flujo_testing.golden.leak import SecretScan, secrets_in
from flujo_testing.golden.mode import Mode, mode_of
from flujo_testing.registered import registered
from flujo_testing.report import github
from flujo_testing.report.causes import cause_by_test, causes_of
from flujo_testing.report.gathering import Gathered, gathered
from flujo_testing.report.last_run import KEPT_IN, append, masked, write_record, write_whole
from flujo_testing.report.markdown import as_markdown
from flujo_testing.report.record import SuiteRecord
from flujo_testing.report.settings import PLUGIN, WORKER_OUTPUT, settings_of
from flujo_testing.report.show import MOST, headline, lines
from flujo_testing.report.sources import (
    audit_of,
    changed_goldens,
    changed_together,
    commands_for,
    lint_causes,
)

if TYPE_CHECKING:
    from flujo_testing.report.goldens import ChangedGolden

MANY: Final = 5
"""So many red tests are worth a table of their own."""


def register(config: pytest.Config) -> None:
    """An option asks for the record of this run. Raises pytest.UsageError where there can be none."""
    if not (config.pluginmanager.has_plugin("terminal") or "workerinput" in vars(config)):
        raise pytest.UsageError("--flujo-report and --flujo-summary need the reports that -p no:terminal leaves out")
    hooks_of(config)


def hooks_of(config: pytest.Config) -> ReportHooks:
    """The hooks of this run, registered now if they are not yet."""
    return registered(config, PLUGIN, ReportHooks)


class ReportHooks:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = settings_of(config)
        self.began = time.time()
        self.scan = SecretScan()
        self.record: SuiteRecord | None = None
        self.problems: list[str] = []

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Stories are held against their goldens before these are written; the rest is known when all is over."""
        if "workerinput" in vars(self.config):
            vars(self.config)["workeroutput"][WORKER_OUTPUT] = True
            return (yield)
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        reports = terminal.stats if isinstance(terminal, TerminalReporter) else {}
        found = gathered(reports, self.config.rootpath, self.began)
        red = {one.test for one in found.red}
        changed = changed_goldens(self.config, red)
        result = yield
        self.scan = secrets_in(os.environ)
        if red or self.settings.wants_all:
            self.record = self._recorded(found, changed)
            self._write(self.record)
            if self.problems and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return result

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        record = self.record
        for problem in self.problems:
            terminalreporter.write_line(inert(f"flujo report: {problem}"))
        if record is None or self.settings.triage == "never":
            return
        if self._is_worth_a_table(record):
            terminalreporter.section("flujo triage", red=True)
            terminalreporter.write_line(headline(record))
            for line in lines(record, MOST):
                terminalreporter.write_line(line)
        if github.is_asked(os.environ):
            folder = github.folder_of(self.config.rootpath, os.environ)
            for line in github.annotations_of(record, folder):
                terminalreporter.write_line(line)

    def _is_worth_a_table(self, record: SuiteRecord) -> bool:
        """A few red tests, or such that have nothing in common, pytest tells as well."""
        red = len(record.red)
        many = red >= MANY and len(record.causes) < red
        return bool(record.causes) and (many or self.settings.triage == "always")

    @property
    def _mode(self) -> Mode:
        return mode_of(self.config.getoption("flujo_golden"), os.environ)

    def _recorded(self, found: Gathered, changed: tuple[ChangedGolden, ...]) -> SuiteRecord:
        causes = causes_of(found.red, changed_together(changed), commands_for(self.config, self.settings, self._mode))
        record = SuiteRecord(
            cases=found.records(cause_by_test(causes)),
            causes=(*causes, *lint_causes(self.config)),
            changed=tuple(one.changed for one in changed),
            audit=None,
            started_at=datetime.fromtimestamp(found.started, UTC).isoformat(timespec="seconds"),
            seconds=found.seconds,
        )
        return masked(record, self.scan)

    def _write(self, record: SuiteRecord) -> None:
        """One that fails is a problem and stops no other."""
        settings = self.settings
        if record.red and settings.triage != "never" and self._mode is not Mode.CHECK:
            self._try(lambda: self._keep(record))
        if record.red and (artifacts := settings.artifacts) is not None:
            self._try(lambda: write_record(artifacts, record, self.scan))
        if (report := settings.report) is not None:
            self._try(lambda: write_whole(report, self._page(record), self.scan))
        if (summary := settings.summary) is not None:
            self._try(lambda: write_whole(summary, as_markdown(record), self.scan))
        if (summary_of_job := settings.job_summary) is not None:
            self._try(lambda: append(summary_of_job, as_markdown(record), self.scan))

    def _try(self, write: Callable[[], object]) -> None:
        try:
            write()
        except GoldenError as error:
            self.problems.append(str(error))

    def _keep(self, record: SuiteRecord) -> None:
        """Where pytest keeps what failed last, if it keeps that."""
        cache = vars(self.config).get("cache")
        if isinstance(cache, pytest.Cache):
            try:
                folder = cache.mkdir(KEPT_IN)
            except OSError as error:
                raise GoldenNotWritten(str(error.filename), error.strerror or str(error)) from error
            write_record(folder, record, self.scan)

    def _page(self, record: SuiteRecord) -> str:
        from flujo_testing.report.page import page

        return page(replace(record, audit=audit_of(self.config)))
