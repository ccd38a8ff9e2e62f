"""Where journals keep what runs have been answered, and stores whole runs."""

from __future__ import annotations

from pathlib import Path

from flujo.errors import MisuseError
from flujo.stores.store import Store

SCHEMES = {
    "sqlite": "sqlite:///runs.db (beside the working directory) or sqlite:////srv/runs.db (absolute)",
    "postgresql": "postgresql://user@host/database",
}


def open_store(url: str) -> Store:
    """The store at a URL: ``sqlite:///runs.db``, ``sqlite:////srv/runs.db``, ``postgresql://user@host/database``.

    Raises MisuseError for any other, StoreError if it cannot be read or written.
    """
    scheme, separator, rest = url.partition("://") if isinstance(url, str) else ("", "", "")
    if scheme in ("postgresql", "postgres"):
        return _in_postgres(url)
    if not separator or scheme not in SCHEMES or not rest.startswith("/") or rest == "/":
        known = "; ".join(SCHEMES.values())
        raise MisuseError(f"{url!r} is no store: write {known}")
    from flujo.stores.sqlite import SQLiteStore  # stores that nobody opens are not imported

    return SQLiteStore(Path(rest[1:]))


def _in_postgres(url: str) -> Store:
    try:
        from flujo.stores.postgres.store import PostgresStore
    except ModuleNotFoundError as error:
        raise MisuseError(f"a store in Postgres needs {error.name}: pip install 'flujo-pipelines[dbos]'") from error
    return PostgresStore(url)
