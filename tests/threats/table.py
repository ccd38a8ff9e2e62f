"""``python -m tests.threats.table`` writes docs/threats.md: what may go wrong, what then happens, and the tests of it.

Test files are read, not run. ``faults`` says what is wrong with the table: it is the gate of ``test_table``.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence

from tests.laws.held.promises import Promise
from tests.laws.table import ROOT, existing_tests, found
from tests.threats.rows import ROWS, Row

PAGE = ROOT / "docs" / "threats.md"
HEAD = """\
# Bad input and faults

What a stranger, a full disk, a provider or a mistake can do to a run or to the files of its tests, what happens then,
and the tests that show it. A name with a `*` stands for every test whose name fits.

Readers of goldens, proposals, decisions, lists of unused goldens, records of runs, cassettes, recordings, audit
matrices, waivers, price lists and ini files build plain data and nothing else.
Each is fed the same hostile files (`tests/threats/contents.py`) in a process of its own, which has 512 MiB of memory
beyond what it starts with and 60 seconds of the processor, and in which an audit hook listens for imports, compiled or
executed code, processes, sockets and other files. Each writer (`tests/threats/writers.py`) fails at its first file
operation, at its second one, and so on until it succeeds, and is killed at each of them. So does what writes without a
disk of ours (`tests/threats/watched.py`): an audit hook fails its operations, or kills it.

This page is made from `tests/threats/rows.py` by `python -m tests.threats.table`. A test fails when the page is out of
date, when a line has no test, or when a test that is named here does not exist.

"""


def faults(rows: Sequence[Row], tests: Mapping[str, Collection[str]]) -> list[str]:
    """What is wrong with a table: a line without tests, a test that does not exist."""
    names = [row.fault for row in rows]
    told = [f"{name}: two lines are about this" for name in dict.fromkeys(names) if names.count(name) > 1]
    for row in rows:
        if not any(named for _, named in row.tests):
            told.append(f"{row.fault}: no test shows what happens")
        missing = found(Promise(row.fault, row.tests), tests)
        told += [f"{row.fault}: there is no {file}::{name}" for file, name, nodes in missing if not nodes]
    return told if rows else ["the table has no lines"]


def counted(rows: Sequence[Row], tests: Mapping[str, Collection[str]]) -> str:
    nodes = {node for row in rows for _, _, nodes in found(Promise(row.fault, row.tests), tests) for node in nodes}
    return f"{len(rows)} faults, shown by {len(nodes)} tests"


def page(rows: Sequence[Row]) -> str:
    """The whole text of docs/threats.md."""
    lines = ["| fault | what happens | tests |", "|---|---|---|"]
    lines += [f"| {row.fault} | {row.expected} | {_nodes(row)} |" for row in rows]
    return HEAD + "\n".join(lines) + "\n"


def _nodes(row: Row) -> str:
    return "<br>".join(f"`{file}::{name}`" for file, names in row.tests for name in names)


def main() -> int:
    tests = existing_tests()
    wrong = faults(ROWS, tests)
    for fault in wrong:
        print(fault)
    if wrong:
        return 1
    PAGE.write_text(page(ROWS), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {counted(ROWS, tests)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
