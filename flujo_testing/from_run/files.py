"""The three files of a test made of a run: written all or none, none over another, none with a secret in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.lines import written as cassette_text
from flujo_testing.cassette.shelf import Shelf, cassette_of
from flujo_testing.from_run.errors import NotATest
from flujo_testing.from_run.source import Source
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.location import GoldenFolder, OwningTest, place_of
from flujo_testing.golden.stories import golden_text, of_transcripts
from flujo_testing.golden.writing import DISK, Disk, remove_file, write_file


@dataclass(frozen=True, slots=True)
class File:
    """``path`` below ``root``; ``shown`` is how a user finds it."""

    root: Path
    path: str
    shown: str
    data: bytes
    scan: SecretScan

    @property
    def full(self) -> Path:
        return self.root / self.path


def files_of(
    test: Source, exchanges: Sequence[Exchange], result: object, goldens: GoldenFolder, shelf: Shelf, scan: SecretScan
) -> list[File]:
    """Cassette, golden and test, the test last: it is of no use without the others."""
    owner = OwningTest(test.file, (test.test,))
    place, cassette = place_of(owner), cassette_of(owner)
    text = golden_text(of_transcripts(), result, place, None)
    return [
        File(shelf.path, cassette, shelf.shown(cassette), cassette_text(owner.node_id, exchanges), shelf.scan),
        File(goldens.path, place.path, goldens.shown(place.path), text.encode("utf-8"), scan),
        File(goldens.anchor, test.file, test.file, test.text.encode("utf-8"), scan),
    ]


def write_all(files: Sequence[File], *, force: bool = False, disk: Disk = DISK) -> None:
    """After an error all are as they were. Raises NotATest, SecretFound, GoldenNotWritten, GoldenCorrupt."""
    there = [file.shown for file in files if file.full.exists()]
    if there and not force:
        verb = "exists" if len(there) == 1 else "exist"
        raise NotATest(f"{' and '.join(there)} {verb} already: pass another --name or --test, or --force")
    for file in files:
        file.scan.refuse(file.data, file.shown)
    before = {file.shown: file.full.read_bytes() if file.full.exists() else None for file in files}
    begun: list[File] = []
    try:
        for file in files:
            begun.append(file)
            write_file(file.root, file.path, file.data, scan=file.scan, shown=file.shown, disk=disk)
    except BaseException:
        for file in reversed(begun):
            _restore(file, before[file.shown], disk)
        raise


def _restore(file: File, before: bytes | None, disk: Disk) -> None:
    """The last one begun may be there too: a disk can fail after it has put a file in its place."""
    if before is None:
        remove_file(file.root, file.path, shown=file.shown, disk=disk)
    elif file.full.read_bytes() != before:
        write_file(file.root, file.path, before, scan=SecretScan(), shown=file.shown, disk=disk)
