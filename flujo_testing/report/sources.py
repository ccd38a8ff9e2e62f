"""What other parts of the toolkit found in the same run: goldens, the fault audit, the lint."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flujo_testing.golden.inert import inert
from flujo_testing.golden.location import GoldenFolder, golden_folder
from flujo_testing.golden.mode import Mode
from flujo_testing.golden.readonly import PLUGIN as GOLDENS
from flujo_testing.report.causes import Commands
from flujo_testing.report.record import Cause
from flujo_testing.report.settings import Settings
from flujo_testing.report.signs import sign

if TYPE_CHECKING:
    from flujo_testing.golden.session import GoldenSession
    from flujo_testing.lint.finding import Finding
    from flujo_testing.report.goldens import ChangedGolden, ChangedTogether


def golden_session(config: pytest.Config) -> GoldenSession | None:
    """None where no test asked for a golden."""
    hooks = config.pluginmanager.get_plugin(GOLDENS)
    if hooks is None:
        return None
    from flujo_testing.golden.hooks import GoldenHooks

    assert isinstance(hooks, GoldenHooks)
    return hooks.session


def changed_goldens(config: pytest.Config, red: Collection[str]) -> tuple[ChangedGolden, ...]:
    """Those that these tests are red for. What compares stories is loaded only where there are some."""
    session = golden_session(config)
    if session is None:
        return ()
    from flujo_testing.report.goldens import changed_in

    return changed_in(session, red)


def changed_together(changed: Collection[ChangedGolden]) -> tuple[ChangedTogether, ...]:
    """By cause, largest first."""
    if not changed:
        return ()
    from flujo_testing.report.goldens import together

    return together(changed)


def folder_of_goldens(config: pytest.Config) -> GoldenFolder:
    """Raises GoldenMisuse for a setting that names none."""
    anchor = config.inipath.parent if config.inipath is not None else config.rootpath
    snapshots = str(config.getoption("snapshot_dirname", "__snapshots__"))
    return golden_folder(anchor, str(config.getini("flujo_golden_dir")), snapshots)


def audit_of(config: pytest.Config) -> Mapping[str, Mapping[str, str]] | None:
    """By test, then by fault: what this run found, else the matrix that was accepted. Raises GoldenError."""
    from flujo_testing.audit.matrix import matrix_of, read_matrix

    hooks = config.pluginmanager.get_plugin("flujo-audit")
    if hooks is None:
        return read_matrix(folder_of_goldens(config))
    from flujo_testing.audit.plugin import Audit

    assert isinstance(hooks, Audit)
    return None if hooks.findings is None else matrix_of(hooks.findings)


def lint_causes(config: pytest.Config) -> tuple[Cause, ...]:
    """By rule; none unless findings make the run fail."""
    hooks = config.pluginmanager.get_plugin("flujo-lint")
    if hooks is None or config.getoption("flujo_lint") != "error":
        return ()
    from flujo_testing.lint.hooks import LintHooks

    assert isinstance(hooks, LintHooks)
    by_rule = sorted(hooks.report.findings, key=lambda finding: (finding.code, _node(finding), finding.line))
    return tuple(_lint_cause(code, list(found)) for code, found in groupby(by_rule, key=lambda finding: finding.code))


def commands_for(config: pytest.Config, settings: Settings, mode: Mode) -> Commands:
    """As they are to be typed in the folder from which pytest was called."""
    root, here = config.rootpath, config.invocation_params.dir

    def of_test(test: str) -> str:
        return inert(f"python -m pytest {shlex.quote(_selection(test, root, here))}")

    def of_group(key: str, test: str) -> str:
        if settings.artifacts is not None and mode is not Mode.UPDATE:
            given = str(config.getoption("flujo_golden_artifacts"))
            return inert(f"flujo golden diff {key} --from {shlex.quote(given)}")
        return f"flujo golden diff {key}" if mode is Mode.PENDING else of_test(test)

    return Commands(of_test, of_group)


def _selection(test: str, root: Path, here: Path) -> str:
    file, separator, names = test.partition("::")
    try:
        shown = os.path.relpath(root / file, here)
    except ValueError:  # another drive of Windows
        shown = str(root / file)
    return Path(shown).as_posix() + separator + names


def _lint_cause(code: str, found: list[Finding]) -> Cause:
    from flujo_testing.lint.finding import RULES

    told = sign("lint", f"{code} {RULES[code]}", str(found[0]), code)
    return Cause(
        key=told.key,
        title=told.title,
        kind=told.kind,
        steps=(),
        tests=tuple(sorted({inert(_node(finding)) for finding in found})),
        example=told.example,
        command=inert(f"python -m pytest {shlex.quote(_node(found[0]))} --flujo-lint=error"),
        usd=None,
    )


def _node(finding: Finding) -> str:
    return "::".join([finding.path, *filter(None, finding.test.split("."))])
