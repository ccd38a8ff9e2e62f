"""The lint in the summary of pytest. Loaded with the first test that runs a pipeline, and not before.

Workers of pytest-xdist send what their tests did; the controller, or the only process, reads each test file
once, when all tests are over.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from flujo.events import RunEnded
from flujo_testing.agents.fake import Fake
from flujo_testing.agents.passes import Pass, current_pass
from flujo_testing.agents.places import FollowedRun
from flujo_testing.lint.facts import Ran, findings_of, from_plain, is_hollow, may_be_hollow
from flujo_testing.lint.finding import Finding, Report
from flujo_testing.lint.library import Library, Unreadable, text_of
from flujo_testing.lint.linter import lint_text
from flujo_testing.lint.origins import Origins
from flujo_testing.lint.show import counts, lines, one_line
from flujo_testing.lint.values import filled_in, values_of
from flujo_testing.registered import registered

PLUGIN: Final = "flujo-lint"
WORKER_OUTPUT: Final = "flujo_lint"
OPTION: Final = "flujo_lint"


def called(item: pytest.Item) -> None:
    """A test has been called, and its pass is still open: keep what it did, if it ran a pipeline."""
    now = current_pass()
    if now is not None and now.runs and now.name == item.nodeid and item.config.getoption(OPTION) != "off":
        hooks_of(item.config).passes.append(_seen(item, now))


def worker_done(config: pytest.Config, output: dict[str, Any]) -> None:
    hooks_of(config).passes.extend(from_plain(row) for row in output[WORKER_OUTPUT])


def hooks_of(config: pytest.Config) -> LintHooks:
    """The hooks of this run, registered now if they are not yet."""
    return registered(config, PLUGIN, LintHooks)


class LintHooks:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.passes: list[Ran] = []
        self.report = Report()
        self.problems: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        output = vars(self.config).get("workeroutput")
        if output is not None:
            output[WORKER_OUTPUT] = [one.as_plain() for one in self.passes]
            return
        self._judge()
        failing = self.config.getoption(OPTION) == "error" and (self.report.findings or self.problems)
        if failing and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.report.findings and not self.problems:
            return
        terminalreporter.section("flujo lint", yellow=True)
        for line in (*lines(self.report), *self.problems):
            terminalreporter.write_line(line)
        if self.report.files:
            terminalreporter.write_line(f"lint: {counts(self.report)}")

    def _judge(self) -> None:
        library = Library()
        hollow = dict(_hollow(self.config))
        by_path: dict[str, list[Ran]] = {}
        for one in self.passes:
            by_path.setdefault(one.path, []).append(one)
        for path, passes in sorted(by_path.items()):
            try:
                self.report += _of_file(Path(path), passes, hollow, library, self.config.rootpath)
            except Unreadable as error:
                self.problems.append(one_line(str(error)))


def _of_file(path: Path, passes: list[Ran], hollow: dict[str, str], library: Library, root: Path) -> Report:
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    def seen(findings: list[Finding], origins: Origins) -> list[Finding]:
        values: dict[str, list[dict[str, str]]] = {}
        for one in passes:
            values.setdefault(one.test, []).append(dict(one.values))
        return filled_in(findings, values, origins) + findings_of(passes, hollow, origins, shown)

    ran = {one.test for one in passes}
    return lint_text(text_of(path), path, library, shown=shown, ran=ran, seen=seen)


def _seen(item: pytest.Item, now: Pass) -> Ran:
    fakes = [(fake, state) for fake, state in now.fakes if isinstance(fake, Fake)]
    completed = all(_completed(run) for run in now.runs)
    return Ran(
        path=str(item.path),
        test=_name_of(item),
        node=item.nodeid,
        uncalled=tuple(_told(fake, state.steps) for fake, state in fakes if not state.calls and completed),
        called=tuple(_told(fake, state.steps) for fake, state in fakes if state.calls),
        left=tuple(
            str(left).partition(": remove")[0]
            for fake, state in fakes
            if not state.misused and (left := fake.left_over(state)) is not None
        ),
        values=tuple(values_of(now.runs[0].events).items()) if len(now.runs) == 1 else (),
    )


def _completed(run: FollowedRun) -> bool:
    return any(isinstance(event, RunEnded) and event.status == "completed" for event in run.events)


def _told(fake: Fake, steps: Iterable[str]) -> str:
    at = ", ".join(sorted(steps))
    return f"{fake.who} at {at}" if at else fake.who


def _name_of(item: pytest.Item) -> str:
    """``Class.test``: without parameters, and of classes inside classes the innermost, as in the file."""
    names = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    function = item.originalname if isinstance(item, pytest.Function) else item.name
    return ".".join([*names[-1:], function])


def _hollow(config: pytest.Config) -> Iterable[tuple[str, str]]:
    """By node id, the goldens that were compared and tell nothing, if goldens were in use."""
    if "flujo_testing.golden.hooks" not in sys.modules:
        return
    from flujo_testing.golden.hooks import GoldenHooks
    from flujo_testing.golden.parsing import read_data
    from flujo_testing.golden.readonly import PLUGIN as GOLDENS

    hooks = config.pluginmanager.get_plugin(GOLDENS)
    if not isinstance(hooks, GoldenHooks):
        return
    folder = hooks.session.folder
    for comparison in hooks.session.findings.all():
        file = folder.path / comparison.path
        text = comparison.text or (file.read_text(encoding="utf-8") if file.is_file() else "")
        if may_be_hollow(text) and is_hollow(read_data(text.encode("utf-8"), comparison.path)):
            yield comparison.test, folder.shown(comparison.path)
