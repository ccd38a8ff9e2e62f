"""What git says has changed: which files, and what stood in them. Read only, without configured programs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PLAIN = ("-c", "core.quotePath=false", "-c", "core.fsmonitor=false", "-c", "diff.external=")


class GitError(Exception):
    """git is not there, or does not know what it was asked for; one line."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file before and after, relative to the top of the repository; None where it was not, or is no more."""

    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository around a folder, and the commit from which its work began to differ from ``base``."""

    top: Path
    start: str

    def changes(self, paths: Sequence[Path]) -> list[Change]:
        """Every file that differs between that commit and the working tree, renames found; new files included."""
        where = ("--", *(str(path) for path in paths)) if paths else ()
        plain = ("--no-ext-diff", "--no-textconv", "--name-status", "-z", "--find-renames=40%")
        listed = _git(self.top, "diff", *plain, self.start, *where)
        untracked = _git(self.top, "ls-files", "--others", "--exclude-standard", "-z", *where)
        fresh = [Change(None, name) for name in untracked.split("\0") if name]
        return [*_read(listed.split("\0")), *fresh]

    def text_before(self, path: str) -> bytes:
        return _git_bytes(self.top, "cat-file", "blob", f"{self.start}:{path}")


def repository(folder: Path, base: str) -> Repository:
    """Raises GitError. The commit is where HEAD and ``base`` part, so that others' later work does not count."""
    try:
        top = Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))
    except GitError:
        raise GitError(f"{folder.name or folder} is in no git repository") from None
    try:
        commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}").strip()
    except GitError:
        raise GitError(f"git knows no commit {base!r}") from None
    try:
        start = _git(top, "merge-base", commit, "HEAD").strip()
    except GitError:
        start = commit
    return Repository(top, start)


def _read(fields: list[str]) -> list[Change]:
    changes, waiting = [], iter(field for field in fields if field)
    for status in waiting:
        first = next(waiting)
        match status[0]:
            case "R":
                changes.append(Change(first, next(waiting)))
            case "C":
                changes.append(Change(None, next(waiting)))
            case "A":
                changes.append(Change(None, first))
            case "D":
                changes.append(Change(first, None))
            case _:
                changes.append(Change(first, first))
    return changes


def _git(folder: Path, *arguments: str) -> str:
    return _git_bytes(folder, *arguments).decode("utf-8", "surrogateescape")


def _git_bytes(folder: Path, *arguments: str) -> bytes:
    program = shutil.which("git")
    if program is None:
        raise GitError("git is not installed, or not on the PATH")
    done = subprocess.run([program, *_PLAIN, *arguments], cwd=folder, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        told = said[-1] if said else f"git {arguments[0]} failed with exit code {done.returncode}"
        raise GitError(told.removeprefix("fatal: "))
    return done.stdout
