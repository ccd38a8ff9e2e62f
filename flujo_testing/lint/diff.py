"""The lint of a change: what became weaker since a commit, and what was loose from the start in new tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from flujo_testing.lint.changes import Version, weakenings
from flujo_testing.lint.excuses import excuses_in, judged
from flujo_testing.lint.finding import Finding, Report
from flujo_testing.lint.git import Change, Repository
from flujo_testing.lint.library import MENTIONS, Library, Unreadable, is_test_file, parsed, text_of
from flujo_testing.lint.linter import lint_text
from flujo_testing.lint.origins import Origins

TEST_FOLDERS = {"test", "tests", "testing"}


def lint_diff(repository: Repository, paths: Sequence[Path], library: Library, *, near: Path) -> Report:
    """Raises Unreadable, or GitError. ``near`` is the folder that paths are told from."""
    changes = [change for change in repository.changes(paths) if _holds_tests(change)]
    versions: list[Version] = []
    report = Report()
    texts: dict[str, str] = {}
    for change in changes:
        old, new = _texts(repository, change)
        if MENTIONS not in (old or "") and MENTIONS not in (new or ""):
            continue
        path = repository.top / (change.new or change.old or "")
        shown = _shown(path, near)
        versions.append(_version(path, shown, old, new, library))
        if new is None:
            report += Report(files=1)
        else:
            texts[shown] = new
            report += _news(path, shown, old, new, library)
    weaker = _excused(weakenings(versions), texts)
    told = {(finding.path, finding.line) for finding in (*weaker.findings, *weaker.excused)}
    news = tuple(finding for finding in report.findings if (finding.path, finding.line) not in told)
    both = replace(report, findings=news) + weaker
    return replace(both, findings=tuple(sorted(both.findings, key=_place)))


def _place(finding: Finding) -> tuple[str, int, int]:
    return finding.path, finding.line, finding.column


def _holds_tests(change: Change) -> bool:
    path = PurePosixPath(change.new or change.old or "")
    inside = not TEST_FOLDERS.isdisjoint(path.parts[:-1])
    return path.suffix == ".py" and (is_test_file(path.name) or path.name == "conftest.py" or inside)


def _texts(repository: Repository, change: Change) -> tuple[str | None, str | None]:
    old = None if change.old is None else _decoded(repository.text_before(change.old), change.old)
    new = None if change.new is None else text_of(repository.top / change.new)
    return old, new


def _decoded(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise Unreadable(path, f"was not UTF-8: {error.reason} at byte {error.start}") from error


def _version(path: Path, shown: str, old: str | None, new: str | None, library: Library) -> Version:
    return Version(shown, _origins(path, old, library), _origins(path, new, library), shown)


def _origins(path: Path, text: str | None, library: Library) -> Origins | None:
    return None if text is None else library.of_text(path, parsed(text, str(path)))


def _news(path: Path, shown: str, old: str | None, new: str, library: Library) -> Report:
    """What the lint finds in the new version and did not find in the old one, excused or not."""
    now = lint_text(new, path, library, shown=shown)
    if old is None:
        return now
    before = lint_text(old, path, library, shown=shown)
    known = Counter(_same(finding) for finding in (*before.findings, *before.excused))
    return replace(now, findings=_not_in(known, now.findings), excused=_not_in(known, now.excused))


def _not_in(known: Counter[tuple[str, str, str]], findings: Sequence[Finding]) -> tuple[Finding, ...]:
    fresh: list[Finding] = []
    for finding in findings:
        if known[_same(finding)]:
            known[_same(finding)] -= 1
        else:
            fresh.append(finding)
    return tuple(fresh)


def _same(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.test.partition(" (")[0], finding.found


def _excused(findings: list[Finding], texts: dict[str, str]) -> Report:
    report = Report()
    for path in dict.fromkeys(finding.path for finding in findings):
        mine = [finding for finding in findings if finding.path == path]
        text = texts.get(path)
        excuses = excuses_in(text, parsed(text, path)) if text is not None else ()
        standing, excused = judged(path, mine, [one for one in excuses if one.reason], needless=False)
        report += Report(tuple(standing), tuple(excused))
    return report


def _shown(path: Path, near: Path) -> str:
    return path.relative_to(near).as_posix() if path.is_relative_to(near) else str(path)
