"""Faults that nobody has to notice for now: each with a reason, and the day from which it counts again.

A TOML file with one table per fault::

    [share_context]
    reason = "no step changes a context yet"
    expires = 2027-03-01
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

MAX_BYTES = 256 * 1024
"""Far more than waivers for every fault take; what is deep or long in TOML is slow to read."""


@dataclass(frozen=True, slots=True)
class Waiver:
    fault: str
    reason: str
    expires: date
    """The first day on which it is none any more."""


@dataclass(frozen=True, slots=True)
class Waivers:
    """``valid`` by the name of the fault; ``problems`` are sentences, each of which fails the audit."""

    valid: dict[str, Waiver]
    problems: tuple[str, ...] = ()


def waivers_of(path: Path | None, faults: Collection[str], today: date) -> Waivers:
    """Read the file; what is wrong with it, or has expired, is a problem and waives nothing."""
    if path is None:
        return Waivers({})
    try:
        tables = _tables(path)
    except (OSError, ValueError) as error:
        return Waivers({}, (f"{path.name} cannot be read: {error}",))
    valid: dict[str, Waiver] = {}
    problems: list[str] = []
    for fault, table in tables.items():
        if isinstance(read := _waiver(path.name, fault, table, faults, today), Waiver):
            valid[fault] = read
        else:
            problems.append(read)
    return Waivers(valid, tuple(problems))


def _tables(path: Path) -> dict[str, Any]:
    """Raises OSError and, for whatever else is wrong with the file, ValueError."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    try:
        return tomllib.loads(content.decode())
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _waiver(file: str, fault: str, table: Any, faults: Collection[str], today: date) -> Waiver | str:
    """A waiver, or why it is none."""
    if fault not in faults:
        return f"{file} waives {fault!r:.60}, which is no fault of the catalogue"
    fields = table if isinstance(table, dict) else {}
    reason, expires = fields.get("reason"), fields.get("expires")
    if not isinstance(reason, str) or not reason.strip() or fields.keys() != {"reason", "expires"}:
        return f'{file}: the waiver of {fault!r:.60} needs a reason and a day, reason = "..." and expires = 2027-03-01'
    if not isinstance(expires, date) or isinstance(expires, datetime):
        return f"{file}: the waiver of {fault!r:.60} expires on {expires!r:.60}, which is no day: expires = 2027-03-01"
    if expires <= today:
        return f"{file}: the waiver of {fault!r:.60} has expired on {expires}: {reason}"
    return Waiver(fault, reason, expires)
