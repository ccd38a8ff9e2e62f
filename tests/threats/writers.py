"""Everything that writes files which tests are compared with, each on a disk and with a word in what it writes.

``python -m tests.threats.writers NAME FOLDER`` does it with a process that is killed at the first operation, at the
second one, and so on until none is left to be killed at.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from flujo_testing.audit.endings import Ending
from flujo_testing.audit.findings import Findings
from flujo_testing.audit.matrix import settled
from flujo_testing.audit.trial import Audited, State, Trial
from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.library import move, opened, remove, sealed
from flujo_testing.cassette.lines import written
from flujo_testing.cassette.shelf import Shelf, shelf_of
from flujo_testing.golden.closing import close
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.location import GoldenFolder, OwningTest, place_of
from flujo_testing.golden.mode import Mode
from flujo_testing.golden.pending import Pending, remove_pending, write_pending
from flujo_testing.golden.session import GoldenSession
from flujo_testing.golden.stories import of_transcripts
from flujo_testing.golden.writing import Disk
from flujo_testing.transcript.quoting import quoted
from tests.flujo_testing.disks import DeadlyDisk

RAIN, SNOW = (OwningTest("tests/test_sky.py", (name,)) for name in ("test_rain", "test_snow"))
CASSETTE = "test_sky/test_rain.jsonl"
NO_SCAN = SecretScan()


@dataclass(frozen=True, slots=True)
class Writer:
    """``prepare`` fills a folder; ``act`` writes a word there, and returns problems or raises a GoldenError."""

    prepare: Callable[[Path], None]
    act: Callable[[Path, Disk, SecretScan, str], list[str]]


def story(owner: OwningTest, word: str) -> str:
    return f'format: "flujo-golden/1"\nowner: "{owner.node_id}"\ninput: {quoted(word)}\n'


def _put(root: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def _goldens(root: Path) -> None:
    """One golden that will be another, one that nobody touches; the third one is missing."""
    _put(
        root,
        {
            "golden/test_sky/test_rain.yaml": story(RAIN, "old").encode(),
            "golden/test_sky/test_hail.yaml": story(OwningTest("tests/test_sky.py", ("test_hail",)), "hard").encode(),
        },
    )


def _closing(mode: Mode, artifacts: str | None = None) -> Callable[[Path, Disk, SecretScan, str], list[str]]:
    def act(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
        folder = GoldenFolder(root, root / "golden")
        kept = None if artifacts is None else root / artifacts
        session = GoldenSession(folder=folder, mode=mode, teller=of_transcripts(), scan=scan, artifacts=kept)
        for owner, golden in ((RAIN, story(RAIN, "old")), (SNOW, None)):
            session.compare(place_of(owner), owner.node_id, story(owner, word), golden)
        return close(session, complete=False, disk=disk).problems

    return act


def _proposed(root: Path) -> None:
    _goldens(root)
    write_pending(root / "golden/.pending", _proposal("old"), scan=NO_SCAN)


def _proposal(word: str) -> Pending:
    golden = place_of(RAIN).path
    return Pending(golden, RAIN.node_id, None, RAIN.node_id, None, story(RAIN, word))


def _settle(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
    remove_pending(root / "golden/.pending", place_of(RAIN).path, disk=disk)
    return []


def _findings(word: str) -> Findings:
    trial = Trial(fault="share_context", state=State.INFECTED, ending=Ending.SURVIVED)
    return Findings((), (Audited(test=f"tests/test_sky.py::test_rain[{word}]", passes=1, trials=(trial,)),), full=True)


def _matrix(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
    folder = GoldenFolder(root, root / "golden")
    list(settled(folder, _findings(word), Mode.PENDING, True, scan=scan, disk=disk))
    return []


def _exchanges(word: str) -> list[Exchange]:
    return [Exchange("a", {"input": word}, {"output": "wet"})]


def _recorded(root: Path) -> None:
    _put(root, {f"cassettes/{CASSETTE}": written(RAIN.node_id, _exchanges("old"))})


def _edited(root: Path) -> None:
    _recorded(root)
    file = root / "cassettes" / CASSETTE
    file.write_bytes(file.read_bytes().replace(b'"wet"', b'"dry"'))


def _shelf(root: Path, disk: Disk, scan: SecretScan) -> Shelf:
    plain = shelf_of(root, "cassettes", scan)
    return Shelf(plain.anchor, plain.path, plain.scan, disk)


def _keep(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
    _shelf(root, disk, scan).keep(CASSETTE, RAIN.node_id, _exchanges(word))
    return []


def _move(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
    shelf = _shelf(root, disk, scan)
    move(shelf, opened(shelf, CASSETTE), f"tests/test_sky.py::test_snow[{word}]")
    return []


def _seal(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
    sealed(_shelf(root, disk, scan), CASSETTE)
    return []


def _remove(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
    shelf = _shelf(root, disk, scan)
    remove(shelf, opened(shelf, CASSETTE))
    return []


WRITERS: dict[str, Writer] = {
    "goldens updated": Writer(_goldens, _closing(Mode.UPDATE)),
    "goldens proposed": Writer(_goldens, _closing(Mode.PENDING)),
    "goldens proposed again": Writer(_proposed, _closing(Mode.PENDING)),
    "goldens updated that were proposed": Writer(_proposed, _closing(Mode.UPDATE)),
    "goldens kept as artifacts": Writer(_goldens, _closing(Mode.CHECK, "artifacts")),
    "a proposal settled": Writer(_proposed, _settle),
    "the matrix of an audit": Writer(_goldens, _matrix),
    "a cassette recorded": Writer(lambda root: None, _keep),
    "a cassette recorded anew": Writer(_recorded, _keep),
    "a cassette renamed": Writer(_recorded, _move),
    "a cassette sealed": Writer(_edited, _seal),
    "a cassette removed": Writer(_recorded, _remove),
}


def files_in(root: Path) -> dict[str, bytes]:
    """The bytes of every file, by path."""
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def main() -> int:
    writer = WRITERS[sys.argv[1]]
    for killed_at in count(1):
        root = Path(sys.argv[2]) / str(killed_at)
        root.mkdir()
        writer.prepare(root)
        child = os.fork()
        if child == 0:
            writer.act(root, DeadlyDisk(killed_at), NO_SCAN, "new")
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            return 0
    raise AssertionError("counting ends with the first child that is not killed")


if __name__ == "__main__":
    sys.exit(main())
