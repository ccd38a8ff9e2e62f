"""The rows of a store in SQL, and the records that they hold."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from flujo.errors import JournalConflict, NotStorable
from flujo.isolation import Delta
from flujo.ports import Intent, RecordedAnswer
from flujo.stores.codec import Codec, dumps
from flujo.stores.facts import (
    draws_data,
    draws_of,
    end_of,
    entry_data,
    entry_of,
    failure_data,
    failure_of,
    intent_of,
    limits_of,
)
from flujo.stores.logs import log_of
from flujo.stores.records import Begun, Ended, History, StoredResume


class Executes(Protocol):
    """A connection, within a transaction. Statements are in SQLite's dialect; a store may have another."""

    def execute(self, statement: str, values: Any = ..., /) -> Any: ...


LARGE = 65_536
"""Longer texts are kept once each, under the hash of what they hold."""
NO_FACTS: tuple[Any, ...] = ([], None, [], [], {})


INTENTS = "SELECT path, intent FROM intents WHERE run_id = ? ORDER BY number"


def rows_of(db: Executes, run_id: str) -> Any:
    """The row of a run, its answers, intents and resumes; None if there is no such run."""
    cursor = db.execute("SELECT * FROM runs WHERE run_id = ?", (run_id,))
    found = cursor.fetchone()
    if found is None:
        return None
    names = [column[0] for column in cursor.description]
    run = dict(zip(names, whole(db, found), strict=True))
    answers, intents, resumes = (
        [whole(db, row) for row in db.execute(query, (run_id,)).fetchall()]
        for query in (
            "SELECT path, at, value, facts FROM answers WHERE run_id = ? ORDER BY number",
            INTENTS,
            "SELECT status, at, answers FROM resumes WHERE run_id = ? ORDER BY number",
        )
    )
    return run, answers, intents, resumes


def intents_of(rows: list[Any]) -> dict[str, tuple[Intent, ...]]:
    """The calls in doubt by path."""
    found: dict[str, tuple[Intent, ...]] = {}
    for path, text in rows:
        found[path] = (*found.get(path, ()), intent_of(json.loads(text)))
    return found


def history_of(found: Any, codec: Codec) -> History:
    """What ``rows_of`` has found, read."""
    run, answers, intents, resumes = found
    begun = Begun(
        run["pipeline"], run["reference"], run["fingerprint"],
        tuple((path, told) for path, told in json.loads(run["shape"])), datetime.fromisoformat(run["started_at"]),
        codec.value(run["input"]), codec.value(run["context_data"]), codec.value(run["context"]),
        limits_of(json.loads(run["limits"])),
    )  # fmt: skip
    end = None
    if run["last_status"] is not None:
        end = Ended(
            run["last_status"], datetime.fromisoformat(run["ended_at"]), codec.value(run["output"]),
            end_of(json.loads(run["error"])), log_of(run["log"], codec, None), codec.value(run["last_context"]),
            bool(run["is_whole"]), Decimal(run["cost_usd"]), run["in_doubt"],
        )  # fmt: skip
    return History(
        begun,
        {path: answer_of(value, facts, codec) for path, _, value, facts in answers},
        intents_of(intents),
        end,
        tuple(
            StoredResume(status, datetime.fromisoformat(at), tuple((path, value) for path, value in codec.value(given)))
            for status, at, given in resumes
        ),
        run["resumes_told"],
        is_ended=run["status"] is not None,
    )


def answer_texts(path: str, answer: RecordedAnswer, codec: Codec) -> tuple[str, str | None]:
    what = f"the answer at '{path}'"
    value = codec.text(answer.value, what, path)
    facts: list[Any] = [
        [entry_data(entry) for entry in answer.entries], failure_data(answer.error),
        [], draws_data(answer.draws), {},
    ]  # fmt: skip
    if answer.context_change:
        facts[2] = _change_text(path, answer.context_change, codec)
    if answer.metadata:
        facts[4] = codec.text(dict(answer.metadata), f"the metadata at '{path}'")
    return value, None if facts == list(NO_FACTS) else dumps(facts)


def _change_text(path: str, change: Delta, codec: Codec) -> str:
    """The fields that an ask changed, as one text: they may share what they hold. Raises NotStorable."""
    what = f"the context after '{path}'"
    try:
        return codec.text([list(row) for row in change], what)
    except NotStorable as refused:
        number, _, rest = refused.path.removeprefix("$[").partition("][1]")
        if not number.isdecimal():
            raise
        raise NotStorable(f"$.{change[int(number)][0]}{rest}", refused.reason, what) from None


def insert_answer(
    db: Executes, numbers: dict[str, int], row: tuple[str, str, str, str, str | None, str | None]
) -> None:
    """Keep an answer; the first one stands, the same again changes nothing."""
    run_id, path, _, value, facts, _ = row
    if (number := numbers.get(run_id)) is None:
        ((number,),) = db.execute("SELECT COALESCE(MAX(number), 0) FROM answers WHERE run_id = ?", (run_id,))
    added = db.execute(INSERT, (*row, number + 1))
    if added.rowcount:
        numbers[run_id] = number + 1
        return
    query = "SELECT value, facts FROM answers WHERE run_id = ? AND path = ?"
    if db.execute(query, (run_id, path)).fetchone() != (value, facts):
        raise JournalConflict(run_id, path)


INSERT = (
    "INSERT INTO answers (run_id, path, at, value, facts, cost_usd, number) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING"
)


def answer_of(value: str, facts: str | None, codec: Codec) -> RecordedAnswer:
    answer = codec.value(value)
    if facts is None:
        return RecordedAnswer(answer)
    entries, error, change, draws, metadata = json.loads(facts)
    return RecordedAnswer(
        answer,
        tuple(map(entry_of, entries)),
        failure_of(error),
        tuple((name, item) for name, item in codec.value(change)) if change else (),
        draws_of(draws),
        codec.value(metadata) if metadata else {},
    )


def kept(db: Executes, text: str) -> str:
    """What a column holds: the text, or a name for a long one. No JSON begins with ``@``."""
    if len(text) <= LARGE:
        return text
    name = hashlib.sha256(text.encode()).hexdigest()
    db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (name, text))
    return f"@{name}"


def full(db: Executes, column: Any) -> Any:
    if isinstance(column, str) and column[:1] == "@":
        ((column,),) = db.execute("SELECT content FROM blobs WHERE hash = ?", (column[1:],))
    return column


def whole(db: Executes, row: Any) -> Any:
    return None if row is None else tuple(full(db, column) for column in row)
