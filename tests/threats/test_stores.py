"""A store in which somebody has changed what is written: one line and an exit code, no fault, and nothing that acts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from flujo.cli.endings import FAULT
from tests.flujo.cli.conftest import PRESS, Call, flujo

__all__ = ["flujo"]
STORE = "--store", "sqlite:///runs.db"
EVIL = "\x1b[2J{"
TABLES = ("runs", "answers", "intents", "resumes", "blobs", "meta")
COMMANDS = (["runs"], ["show", "r1"], ["export", "r1"])


def columns(file: Path) -> list[tuple[str, str]]:
    """All but the number of a row, which the database keeps a number."""
    with sqlite3.connect(file) as db:
        found = [(table, str(row[1])) for table in TABLES for row in _told(db, table)]
    db.close()
    return found


def _told(db: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    rows = db.execute(f"PRAGMA table_info({table})").fetchall()
    return [row for row in rows if (row[2], row[5]) != ("INTEGER", 1)]


def changed(file: Path, content: bytes, table: str, column: str) -> None:
    for end in ("-wal", "-shm"):
        file.with_name(f"{file.name}{end}").unlink(missing_ok=True)
    file.write_bytes(content)
    db = sqlite3.connect(file, isolation_level=None)
    try:
        db.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (EVIL,))
    finally:
        db.close()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_text_in_a_store_is_a_fault_or_acts(flujo: Call, tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "runs.db"
    flujo("run", f"{PRESS}:press", "--input", "rain", "--run-id", "r1", *STORE)
    content, known = file.read_bytes(), columns(file)
    assert len(known) == 45
    for table, column in known:
        changed(file, content, table, column)
        said = flujo(*command, *STORE)
        assert (table, column, said.code == FAULT, "\x1b" in said.out + said.err) == (table, column, False, False)
        assert said.err.count("\n") <= 1
