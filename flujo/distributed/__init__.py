"""Runs over many processes and machines: DBOS queues and recovers them, Postgres keeps what they have been answered."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

NEEDED: Final = ("dbos", "psycopg")


def absent() -> str:
    """What is needed here and not installed, as an error tells it; empty if nothing is."""
    names = [name for name in NEEDED if find_spec(name) is None]
    return f"{' and '.join(names)} not installed here: pip install 'flujo-pipelines[dbos]'" if names else ""
