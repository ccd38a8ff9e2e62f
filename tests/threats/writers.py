"""Everything that writes files which tests are compared with, each on a disk and with a word in what it writes.

``python -m tests.threats.writers NAME FOLDER`` does it with a process that is killed at the first operation, at the
second one, and so on until none is left to be killed at.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
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
from flujo_testing.from_run.files import File, write_all
from flujo_testing.golden.closing import close
from flujo_testing.golden.findings import digest
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.location import GoldenFolder, OwningTest, place_of
from flujo_testing.golden.mode import Mode
from flujo_testing.golden.pending import Pending, remove_pending, write_pending
from flujo_testing.golden.session import GoldenSession
from flujo_testing.golden.stories import of_transcripts
from flujo_testing.golden.unused import write_unused
from flujo_testing.golden.writing import Disk
from flujo_testing.report.last_run import masked, write_record, write_whole
from flujo_testing.report.markdown import as_markdown
from flujo_testing.report.page import page
from flujo_testing.report.record import SuiteRecord
from flujo_testing.review.acting import prune, settle
from flujo_testing.review.decision import Desk
from flujo_testing.review.groups import Changed
from flujo_testing.transcript.quoting import quoted
from tests.flujo_testing.disks import DeadlyDisk
from tests.flujo_testing.report.records import SMALL

RAIN, SNOW = (OwningTest("tests/test_sky.py", (name,)) for name in ("test_rain", "test_snow"))
CASSETTE = "test_sky/test_rain.jsonl"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
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


def _waiting(root: Path) -> None:
    """A proposal that can be decided about: its golden is what it was, and its test is there."""
    _goldens(root)
    _put(root, {"tests/test_sky.py": b"def test_rain(): ...\n"})
    pending = replace(_proposal("wet"), base=digest(story(RAIN, "old").encode()))
    write_pending(root / "golden/.pending", pending, scan=NO_SCAN)


def _desk(root: Path, disk: Disk, scan: SecretScan) -> Desk:
    return Desk(GoldenFolder(root, root / "golden"), scan, disk)


def _deciding(verb: str) -> Callable[[Path, Disk, SecretScan, str], list[str]]:
    def act(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
        desk = _desk(root, disk, scan)
        return settle(desk, None, verb, [], reason=f"is {word}", at=NOON, everything=True).problems

    return act


def _unowned(root: Path) -> None:
    _goldens(root)
    golden = place_of(RAIN).path
    write_unused(root / "golden/.pending", {golden: digest((root / "golden" / golden).read_bytes())})


def _prune(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
    return prune(_desk(root, disk, scan), reason=f"is {word}", at=NOON).problems


def _made_of_a_run(force: bool) -> Callable[[Path, Disk, SecretScan, str], list[str]]:
    def act(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
        golden, shelf = place_of(RAIN).path, _shelf(root, disk, scan)
        test = f"def test_rain():\n    assert {word!r}\n".encode()
        files = [
            File(shelf.path, CASSETTE, shelf.shown(CASSETTE), written(RAIN.node_id, _exchanges(word)), shelf.scan),
            File(root / "golden", golden, f"golden/{golden}", story(RAIN, word).encode(), scan),
            File(root, "tests/test_sky.py", "tests/test_sky.py", test, scan),
        ]
        write_all(files, force=force, disk=disk)
        return []

    return act


def _made_before(root: Path) -> None:
    _made_of_a_run(force=False)(root, Disk(), NO_SCAN, "old")


def _told(word: str) -> SuiteRecord:
    """A run of which everything that others may name is called by a word."""
    test = f"tests/test_sky.py::test_rain[{word}]"
    case, cause = SMALL.cases[2], SMALL.causes[0]
    return replace(
        SMALL,
        cases=(replace(case, test=test, message=word),),
        causes=(replace(cause, title=word, tests=(test,), example=word, command=word, steps=(word,)),),
        changed=(Changed("test_sky/test_rain.yaml", test, story(RAIN, "old"), story(RAIN, word)),),
        audit={test: {"share_context": "SURVIVED"}},
    )


def _record(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
    write_record(root / "out", masked(_told(word), scan), scan, disk)
    return []


def _report(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
    write_whole(root / "report.html", page(masked(_told(word), scan)), scan, disk)
    return []


def _summary(root: Path, disk: Disk, scan: SecretScan, word: str) -> list[str]:
    write_whole(root / "summary.md", as_markdown(masked(_told(word), scan)), scan, disk)
    return []


def _reported(root: Path) -> None:
    _put(root, {"out/last-run.json": b"{}", "report.html": b"old", "summary.md": b"old"})


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


def _goldens_elsewhere(root: Path) -> None:
    _put(root, {"golden/test_sky/test_hail.yaml": b"", "tests/test_sea.py": b""})


WRITERS: dict[str, Writer] = {
    "goldens updated": Writer(_goldens, _closing(Mode.UPDATE)),
    "goldens proposed": Writer(_goldens, _closing(Mode.PENDING)),
    "goldens proposed again": Writer(_proposed, _closing(Mode.PENDING)),
    "goldens updated that were proposed": Writer(_proposed, _closing(Mode.UPDATE)),
    "goldens kept as artifacts": Writer(_goldens, _closing(Mode.CHECK, "artifacts")),
    "a proposal settled": Writer(_proposed, _settle),
    "a proposal accepted": Writer(_waiting, _deciding("accept")),
    "a proposal rejected": Writer(_waiting, _deciding("reject")),
    "a golden pruned": Writer(_unowned, _prune),
    "a test made of a run": Writer(_goldens_elsewhere, _made_of_a_run(force=False)),
    "a test made of a run anew": Writer(_made_before, _made_of_a_run(force=True)),
    "the record of a run": Writer(_reported, _record),
    "the page of a run": Writer(_reported, _report),
    "the summary of a run": Writer(_reported, _summary),
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
