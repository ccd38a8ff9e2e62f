"""The store that a command reads, and the run in it that somebody means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from flujo.cli.endings import HELD, Refused
from flujo.cli.options import STORE_VARIABLE
from flujo.cli.wording import one_line, short_id
from flujo.errors import FlujoError, PipelineChanged, RunHeld
from flujo.stores import open_store

if TYPE_CHECKING:
    from flujo.ports import Journal
    from flujo.stores.records import RunSummary
    from flujo.stores.store import Store

SQLITE = "sqlite:///"
SHOWN = 5
"""Runs that a message names."""


@contextmanager
def opened(url: str | None, *, may_be_new: bool = False) -> Iterator[Store]:
    """The store at this URL, closed at the end. Whatever it cannot do is refused in a line.

    A file that is not there is made if it ``may_be_new``; who only reads has mistyped its name.
    """
    if url is None:
        raise Refused(f"no store is named: pass --store sqlite:///runs.db, or set {STORE_VARIABLE}")
    with refusing():
        file = Path(url.removeprefix(SQLITE))
        if url.startswith(SQLITE) and not may_be_new and not file.exists():
            raise Refused(f"there is no store at {url}: 'flujo run --store' makes one")
        store = open_store(url)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def refusing() -> Iterator[None]:
    """Make one line of what the engine or a store refuses."""
    try:
        yield
    except RunHeld as held:
        raise Refused(one_line(str(held)), HELD) from held
    except PipelineChanged as changed:
        way = f"flujo fork {short_id(changed.run_id)} --from {changed.path}"
        raise Refused(f"{one_line(str(changed))} (here: {way})") from changed
    except FlujoError as error:
        raise Refused(one_line(str(error))) from error


def url_of(store: Journal | None) -> str | None:
    """The URL that opens a runner's own store in another process; None if there is none."""
    from flujo.stores.sqlite import SQLiteStore

    return f"{SQLITE}{store.file}" if isinstance(store, SQLiteStore) else None


def run_meant(store: Store, given: str) -> str:
    """The id that is this, or begins with it and no other does. Raises Refused, which names what is near."""
    ids = [run.run_id for run in store.runs()]
    if given in ids:
        return given
    found = [run_id for run_id in ids if run_id.startswith(given)] if given else []
    if len(found) == 1:
        return found[0]
    if found:
        told = ", ".join(map(one_line, found[:SHOWN])) + (", ..." if len(found) > SHOWN else "")
        raise Refused(f"{len(found)} runs begin with {given!r}: {told}")
    near = get_close_matches(given, ids, 3)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "'flujo runs' lists them"
    raise Refused(one_line(f"there is no run {given!r} in the store; {hint}" if ids else "the store holds no runs yet"))


def summary_of(store: Store, run_id: str) -> RunSummary:
    """The summary of a run that is there."""
    return next(run for run in store.runs() if run.run_id == run_id)
