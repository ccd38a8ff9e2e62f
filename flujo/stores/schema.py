"""The tables of a SQLite store, version by version: a file of an older version is brought up to date when opened."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from flujo.errors import StoreError

STEPS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        pipeline TEXT NOT NULL,
        reference TEXT,
        fingerprint TEXT NOT NULL,
        shape TEXT NOT NULL,
        started_at TEXT NOT NULL,
        input TEXT NOT NULL,
        context_data TEXT NOT NULL,
        context TEXT NOT NULL,
        limits TEXT NOT NULL,
        forked_from TEXT,
        status TEXT,
        last_status TEXT,
        ended_at TEXT,
        output TEXT,
        error TEXT,
        log TEXT,
        is_whole INTEGER,
        last_context TEXT,
        cost_usd TEXT,
        in_doubt INTEGER NOT NULL DEFAULT 0,
        resumes_told INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE answers (
        run_id TEXT NOT NULL,
        path TEXT NOT NULL,
        number INTEGER NOT NULL,
        at TEXT NOT NULL,
        value TEXT NOT NULL,
        facts TEXT,
        cost_usd TEXT,
        PRIMARY KEY (run_id, path)
    ) WITHOUT ROWID;
    CREATE TABLE intents (
        run_id TEXT NOT NULL,
        path TEXT NOT NULL,
        entry_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        at TEXT NOT NULL,
        possible_usd TEXT,
        intent TEXT NOT NULL,
        PRIMARY KEY (run_id, path, entry_id)
    ) WITHOUT ROWID;
    CREATE TABLE resumes (
        run_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        status TEXT NOT NULL,
        at TEXT NOT NULL,
        answers TEXT NOT NULL,
        PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE blobs (hash TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
    """,
)
"""Each makes a file of one version out of one of the version before; the first, of an empty file."""
VERSION = len(STEPS)


def prepared(connection: sqlite3.Connection, file: Path) -> None:
    """Make the tables that are missing. Raises StoreError for a file of a later version, or of something else."""
    if _version(connection, file) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in STEPS[_version(connection, file) :]:  # asked again: another process may have been faster
            for statement in step.split(";"):
                connection.execute(statement)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", (str(VERSION),))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, file: Path) -> int:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    if not tables >= {"meta", "runs", "answers"}:
        raise StoreError(str(file), "is a database of something else", "Name another file, which need not exist")
    told = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    if told is None or not re.fullmatch("[1-9][0-9]{0,8}", told[0]):
        raise StoreError(str(file), "does not say of which version it is", "Restore a copy of it, or name another file")
    if (version := int(told[0])) > VERSION:
        raise StoreError(
            str(file), f"was written by a later version (schema {version}; this one knows {VERSION})",
            "Upgrade flujo-pipelines, or name another file",
        )  # fmt: skip
    return version
