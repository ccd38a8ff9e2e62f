"""A proposal to write a golden, as a file: all that a review needs, on this machine or another.

``golden/.pending/<path of the golden>.json``; the folder ignores itself in git. Deciding about proposals is
not done here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from flujo_testing.golden.errors import GoldenCorrupt
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.limits import MAX_BYTES
from flujo_testing.golden.location import SUFFIX, GoldenFolder
from flujo_testing.golden.reading import read_bounded
from flujo_testing.golden.writing import DISK, Disk, remove_file, write_file

PENDING_FORMAT = "flujo-pending/1"
FOLDER = ".pending"
MAX_PENDING_BYTES = 6 * MAX_BYTES + 65536
"""JSON may write one byte of text as six."""

_IGNORE = b"# Proposals for goldens: kept on this machine only.\n*\n"


@dataclass(frozen=True, slots=True)
class Pending:
    """``golden``: its path below the golden folder. ``test``: the node id that told the story.

    ``base``: the SHA-256 of the golden that the story was compared with, None if there was none; a golden
    that has another one by now has changed since. ``text``: the golden as it would be.
    """

    golden: str
    owner: str
    name: str | None
    test: str
    base: str | None
    text: str


def pending_folder(folder: GoldenFolder) -> Path:
    return folder.path / FOLDER


def write_pending(root: Path, pending: Pending, *, scan: SecretScan, disk: Disk = DISK) -> Path:
    """Leave a proposal below ``root``. Raises GoldenError; returns where it lies."""
    relative = _relative(pending.golden)
    data = json.dumps({"format": PENDING_FORMAT} | asdict(pending), indent=1).encode("ascii") + b"\n"
    scan.refuse(pending.text.encode("utf-8"), str(root / relative))
    write_file(root, relative, data, scan=scan, shown=str(root / relative), disk=disk)
    return root / relative


def ignore_in_git(root: Path, *, disk: Disk = DISK) -> None:
    """Keep a folder of proposals out of version control."""
    if not (root / ".gitignore").exists():
        write_file(root, ".gitignore", _IGNORE, scan=SecretScan(), shown=str(root / ".gitignore"), disk=disk)


def remove_pending(root: Path, golden: str, *, disk: Disk = DISK) -> None:
    """The golden has been settled: its proposal, if there is one, is void."""
    relative = _relative(golden)
    if (root / relative).exists():
        remove_file(root, relative, shown=str(root / relative), disk=disk)


def pending_goldens(root: Path) -> Iterator[str]:
    """The paths of the goldens for which there is a proposal below ``root``, sorted."""
    found = (path for path in root.rglob(f"*{SUFFIX}.json") if not path.name.startswith("."))
    yield from sorted(path.relative_to(root).as_posix().removesuffix(".json") for path in found)


def read_pending(root: Path, golden: str) -> Pending | None:
    """The proposal for a golden, None if there is none. Raises GoldenCorrupt, whatever the file holds."""
    relative = _relative(golden)
    shown = str(root / relative)
    content = read_bounded(root, relative, shown, MAX_PENDING_BYTES)
    if content is None:
        return None
    try:
        told = json.loads(content.decode("utf-8"))
    except RecursionError:
        raise GoldenCorrupt(shown, 1, "is nested too deep") from None
    except json.JSONDecodeError as error:
        raise GoldenCorrupt(shown, error.lineno, f"is not JSON: {error.msg}") from None
    except ValueError as error:
        raise GoldenCorrupt(shown, 1, f"is not JSON: {error}") from None
    pending = _checked(told, shown)
    if pending.golden != golden:
        raise GoldenCorrupt(shown, 1, f"is a proposal for another golden: {pending.golden!r:.200}")
    return pending


def _checked(told: object, shown: str) -> Pending:
    if not isinstance(told, dict) or told.get("format") != PENDING_FORMAT:
        raise GoldenCorrupt(shown, 1, f"is no proposal in the format '{PENDING_FORMAT}'")
    fields = {key: value for key, value in told.items() if key != "format"}
    optional = {"name", "base"}
    known = {"golden", "owner", "name", "test", "base", "text"}
    fit = fields.keys() == known and all(
        _is_text(value) or (value is None and key in optional) for key, value in fields.items()
    )
    if not fit:
        raise GoldenCorrupt(shown, 1, f"has other fields than a proposal: {', '.join(sorted(known))}")
    return Pending(**fields)


def _is_text(value: object) -> bool:
    """A lone surrogate, which JSON can hold, could not be written into a golden."""
    return isinstance(value, str) and value.encode("utf-8", "replace") == value.encode("utf-8", "surrogatepass")


def _relative(golden: str) -> str:
    return f"{golden}.json"
