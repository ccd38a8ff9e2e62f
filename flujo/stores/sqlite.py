"""The store in one SQLite file; what it holds is told in ``sql``, how it is written in ``database``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flujo.errors import StoreError
from flujo.stores.database import Database
from flujo.stores.locks import RunLock, claim, is_held
from flujo.stores.rows import Executes
from flujo.stores.sql import SQLStore


class SQLiteStore(SQLStore):
    """Keeps runs in the file at ``path``, which is made if it is missing; its folder has to be there."""

    def __init__(self, path: Path | str) -> None:
        database = Database(Path(path))
        super().__init__(database, {})
        self.file = database.file
        self._locks = database.file.with_name(f"{database.file.name}-held")

    @property
    def place(self) -> str:
        return str(self.file)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.file)!r})"

    async def claim(self, run_id: str) -> RunLock:
        def work(db: object) -> RunLock:
            with _disk(self.file):
                return claim(self._locks, run_id)

        return await self._database.read(work)

    def _held(self, db: Executes) -> Callable[[str], bool]:
        def held(run_id: str) -> bool:
            with _disk(self.file):
                return is_held(self._locks, run_id)

        return held


@contextmanager
def _disk(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            str(file), f"cannot lock a run beside it ({error})", "Make its folder writable",
        ) from error  # fmt: skip
