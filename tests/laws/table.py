"""``python -m tests.laws.table`` writes docs/laws.md: every law, and the tests that hold it.

Test files are read, not run. ``faults`` says what is wrong with the table: it is the gate of ``test_table``.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tests.laws.held import CHAPTERS
from tests.laws.held.promises import Chapter, Law, Promise

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "laws.md"
WIDTH = 120
HEAD = """\
# The laws of Flujo, and the tests that hold them

Users rely on these laws. Each is a few plain sentences, and below each sentence stand the tests that turn red when it
is broken. A name with a `*` stands for every test whose name fits.

This page is made from `tests/laws/held` by `python -m tests.laws.table`. A test fails when the page is out of date,
when a sentence has no test, or when a test that is named here does not exist.
"""


def names_in(text: str) -> Iterator[str]:
    """Names of the test functions of a module, those of classes as ``TestClass::test_name``."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield node.name
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name.startswith("test"):
                    yield f"{node.name}::{inner.name}"


def existing_tests(root: Path = ROOT) -> dict[str, tuple[str, ...]]:
    """The tests of the project by the path of their file."""
    files = sorted(path for folder in ("tests", "examples") for path in (root / folder).rglob("test_*.py"))
    return {path.relative_to(root).as_posix(): tuple(names_in(path.read_text(encoding="utf-8"))) for path in files}


def found(promise: Promise, tests: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str, list[str]]]:
    """File and name as they are written in the table, with the node ids that they stand for."""
    for file, names in promise.tests:
        for name in names:
            nodes = [
                f"{path}::{test}"
                for path, inside in tests.items()
                if fnmatchcase(path, file)
                for test in inside
                if fnmatchcase(test, name)
            ]
            yield file, name, nodes


def faults(chapters: Sequence[Chapter], tests: Mapping[str, Collection[str]]) -> list[str]:
    """What is wrong with a table: a law without sentences, a sentence without tests, a test that does not exist."""
    laws = [law for chapter in chapters for law in chapter.laws]
    names = [law.name for law in laws]
    told = [f"{name}: two laws have this name" for name in dict.fromkeys(names) if names.count(name) > 1]
    told += [f"{law.name}: promises nothing" for law in laws if not law.promises]
    for law in laws:
        for promise in law.promises:
            if not any(names for _, names in promise.tests):
                told.append(f"{law.name}: no test holds '{promise.text}'")
            told += [
                f"{law.name}: there is no {file}::{name}" for file, name, nodes in found(promise, tests) if not nodes
            ]
    return told if laws else ["the table has no laws"]


def holding(chapters: Sequence[Chapter], tests: Mapping[str, Collection[str]]) -> set[str]:
    """The node ids of all tests that hold something."""
    promises = [promise for chapter in chapters for law in chapter.laws for promise in law.promises]
    return {node for promise in promises for _, _, nodes in found(promise, tests) for node in nodes}


def counted(chapters: Sequence[Chapter], tests: Mapping[str, Collection[str]]) -> str:
    laws = [law for chapter in chapters for law in chapter.laws]
    promises = sum(len(law.promises) for law in laws)
    return f"{len(laws)} laws, {promises} promises, held by {len(holding(chapters, tests))} tests"


def page(chapters: Sequence[Chapter]) -> str:
    """The whole text of docs/laws.md."""
    parts = [HEAD, _overview(chapters)]
    for chapter in chapters:
        parts += [f"## {chapter.title}\n", textwrap.fill(chapter.about, WIDTH, break_on_hyphens=False) + "\n"]
        parts += [_told(law) for law in chapter.laws]
    return "\n".join(parts)


def _overview(chapters: Sequence[Chapter]) -> str:
    rows = ["| law | what it is about | promises |", "|---|---|---|"]
    rows += [f"| {law.name} | {law.title} | {len(law.promises)} |" for chapter in chapters for law in chapter.laws]
    return "\n".join(rows) + "\n"


def _told(law: Law) -> str:
    lines = [f"### {law.name}. {law.title}", ""]
    for promise in law.promises:
        lines += [_wrapped(promise.text, "* ", "  ")]
        for file, names in promise.tests:
            tests = "every test" if names == ("test_*",) else ", ".join(f"`{name}`" for name in names)
            lines += [_wrapped(f"`{file}`: {tests}", "  * ", "    ")]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, first: str, rest: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def main() -> int:
    tests = existing_tests()
    wrong = faults(CHAPTERS, tests)
    for fault in wrong:
        print(fault)
    if wrong:
        return 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(CHAPTERS), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {counted(CHAPTERS, tests)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
