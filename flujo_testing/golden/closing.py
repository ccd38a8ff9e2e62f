"""The end of a run of the tests: writes what was asked for, and looks for goldens that nobody compared.

Nothing is deleted but proposals that are settled, or that no test makes any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from flujo_testing.golden.errors import GoldenCorrupt, GoldenError
from flujo_testing.golden.findings import Comparison, Verdict, digest
from flujo_testing.golden.location import same_on_some_disk
from flujo_testing.golden.mode import Mode
from flujo_testing.golden.parsing import read_data
from flujo_testing.golden.pending import (
    Pending,
    ignore_in_git,
    pending_folder,
    pending_goldens,
    read_pending,
    remove_pending,
    write_pending,
)
from flujo_testing.golden.reading import golden_paths, read_golden
from flujo_testing.golden.session import GoldenSession
from flujo_testing.golden.unused import forget_used, write_unused
from flujo_testing.golden.writing import DISK, Disk, write_file


@dataclass(slots=True)
class Outcome:
    """Paths of goldens; ``unused`` is None where tests were left out, ``problems`` are sentences."""

    written: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    unused: list[str] | None = None
    problems: list[str] = field(default_factory=list)


def close(session: GoldenSession, *, complete: bool, disk: Disk = DISK) -> Outcome:
    """Write each golden or proposal, whole or not at all; one that fails is a problem and stops no other."""
    outcome = Outcome()
    contested = _contested(session)
    for path, comparisons in sorted(session.findings.comparisons.items()):
        try:
            if why := contested.get(path) or _disagreement(session, comparisons.values()):
                outcome.problems.append(why)
            else:
                _settle(session, list(comparisons.values()), outcome, disk)
        except GoldenError as error:
            outcome.problems.append(str(error))
    if complete and not session.findings.partial:
        outcome.unused = unused_goldens(session)
    if session.mode is not Mode.CHECK:
        try:
            _list_unused(session, outcome.unused, disk)
        except GoldenError as error:
            outcome.problems.append(str(error))
    return outcome


def _list_unused(session: GoldenSession, unused: list[str] | None, disk: Disk) -> None:
    """For ``flujo golden prune``, which removes no golden that has changed since."""
    root = pending_folder(session.folder)
    if unused is None:
        forget_used(root, session.findings.comparisons, disk=disk)
    else:
        contents = {golden: read_golden(session.folder, golden) for golden in unused}
        write_unused(root, {golden: digest(data) for golden, data in contents.items() if data is not None}, disk=disk)
        for golden in [golden for golden in pending_goldens(root) if _is_void(session, root, golden)]:
            remove_pending(root, golden, disk=disk)


def _is_void(session: GoldenSession, root: Path, golden: str) -> bool:
    """Whether a proposal is of a test that is gone, or passed without comparing anything with it."""
    try:
        pending = read_pending(root, golden)
    except GoldenError:
        return False  # it is nobody's, and named by whatever reads the proposals
    return pending is not None and _is_unused(session, golden, pending.owner)


def _settle(session: GoldenSession, comparisons: list[Comparison], outcome: Outcome, disk: Disk) -> None:
    """All comparisons tell one story; those of other tests than the last may have met an older golden."""
    proposal = next((_proposal(one) for one in comparisons if one.verdict is not Verdict.EQUAL), None)
    if session.mode is Mode.UPDATE:
        if proposal is not None:
            _write_golden(session, proposal, disk)
            outcome.written.append(proposal.golden)
        remove_pending(pending_folder(session.folder), comparisons[0].path, disk=disk)
    elif session.mode is Mode.PENDING:
        if proposal is None:
            remove_pending(pending_folder(session.folder), comparisons[0].path, disk=disk)
        else:
            ignore_in_git(pending_folder(session.folder), disk=disk)
            write_pending(pending_folder(session.folder), proposal, scan=session.scan, disk=disk)
            outcome.pending.append(proposal.golden)
    if proposal is not None and session.artifacts is not None and session.mode is not Mode.UPDATE:
        write_pending(session.artifacts, proposal, scan=session.scan, disk=disk)


def _write_golden(session: GoldenSession, proposal: Pending, disk: Disk) -> None:
    folder = session.folder
    data = proposal.text.encode("utf-8")
    shown = folder.shown(proposal.golden)
    write_file(folder.path, proposal.golden, data, scan=session.scan, shown=shown, disk=disk)


def _proposal(comparison: Comparison) -> Pending:
    assert comparison.text is not None, "a story that differs is kept"
    return Pending(
        golden=comparison.path,
        owner=comparison.owner,
        name=comparison.name,
        test=comparison.test,
        base=comparison.base,
        text=comparison.text,
    )


def _contested(session: GoldenSession) -> dict[str, str]:
    """The paths with several owners: tests on two processes know nothing of each other until here."""
    users: dict[str, dict[str, str]] = {}
    for comparison in session.findings.all():
        users.setdefault(same_on_some_disk(comparison.path), {})[comparison.owner] = comparison.path
    return {
        path: f"{_listed(owners)} own one golden, {session.folder.shown(path)}: nothing was written"
        for owners in users.values()
        if len(owners) > 1
        for path in owners.values()
    }


def _disagreement(session: GoldenSession, comparisons: Iterable[Comparison]) -> str | None:
    by_story = {comparison.digest: comparison for comparison in comparisons}
    if len(by_story) == 1:
        return None
    tests = _listed(comparison.test for comparison in by_story.values())
    shown = session.folder.shown(next(iter(by_story.values())).path)
    return f"{tests} tell different stories for one golden, {shown}: nothing was written"


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))


def unused_goldens(session: GoldenSession) -> list[str]:
    """The goldens whose test is gone, or passed without comparing them.

    A golden is left alone if its test did not pass, or if its test file exists and gave no test here (skipped
    or ignored as a whole).
    """
    findings = session.findings
    found = []
    for path in golden_paths(session.folder):
        owner = None if path in findings.comparisons else _owner(session, path)
        if owner is not None and _is_unused(session, path, owner):
            found.append(path)
    return found


def _is_unused(session: GoldenSession, golden: str, owner: str) -> bool:
    findings = session.findings
    file = owner.partition("::")[0]
    was_looked_at = file in findings.files or not (session.folder.anchor / file).exists()
    return was_looked_at and golden not in findings.comparisons and owner not in findings.unfinished


def _owner(session: GoldenSession, path: str) -> str | None:
    """None for a file that cannot be read as a golden: whose it is, nobody can tell."""
    try:
        content = read_golden(session.folder, path)
        return None if content is None else str(read_data(content, path)["owner"])
    except GoldenCorrupt:
        return None
