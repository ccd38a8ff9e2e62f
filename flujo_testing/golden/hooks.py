"""What pytest calls while goldens are in use: registered with the first test that asks for one."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from flujo_testing.golden import clash
from flujo_testing.golden.closing import Outcome, close
from flujo_testing.golden.completeness import covers_everything
from flujo_testing.golden.findings import from_plain
from flujo_testing.golden.leak import secrets_in
from flujo_testing.golden.location import golden_folder, place_of
from flujo_testing.golden.mode import mode_of
from flujo_testing.golden.owner import owning_test
from flujo_testing.golden.readonly import PLUGIN
from flujo_testing.golden.report import summary
from flujo_testing.golden.session import GoldenSession
from flujo_testing.golden.stories import Storyteller, of_transcripts
from flujo_testing.registered import registered

FIXTURES = {"golden", "flujo_golden"}
WORKER_OUTPUT = "flujo_golden"
STORYTELLER = pytest.StashKey[Storyteller]()
"""Set in ``config.stash`` to tell other stories than those of pipelines."""
CALL_PASSED = pytest.StashKey[bool]()


def hooks_of(config: pytest.Config) -> GoldenHooks:
    """The hooks of this run, registered now if they are not yet."""
    return registered(config, PLUGIN, GoldenHooks)


class GoldenHooks:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.outcome = Outcome()
        self.session = _session(config)

    def claim_places(self, items: Iterable[pytest.Item]) -> None:
        """Learn from all collected tests who owns which golden, whichever of them run."""
        anchor = self.session.folder.anchor
        for item in items:
            if not isinstance(item, pytest.Function) or not item.path.is_relative_to(anchor):
                continue
            owner = owning_test(item, anchor)
            self.session.findings.files.add(owner.file)
            if not FIXTURES.isdisjoint(item.fixturenames):
                self.session.claim(place_of(owner))

    def take_worker(self, output: dict[str, Any] | None) -> None:
        """Merge what a process of pytest-xdist found; None for one that went down and left nothing."""
        if output is None:
            self.session.findings.partial = True
        else:
            self.session.findings.merge(from_plain(output[WORKER_OUTPUT]))

    def pytest_deselected(self) -> None:
        self.session.findings.partial = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call":
            item.stash[CALL_PASSED] = report.passed
        if isinstance(item, pytest.Function) and not report.passed:
            self._note_unfinished(item)
            self._name_a_clash(item, report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if _is_worker(self.config):
            self.config.workeroutput[WORKER_OUTPUT] = self.session.findings.as_plain()  # type: ignore[attr-defined]
            return
        self.outcome = close(self.session, complete=covers_everything(session))
        if self.outcome.problems and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        findings = self.session.findings
        if not _is_worker(self.config) and (findings.files or findings.comparisons or _was_asked(self.config)):
            for line in summary(findings, self.outcome, self.session.folder):
                terminalreporter.write_line(line)

    def _note_unfinished(self, item: pytest.Function) -> None:
        if item.path.is_relative_to(self.session.folder.anchor):
            owner = owning_test(item, self.session.folder.anchor)
            self.session.findings.unfinished.add(owner.node_id)

    def _name_a_clash(self, item: pytest.Function, report: pytest.TestReport) -> None:
        """A test that passes with another plugin's ``golden`` is left alone; one that fails may want ours."""
        given = item.funcargs.get(clash.NAME)
        if report.passed or given is None or type(given).__module__.startswith("flujo_testing."):
            return
        if names := clash.rivals(self.config):
            report.sections.append(("flujo", clash.remedy(names)))


def _session(config: pytest.Config) -> GoldenSession:
    anchor = config.inipath.parent if config.inipath is not None else config.rootpath
    snapshots = str(config.getoption("snapshot_dirname", "__snapshots__"))
    artifacts = config.getoption("flujo_golden_artifacts")
    return GoldenSession(
        folder=golden_folder(anchor, str(config.getini("flujo_golden_dir")), snapshots),
        mode=mode_of(config.getoption("flujo_golden"), os.environ),
        teller=config.stash.get(STORYTELLER, None) or of_transcripts(),
        scan=secrets_in(os.environ),
        artifacts=None if artifacts is None else Path(artifacts).resolve(),
    )


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _was_asked(config: pytest.Config) -> bool:
    return config.getoption("flujo_golden") is not None
