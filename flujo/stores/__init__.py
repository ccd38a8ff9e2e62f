"""Where journals keep what runs have been answered, and stores whole runs."""

from __future__ import annotations

from pathlib import Path

from flujo.errors import MisuseError
from flujo.stores.store import Store

SCHEMES = {"sqlite": "sqlite:///runs.db (beside the working directory) or sqlite:////srv/runs.db (absolute)"}


def open_store(url: str) -> Store:
    """The store at a URL: ``sqlite:///runs.db``, ``sqlite:////srv/runs.db``. Raises MisuseError for any other."""
    scheme, separator, rest = url.partition("://") if isinstance(url, str) else ("", "", "")
    if not separator or scheme not in SCHEMES or not rest.startswith("/") or rest == "/":
        known = "; ".join(SCHEMES.values())
        raise MisuseError(f"{url!r} is no store: write {known}")
    from flujo.stores.sqlite import SQLiteStore  # stores that nobody opens are not imported

    return SQLiteStore(Path(rest[1:]))
