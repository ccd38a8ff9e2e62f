"""Which test noticed which fault, as a golden: ``golden/audit.yaml``, from full audits only.

A run that leaves tests out compares what it audited and keeps the rest. Nothing is written over the file: where it is
different, a proposal lies in ``golden/.pending/audit.yaml``, to be moved in its place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest

from flujo_testing.audit.findings import Findings
from flujo_testing.audit.trial import State, Trial
from flujo_testing.golden.completeness import covers_everything
from flujo_testing.golden.errors import GoldenCorrupt, GoldenError
from flujo_testing.golden.leak import SecretScan, secrets_in
from flujo_testing.golden.limits import Refused
from flujo_testing.golden.location import GoldenFolder, golden_folder
from flujo_testing.golden.mode import Mode, mode_of
from flujo_testing.golden.parsing import decoded, plain_data
from flujo_testing.golden.pending import ignore_in_git, pending_folder
from flujo_testing.golden.reading import read_bounded
from flujo_testing.golden.writing import DISK, Disk, remove_file, write_file
from flujo_testing.transcript.quoting import quoted

FORMAT = "flujo-audit/1"
FILE = "audit.yaml"
KILLED = "KILLED"
MAX_BYTES = 1 << 24
MOST_SHOWN = 20
Matrix = dict[str, dict[str, str]]
"""By test, then by fault: what came of it. Where nothing was infected there is no entry."""


def settle_matrix(session: pytest.Session, findings: Findings) -> list[str]:
    """Compare with the matrix that was accepted; the problems are sentences. Leaves a proposal where that is due."""
    config = session.config
    anchor = config.inipath.parent if config.inipath is not None else config.rootpath
    snapshots = str(config.getoption("snapshot_dirname", "__snapshots__"))
    try:
        folder = golden_folder(anchor, str(config.getini("flujo_golden_dir")), snapshots)
        mode, complete = mode_of(config.getoption("flujo_golden"), os.environ), covers_everything(session)
        return list(settled(folder, findings, mode, complete, scan=secrets_in(os.environ)))
    except GoldenError as error:
        return [str(error)]


def settled(
    folder: GoldenFolder, findings: Findings, mode: Mode, complete: bool, *, scan: SecretScan, disk: Disk = DISK
) -> Iterator[str]:
    """The problems, told while a proposal is written that the mode asks for. Raises GoldenError."""
    accepted = read_matrix(folder)
    found = matrix_of(findings)
    audited = {one.test for one in findings.tests}
    kept = {} if complete else {test: row for test, row in (accepted or {}).items() if test not in audited}
    matrix = dict(sorted({**kept, **found}.items()))
    writes = mode is Mode.PENDING
    proposal = folder.shown(f".pending/{FILE}")
    if accepted == matrix:
        if writes and (pending_folder(folder) / FILE).exists():
            remove_file(pending_folder(folder), FILE, shown=proposal, disk=disk)
        return
    if writes:
        root = pending_folder(folder)
        ignore_in_git(root, disk=disk)
        write_file(root, FILE, rendered(matrix).encode(), scan=scan, shown=proposal, disk=disk)
    next_step = f"next: mv {proposal} {folder.shown(FILE)}" if writes else "next: run it with --golden=pending"
    if accepted is None:
        yield f"{folder.shown(FILE)} does not exist yet; {next_step}"
        return
    changes = list(changed(accepted, matrix))
    yield f"{folder.shown(FILE)} tells another matrix, {len(changes)} changes; {next_step}"
    yield from changes[:MOST_SHOWN]
    if len(changes) > MOST_SHOWN:
        yield f"and {len(changes) - MOST_SHOWN} more"


def matrix_of(findings: Findings) -> Matrix:
    return {
        audited.test: {trial.fault: verdict_of(trial) for trial in audited.trials if trial.state is State.INFECTED}
        for audited in findings.tests
        if not audited.problem
    }


def verdict_of(trial: Trial) -> str:
    if trial.killed:
        return f"{KILLED} by {trial.ending}"
    return str(trial.ending).upper()


def changed(before: Matrix, after: Matrix) -> Iterator[str]:
    """In words: ``tests/test_rain.py::test_it: share_context: KILLED by golden -> SURVIVED; still noticed by ...``."""
    for test in sorted(before.keys() | after.keys()):
        old, new = before.get(test), after.get(test)
        if old is None or new is None:
            yield f"{test}: {'is new' if old is None else 'is gone'}"
            continue
        for fault in sorted(old.keys() | new.keys()):
            was, now = old.get(fault, "not infected"), new.get(fault, "not infected")
            if was != now:
                lost = was.startswith(KILLED) and not now.startswith(KILLED)
                yield f"{test}: {fault}: {was} -> {now}" + (_left(fault, after) if lost else "")


def _left(fault: str, after: Matrix) -> str:
    """Who notices a fault that one test no longer does."""
    others = [test for test, row in after.items() if row.get(fault, "").startswith(KILLED)]
    if not others:
        return "; no test notices it now"
    return f"; still noticed by {others[0]}" + (f" and {len(others) - 1} more" if len(others) > 1 else "")


def rendered(matrix: Matrix) -> str:
    lines = [f"format: {FORMAT}", "tests:" if matrix else "tests: {}"]
    for test, row in matrix.items():
        lines.append(f"  {quoted(test)}:" + ("" if row else " {}"))
        lines += [f"    {quoted(fault)}: {quoted(verdict)}" for fault, verdict in sorted(row.items())]
    return "\n".join(lines) + "\n"


def read_matrix(folder: GoldenFolder) -> Matrix | None:
    """The matrix that was accepted, None where there is none. Raises GoldenCorrupt."""
    shown = folder.shown(FILE)
    content = read_bounded(folder.path, FILE, shown, MAX_BYTES)
    if content is None:
        return None
    try:
        data = plain_data(decoded(content, shown))
    except Refused as refused:
        raise GoldenCorrupt(shown, refused.line, refused.reason) from None
    tests = data.get("tests") if isinstance(data, dict) and data.get("format") == FORMAT else None
    if not isinstance(tests, Mapping) or not all(_is_row(row) for row in tests.values()):
        raise GoldenCorrupt(shown, 1, f"is no matrix in the format '{FORMAT}'")
    return {test: dict(row) for test, row in tests.items()}


def _is_row(row: object) -> bool:
    return isinstance(row, dict) and all(isinstance(verdict, str) for verdict in row.values())
