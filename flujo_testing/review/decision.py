"""A decision about goldens, carried out whole, also if the process is killed in between.

What is to be done is written down first (``golden/.pending/.decision.json``) and struck out last. Each part can be done
again without harm, so whoever comes next finishes what was begun.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from flujo_testing.golden.errors import GoldenCorrupt, GoldenError, GoldenMisuse, GoldenNotWritten
from flujo_testing.golden.findings import digest
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.location import GoldenFolder
from flujo_testing.golden.pending import (
    Pending,
    ignore_in_git,
    pending_folder,
    remove_pending,
    write_pending,
)
from flujo_testing.golden.reading import read_bounded, read_golden
from flujo_testing.golden.writing import DISK, Disk, remove_file, write_file
from flujo_testing.review.lock import locked
from flujo_testing.review.page import MAX_PAGE_BYTES, PAGE, scan_of_page, with_entry

FORMAT: Final = "flujo-decision/1"
FILE: Final = ".decision.json"
MAX_BYTES: Final = 1 << 27


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A golden that becomes ``text`` (None: is removed), if it is what its SHA-256 ``base`` says (None: not there)."""

    golden: str
    base: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """``entry`` is the section for ``CHANGES.md`` (empty: none), ``page`` the SHA-256 of that file before it.

    ``root`` is the folder of the proposals; ``keep`` replace those that were there, ``drop`` are settled.
    """

    root: str
    rewrites: tuple[Rewrite, ...] = ()
    entry: str = ""
    page: str | None = None
    keep: tuple[Pending, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(slots=True)
class Done:
    """What became of a decision: goldens written and removed, and what could not be done, as sentences."""

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    finished: bool = False
    """An earlier decision that had been interrupted was carried out first."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where decisions are carried out: the goldens, what must not be written, and the disk."""

    folder: GoldenFolder
    scan: SecretScan
    disk: Disk = DISK


def decide(desk: Desk, take: Callable[[bool], Decision], source: Path | None = None) -> Done:
    """Finish what was interrupted, then do what ``take`` decides about what is there now.

    ``take`` is told whether there was something to finish: it may have been what it would decide. ``source`` is the
    folder of the proposals, if it is not the project's. Raises GoldenError if nothing was begun: another command is at
    work, or there is a secret in what would be written.
    """
    root = pending_folder(desk.folder)
    ignore_in_git(root, disk=desk.disk)
    with locked(root):
        _sweep(desk, root, "")
        earlier = begun(desk.folder)
        if earlier is not None and earlier.root not in (str(root), str(source)):
            why = f"what was begun with --from {earlier.root} is to be finished with it"
            raise GoldenCorrupt(str(root / FILE), 1, why)
        done = Done() if earlier is None else _finish(desk, earlier)
        done.finished = earlier is not None
        decision = take(done.finished)
        if decision.entry:
            decision = replace(decision, page=_digest_of_page(desk))
        if decision.rewrites or decision.entry or decision.keep or decision.drop:
            _refuse_secrets(desk, decision)
            _write_down(desk, decision)
            later = _carry_out(desk, decision)
            done.written += later.written
            done.removed += later.removed
            done.problems += later.problems
    return done


def is_interrupted(folder: GoldenFolder) -> bool:
    """Whether a decision has been begun and not finished."""
    return (pending_folder(folder) / FILE).exists()


def _finish(desk: Desk, decision: Decision) -> Done:
    """Do what was begun, after a process that may have died while it wrote a file."""
    root = Path(decision.root)
    for path in [*(desk.folder.path / one.golden for one in decision.rewrites), desk.folder.path / PAGE]:
        _sweep(desk, path.parent, path.name)
    for pending in decision.keep:
        path = root / f"{pending.golden}.json"
        _sweep(desk, path.parent, path.name)
    return _carry_out(desk, decision)


def _sweep(desk: Desk, folder: Path, name: str) -> None:
    """Remove what a dead process has left of a file; without a name, of any file in this folder."""
    left_over = re.compile(rf"\.{re.escape(name) or '.+'}\.[0-9a-f]{{8}}\.tmp")
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if left_over.fullmatch(path.name):
            try:
                desk.disk.remove(path)
            except OSError as error:
                raise GoldenNotWritten(str(path), f"cannot be removed: {error.strerror or error}") from error


def _carry_out(desk: Desk, decision: Decision) -> Done:
    """A golden that cannot be written keeps its proposal, and stops no other."""
    done = Done()
    failed = {one.golden for one in decision.rewrites if not _attempt(done, partial(_rewrite, desk, one, done))}
    if decision.entry:
        _attempt(done, partial(_record, desk, decision))
    root = Path(decision.root)
    for pending in decision.keep:
        if pending.golden not in failed:
            _attempt(done, partial(write_pending, root, pending, scan=desk.scan, disk=desk.disk))
    for golden in decision.drop:
        if golden not in failed:
            _attempt(done, partial(remove_pending, root, golden, disk=desk.disk))
    folder = pending_folder(desk.folder)
    remove_file(folder, FILE, shown=str(folder / FILE), disk=desk.disk)
    return done


def _attempt(done: Done, act: Callable[[], object]) -> bool:
    try:
        act()
    except GoldenError as error:
        done.problems.append(str(error))
        return False
    return True


def _rewrite(desk: Desk, rewrite: Rewrite, done: Done) -> None:
    folder = desk.folder
    shown = folder.shown(rewrite.golden)
    content = read_golden(folder, rewrite.golden)
    is_now = None if content is None else digest(content)
    data = None if rewrite.text is None else rewrite.text.encode("utf-8")
    if is_now not in (rewrite.base, None if data is None else digest(data)):
        raise GoldenCorrupt(shown, 1, "has changed meanwhile and was left alone: run its test again")
    if data is None:
        remove_file(folder.path, rewrite.golden, shown=shown, disk=desk.disk)
        done.removed.append(rewrite.golden)
    else:
        if content != data:
            write_file(folder.path, rewrite.golden, data, scan=desk.scan, shown=shown, disk=desk.disk)
        done.written.append(rewrite.golden)


# The page of all decisions ------------------------------------------------------------------------------


def _record(desk: Desk, decision: Decision) -> None:
    """Once: a page that is no longer what it was before may hold the entry already."""
    content = _page(desk)
    text = "" if content is None else content.decode("utf-8")
    if decision.entry in text and _digest(content) != decision.page:
        return
    data = with_entry(text, decision.entry).encode("utf-8")
    folder = desk.folder
    write_file(folder.path, PAGE, data, scan=scan_of_page(desk.scan), shown=folder.shown(PAGE), disk=desk.disk)


def _page(desk: Desk) -> bytes | None:
    return read_bounded(desk.folder.path, PAGE, desk.folder.shown(PAGE), MAX_PAGE_BYTES)


def _digest_of_page(desk: Desk) -> str | None:
    content = _page(desk)
    if content is not None:
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise GoldenCorrupt(desk.folder.shown(PAGE), 1, f"is not UTF-8: {error.reason}") from None
    return _digest(content)


def _digest(content: bytes | None) -> str | None:
    return None if content is None else digest(content)


# What has been begun ------------------------------------------------------------------------------------


def _refuse_secrets(desk: Desk, decision: Decision) -> None:
    """Before anything is done: a secret does not even reach the note of what is to be done."""
    for rewrite in decision.rewrites:
        if rewrite.text is not None:
            desk.scan.refuse(rewrite.text.encode("utf-8"), desk.folder.shown(rewrite.golden))
    for pending in decision.keep:
        desk.scan.refuse(pending.text.encode("utf-8"), desk.folder.shown(pending.golden))
    scan_of_page(desk.scan).refuse(decision.entry.encode("utf-8"), desk.folder.shown(PAGE))


def _write_down(desk: Desk, decision: Decision) -> None:
    root = pending_folder(desk.folder)
    data = json.dumps({"format": FORMAT} | asdict(decision), indent=1).encode("ascii")
    if len(data) > MAX_BYTES:
        raise GoldenMisuse(f"one decision cannot be about so much ({len(data)} bytes): name fewer groups or goldens")
    write_file(root, FILE, data, scan=SecretScan(), shown=str(root / FILE), disk=desk.disk)


def begun(folder: GoldenFolder) -> Decision | None:
    """The decision that nobody has finished, if there is one. Raises GoldenCorrupt, whatever the file holds."""
    root = pending_folder(folder)
    shown = str(root / FILE)
    content = read_bounded(root, FILE, shown, MAX_BYTES)
    if content is None:
        return None
    try:
        return _read(json.loads(content.decode("utf-8")))
    except (ValueError, RecursionError) as error:
        why = f"holds no decision ({type(error).__name__}): look what it was about, then remove it"
        raise GoldenCorrupt(shown, 1, why) from None


def _read(told: object) -> Decision:
    """ValueError for what is no decision: somebody else may have put the file there."""
    names = {"format", *(one.name for one in fields(Decision))}
    if not isinstance(told, dict) or told.keys() != names or told.pop("format") != FORMAT:
        raise ValueError
    json.dumps(told, ensure_ascii=False).encode("utf-8")  # a lone surrogate is in no file that is written here
    return _schema().validate_python(told)


@cache
def _schema() -> TypeAdapter[Decision]:
    return TypeAdapter(Decision)
