"""A store in SQL: which rows a run, an answer, an end is. What writes them, and who may, is each database's own."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final, Protocol, Self, TypeVar

from flujo.errors import MisuseError, NoSuchRun, RunError, StoreError, told
from flujo.events import read
from flujo.money import total, usd
from flujo.ports import Intent, RecordedAnswer
from flujo.stores.codec import Codec, dumps
from flujo.stores.facts import end_data, intent_data, limits_data
from flujo.stores.logs import log_text
from flujo.stores.records import Begun, Doubt, Ended, History, RunSummary, StoredAsk, StoredResume, StoredRun
from flujo.stores.rows import (
    INTENTS,
    Executes,
    answer_of,
    answer_texts,
    full,
    history_of,
    insert_answer,
    intents_of,
    kept,
    rows_of,
    whole,
)  # fmt: skip
from flujo.stores.store import Claim
from flujo.stores.structure import place_of, shape_before
from flujo.stores.writing import Names

T = TypeVar("T")
THIS_OR_ALL: Final = "CAST(? AS TEXT) IS NULL OR run_id = ?"


Work = Callable[[Executes], T]


class Database(Protocol):
    """Does work in transactions: the two that are awaited never hold up the event loop."""

    async def write(self, work: Work[T], /) -> T: ...
    async def read(self, work: Work[T], /) -> T: ...
    def write_now(self, work: Work[T], /) -> T: ...
    def read_now(self, work: Work[T], /) -> T: ...
    def close(self) -> None: ...


class SQLStore:
    """What all stores in SQL have in common; ``claim`` and the two at the end are theirs.

    One may be used by any number of runners, tasks and event loops, and the database by any number of processes; each
    run is run by one of them at a time.
    """

    def __init__(self, database: Database, numbers: dict[str, int]) -> None:
        self._database = database
        self._numbers = numbers
        """How many answers of a run are kept, of those that were written here."""
        self._codec = Codec()
        self._shows = Codec(Names(shows_foreign=True))

    def knowing(self, codec: Codec) -> Self:
        other = copy.copy(self)
        other._codec = codec
        return other

    def close(self) -> None:
        self._database.close()

    # Journal -------------------------------------------------------------------------------------------------

    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        query = "SELECT value, facts FROM answers WHERE run_id = ? AND path = ?"
        row = await self._database.read(lambda db: whole(db, db.execute(query, (run_id, path)).fetchone()))
        if row is None:
            return None
        value, facts = row
        with self._reading():
            return answer_of(value, facts, self._codec)

    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        entry = intent.entry
        possible = None if entry.possible_usd is None else str(entry.possible_usd)
        row = run_id, path, entry.entry_id, entry.requested_at.isoformat(), possible, dumps(intent_data(intent))

        def work(db: Executes) -> None:
            columns = "run_id, path, entry_id, at, possible_usd, intent, number"
            last = "SELECT COUNT(*) FROM intents WHERE run_id = ? AND path = ?"
            answered = "SELECT 1 FROM answers WHERE run_id = ? AND path = ?"
            if db.execute(answered, (run_id, path)).fetchone() is None:
                ((number,),) = db.execute(last, (run_id, path))
                db.execute(f"INSERT OR IGNORE INTO intents ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, number))

        await self._write(run_id, work)

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        """Raises JournalConflict if there is another answer, NotStorable for a value that cannot be kept."""
        value, facts = answer_texts(path, answer, self._codec)
        cost = str(total(entry.cost_usd for entry in answer.entries if entry.cost_usd)) if answer.entries else None
        at = _now()

        def work(db: Executes) -> None:
            text, known = kept(db, value), None if facts is None else kept(db, facts)
            row = run_id, path, at, text, known, cost
            insert_answer(db, self._numbers, row)
            db.execute("DELETE FROM intents WHERE run_id = ? AND path = ?", (run_id, path))

        await self._write(run_id, work)

    async def paths(self, run_id: str) -> Sequence[str]:
        query = "SELECT path FROM answers WHERE run_id = ? ORDER BY number"
        rows = await self._database.read(lambda db: db.execute(query, (run_id,)).fetchall())
        return [path for (path,) in rows]

    async def intents(self, run_id: str) -> Mapping[str, tuple[Intent, ...]]:
        rows = await self._database.read(lambda db: db.execute(INTENTS, (run_id,)).fetchall())
        with self._reading():
            return intents_of(rows)

    async def in_doubt(self, run_id: str | None = None) -> list[tuple[str, str]]:
        """Run and path of every call that was intended and never answered, in the order of their names."""
        query = f"SELECT DISTINCT run_id, path FROM intents WHERE {THIS_OR_ALL} ORDER BY run_id, path"
        return await self._database.read(lambda db: db.execute(query, (run_id, run_id)).fetchall())

    # For the runner ------------------------------------------------------------------------------------------

    async def claim(self, run_id: str) -> Claim:
        raise NotImplementedError

    async def history(self, run_id: str) -> History | None:
        rows = await self._database.read(lambda db: rows_of(db, run_id))
        with self._reading():
            return None if rows is None else history_of(rows, self._codec)

    async def begin(self, run_id: str, begun: Begun) -> None:
        texts = self._beginning(begun)

        def work(db: Executes) -> None:
            names = ", ".join(texts)
            marks = ", ".join("?" * len(texts))
            row = run_id, *(kept(db, text) for text in texts.values())
            db.execute(f"INSERT INTO runs (run_id, {names}) VALUES (?, {marks}) ON CONFLICT DO NOTHING", row)

        await self._write(run_id, work)

    async def resume(
        self, run_id: str, resume: StoredResume, begun: Begun, given: Mapping[str, RecordedAnswer]
    ) -> None:
        answers = self._codec.text(list(resume.answers), "the answers")
        texts = {path: answer_texts(path, answer, self._codec) for path, answer in given.items()}
        fingerprint, shape, limits = begun.fingerprint, dumps(begun.shape), dumps(limits_data(begun.limits))

        def work(db: Executes) -> None:
            db.execute(
                "UPDATE runs SET status = NULL, fingerprint = ?, shape = ?, limits = ? WHERE run_id = ?",
                (fingerprint, shape, limits, run_id),
            )
            db.execute(
                "INSERT INTO resumes SELECT ?, COUNT(*) + 1, ?, ?, ? FROM resumes WHERE run_id = ?",
                (run_id, resume.status, resume.at.isoformat(), kept(db, answers), run_id),
            )
            for path, (value, _) in texts.items():
                insert_answer(db, self._numbers, (run_id, path, resume.at.isoformat(), kept(db, value), None, None))

        await self._write(run_id, work)

    async def end(self, run_id: str, ended: Ended) -> None:
        output = self._codec.text(ended.output, "the output of the run")
        context = self._codec.text(ended.context, "the context that the run ended with")
        log = log_text(ended.log, self._codec)
        texts = {
            "status": ended.status, "last_status": ended.status, "ended_at": ended.at.isoformat(),
            "error": dumps(end_data(ended.error)), "cost_usd": str(ended.cost_usd),
            "output": output, "last_context": context, "log": log,
        }  # fmt: skip

        def work(db: Executes) -> None:
            names = ", ".join(f"{name} = ?" for name in texts)
            row = *(kept(db, text) for text in texts.values()), int(ended.is_whole), ended.in_doubt, run_id, run_id
            told = "resumes_told = (SELECT COUNT(*) FROM resumes WHERE run_id = ?)"
            db.execute(f"UPDATE runs SET {names}, is_whole = ?, in_doubt = ?, {told} WHERE run_id = ?", row)
            if ended.is_whole:  # its log tells them
                db.execute("DELETE FROM intents WHERE run_id = ?", (run_id,))

        await self._write(run_id, work)

    # For people ----------------------------------------------------------------------------------------------

    def runs(self) -> Sequence[RunSummary]:
        with self._reading():
            return self._database.read_now(lambda db: list(self._summaries(db)))

    def waiting(self) -> Sequence[str]:
        return ()  # nobody hands runs over to a file

    def load(self, run_id: str) -> StoredRun:
        with self._reading():
            return self._loaded(run_id)

    def _loaded(self, run_id: str) -> StoredRun:
        def work(db: Executes) -> Any:
            if (rows := rows_of(db, run_id)) is None:
                raise _no_such(db, run_id)
            (summary,) = self._summaries(db, run_id)
            return summary, rows

        summary, rows = self._database.read_now(work)
        history = history_of(rows, self._shows)
        end, begun = history.end, history.begun
        asks = tuple(
            StoredAsk(path, number, datetime.fromisoformat(at), history.answers[path])
            for number, (path, at, *_) in enumerate(rows[1], 1)
        )
        doubts = tuple(
            Doubt(path, intent.entry.requested_at, intent.entry.possible_usd)
            for path, intents_of_path in history.doubts.items()
            for intent in intents_of_path
        )
        shown = None if end is None or not end.is_whole else tuple(read(_with_context(end.log, begun.context)))
        error = None if end is None or end.error is None else told(end.error)
        output = None if end is None else end.output
        return StoredRun(
            summary, begun.fingerprint, begun.input, begun.context_data, begun.limits, asks, doubts, history.resumes,
            output, error, shown,
        )  # fmt: skip

    def fork(self, run_id: str, path: str) -> str:
        forked = uuid.uuid4().hex

        def work(db: Executes) -> None:
            row = db.execute("SELECT shape FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            if row is None:
                raise _no_such(db, run_id)
            shape = tuple((step, told) for step, told in json.loads(full(db, row[0])))
            before = place_of(path, shape) if path else None
            shape = shape_before(path, shape) if path else shape
            columns = "pipeline, reference, started_at, input, context_data, context, limits"
            db.execute(
                f"INSERT INTO runs (run_id, forked_from, fingerprint, shape, {columns}) "
                f"SELECT ?, run_id, '', ?, {columns} FROM runs WHERE run_id = ?",
                (forked, kept(db, dumps(shape)), run_id),
            )
            columns = "path, number, at, value, facts, cost_usd"
            query = "SELECT path FROM answers WHERE run_id = ? ORDER BY number"
            for (asked,) in db.execute(query, (run_id,)).fetchall():
                if before is None or before.is_after(asked):
                    db.execute(
                        f"INSERT INTO answers (run_id, {columns}) SELECT ?, {columns} FROM answers "
                        "WHERE run_id = ? AND path = ?",
                        (forked, run_id, asked),
                    )

        with self._reading():
            self._database.write_now(work)
        return forked

    @property
    def place(self) -> str:
        """How people find what it is in."""
        raise NotImplementedError

    # Parts ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What no store has written is damage, which names the place, and no fault of whoever reads it."""
        try:
            yield
        except (MisuseError, RunError):
            raise
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            what = f"holds what no store has written ({type(error).__name__}: {str(error)[:200]})"
            raise StoreError(self.place, what, "Restore a copy of it, or name another one") from error

    def _held(self, db: Executes) -> Callable[[str], bool]:
        """Tells of a run whether a process has it."""
        raise NotImplementedError

    async def _write(self, run_id: str, work: Work[T]) -> T:
        """Have work done for a run that this process has claimed."""
        return await self._database.write(work)

    def _beginning(self, begun: Begun) -> dict[str, str]:
        text = self._codec.text
        rows = {
            "pipeline": begun.pipeline, "fingerprint": begun.fingerprint, "shape": dumps(begun.shape),
            "started_at": begun.at.isoformat(), "input": text(begun.input, "the input of the run"),
            "context_data": text(begun.context_data, "context_data"),
            "context": text(begun.context, "the context of the run"), "limits": dumps(limits_data(begun.limits)),
        }  # fmt: skip
        return rows if begun.reference is None else {**rows, "reference": begun.reference}

    def _summaries(self, db: Executes, run_id: str | None = None) -> Iterator[RunSummary]:
        counted = {
            run: (asks, costs)
            for run, asks, costs in db.execute(
                f"SELECT run_id, COUNT(*), GROUP_CONCAT(cost_usd) FROM answers WHERE {THIS_OR_ALL} GROUP BY run_id",
                (run_id, run_id),
            )
        }  # fmt: skip
        doubts, held = dict(db.execute("SELECT run_id, COUNT(*) FROM intents GROUP BY run_id")), self._held(db)
        query = (
            "SELECT run_id, pipeline, reference, status, started_at, ended_at, cost_usd, in_doubt FROM runs "
            f"WHERE {THIS_OR_ALL} ORDER BY number DESC"
        )
        for run, pipeline, reference, status, began, ended, cost, in_doubt in db.execute(query, (run_id, run_id)):
            asks, costs = counted.get(run, (0, None))
            if not (status is None or status.isidentifier()):
                raise ValueError(f"a run has the status {status!r}")
            if type(in_doubt) is not int:
                raise ValueError(f"a run has {str(in_doubt)[:20]!r} calls in doubt")
            ongoing = status is None
            if ongoing:
                status = "running" if held(run) else "interrupted"
                cost, in_doubt, ended = str(total(map(Decimal, costs.split(",")))) if costs else "0", 0, None
            in_doubt += 0 if status == "running" else doubts.get(run, 0)  # those of a running one are on their way
            yield RunSummary(
                run, pipeline, reference, status, datetime.fromisoformat(began),
                None if ended is None else datetime.fromisoformat(ended), usd(cost, "the cost of a run"), asks,
                in_doubt,
            )  # fmt: skip


def _with_context(log: list[Any], context: Any) -> list[Any]:
    """The log with the context that the run began with, as an object that can be looked at."""
    return log if not log else [*log[:6], _Shown(context), *log[7:]]


class _Shown:
    """Stands for the state that a run began with, where people look at its transcript."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def fork(self) -> Any:
        return self._context


def _no_such(db: Executes, run_id: str) -> NoSuchRun:
    known = [run for (run,) in db.execute("SELECT run_id FROM runs ORDER BY number DESC LIMIT 10000")]
    near = [run for run in known if run_id and run.startswith(run_id)] or get_close_matches(run_id, known)
    return NoSuchRun(run_id, near[:3])


def _now() -> str:
    return datetime.now(UTC).isoformat()
