"""The record of the last red run as a file: in pytest's cache, which git ignores, or where artifacts were asked for."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Final

from flujo_testing.golden.errors import GoldenCorrupt, GoldenNotWritten
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.parsing import plain_data
from flujo_testing.golden.reading import read_bounded
from flujo_testing.golden.writing import DISK, Disk, write_file
from flujo_testing.report.record import RecordUnreadable, SuiteRecord, as_json, suite_from_json
from flujo_testing.transcript import render

FILE: Final = "last-run.json"
KEPT_IN: Final = "flujo"
"""What pytest's cache calls the folder."""
CACHE: Final = ".pytest_cache"
MAX_BYTES: Final = 1 << 27


def masked(record: SuiteRecord, scan: SecretScan) -> SuiteRecord:
    """The record without the texts in which a secret is: each of its parts may be shown and written."""
    hidden = _masked(record, scan)
    assert isinstance(hidden, SuiteRecord)
    changed = (
        replace(one, before=_golden_masked(one.before, scan), after=_golden_masked(one.after, scan))
        for one in hidden.changed
    )
    return replace(hidden, changed=tuple(changed))


def _golden_masked(text: str | None, scan: SecretScan) -> str | None:
    """A golden may hold in an escape what is a secret in the value that is shown of it."""
    if text is None or scan.find(text.encode("utf-8")) is None:
        return text
    return render(scan.masked(plain_data(text)))


def _masked(value: object, scan: SecretScan) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _masked(getattr(value, field.name), scan) for field in fields(value)})
    if isinstance(value, tuple):
        return tuple(_masked(item, scan) for item in value)
    return scan.masked(value)


def write_record(root: Path, record: SuiteRecord, scan: SecretScan, disk: Disk = DISK) -> Path:
    """Leave the record in a folder, whole or not at all. Raises GoldenError."""
    write_whole(root / FILE, as_json(record) + "\n", scan, disk)
    return root / FILE


def write_whole(path: Path, text: str, scan: SecretScan, disk: Disk = DISK) -> None:
    """Raises GoldenError, which names the file."""
    in_its_bytes = replace(scan, fields=lambda data: ())
    write_file(path.parent, path.name, text.encode("utf-8"), scan=in_its_bytes, shown=str(path), disk=disk)


def append(path: Path, text: str, scan: SecretScan) -> None:
    """Add to a file that a CI service reads. Raises GoldenError, which names it."""
    scan.refuse(text.encode("utf-8"), str(path))
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise GoldenNotWritten(str(path), error.strerror or str(error)) from error


def kept_in(project: Path) -> Path:
    """The folder in which a run of pytest keeps its record, unless the setting ``cache_dir`` names another cache."""
    return project / CACHE / "d" / KEPT_IN


def read_record(root: Path) -> SuiteRecord | None:
    """The record in a folder, None if there is none. Raises RecordUnreadable, whatever the file holds."""
    shown = str(root / FILE)
    try:
        content = read_bounded(root, FILE, shown, MAX_BYTES)
    except GoldenCorrupt as error:
        raise RecordUnreadable(str(error)) from None
    return None if content is None else suite_from_json(content, shown)
