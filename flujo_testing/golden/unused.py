"""The goldens that a complete run of the tests found nobody to own, as a file: ``flujo golden prune`` goes by it.

``golden/.pending/.unused.json``; a later run takes out of it what some test compares again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from flujo_testing.golden.errors import GoldenCorrupt
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.limits import MAX_BYTES
from flujo_testing.golden.pending import ignore_in_git
from flujo_testing.golden.reading import read_bounded
from flujo_testing.golden.writing import DISK, Disk, remove_file, write_file

UNUSED_FORMAT = "flujo-unused/1"
FILE = ".unused.json"


def read_unused(root: Path) -> dict[str, str]:
    """Path of the golden to its SHA-256, as the last complete run left it. Raises GoldenCorrupt."""
    shown = str(root / FILE)
    content = read_bounded(root, FILE, shown, MAX_BYTES)
    if content is None:
        return {}
    try:
        told = json.loads(content.decode("utf-8"))
        if told["format"] != UNUSED_FORMAT or not all(type(sha) is str for sha in told["goldens"].values()):
            raise ValueError
        "".join(told["goldens"]).encode()  # a lone surrogate is in no path
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise GoldenCorrupt(shown, 1, f"is no list in the format '{UNUSED_FORMAT}': run all tests again") from None
    return dict(told["goldens"])


def write_unused(root: Path, goldens: Mapping[str, str], *, disk: Disk = DISK) -> None:
    """An empty list is no file."""
    shown = str(root / FILE)
    if goldens:
        ignore_in_git(root, disk=disk)
        data = json.dumps({"format": UNUSED_FORMAT, "goldens": dict(goldens)}, indent=1).encode("ascii") + b"\n"
        write_file(root, FILE, data, scan=SecretScan(), shown=shown, disk=disk)
    elif (root / FILE).exists():
        remove_file(root, FILE, shown=shown, disk=disk)


def forget_used(root: Path, used: Collection[str], *, disk: Disk = DISK) -> None:
    """Take out of the list what some test has compared."""
    listed = read_unused(root)
    left = {golden: sha for golden, sha in listed.items() if golden not in used}
    if left != listed:
        write_unused(root, left, disk=disk)
