"""A project's goldens and proposals without pytest runs, for the tests of decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flujo_testing.golden.findings import digest
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.location import GoldenFolder
from flujo_testing.golden.pending import Pending, read_pending, write_pending
from flujo_testing.golden.writing import DISK, Disk
from flujo_testing.review.acting import Acted, settle
from flujo_testing.review.decision import Desk
from flujo_testing.review.groups import Changed
from flujo_testing.review.proposals import Waiting, waiting
from tests.flujo_testing.review.stories import Story, changed, failed_attempts_unpaid, feedback_lost, story

NOON = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
SCAN = SecretScan()
UNPAID = "aae0dfb9"
"""The key of the group of failed attempts that are no longer paid."""
UNTOLD = "918c3ac9"
"""The key of the group of feedback that is lost."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with goldens; ``pending`` holds proposals for them."""

    path: Path

    @property
    def folder(self) -> GoldenFolder:
        return GoldenFolder(self.path, self.path / "golden")

    @property
    def pending(self) -> Path:
        return self.path / "golden/.pending"

    def desk(self, disk: Disk = DISK) -> Desk:
        return Desk(self.folder, SCAN, disk)

    def waiting(self) -> Waiting:
        return waiting(self.folder)

    def propose(self, one: Changed, root: Path | None = None) -> None:
        """Put a golden in its place, its test into its file, and leave a proposal for it."""
        file = self.path / one.test.partition("::")[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        name = one.test.partition("::")[2]
        with file.open("a", encoding="utf-8") as out:
            out.write(f"def {name}(golden): ...\n")
        base = None
        if one.before is not None:
            self.write(f"golden/{one.golden}", one.before)
            base = digest(one.before.encode())
        pending = Pending(one.golden, one.test, None, one.test, base, one.after or "")
        write_pending(root or self.pending, pending, scan=SCAN)

    def proposal(self, golden: str) -> Pending:
        pending = read_pending(self.pending, golden)
        if pending is None:
            raise LookupError(f"there is no proposal for {golden}")
        return pending

    def write(self, path: str, text: str) -> Path:
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def goldens(self) -> dict[str, str]:
        root = self.path / "golden"
        files = sorted(file for file in root.rglob("*.yaml") if ".pending" not in file.parts)
        return {file.relative_to(root).as_posix(): file.read_text(encoding="utf-8") for file in files}

    def page(self) -> str:
        return (self.path / "golden/CHANGES.md").read_text(encoding="utf-8")

    def settle(self, verb: str, *names: str, reason: str = "they are refunded", disk: Disk = DISK) -> Acted:
        return settle(self.desk(disk), None, verb, names, reason=reason, at=NOON, everything=not names)


def three(place: Place) -> list[Changed]:
    """Three goldens: one with failed attempts unpaid, one with feedback lost, one with both."""
    causes: tuple[tuple[Callable[[Story], Story], ...], ...] = (
        (failed_attempts_unpaid,),
        (feedback_lost,),
        (failed_attempts_unpaid, feedback_lost),
    )
    found = [
        changed(story(f"tests/test_rain.py::test_{number}", drafts=2), *made) for number, made in enumerate(causes)
    ]
    for one in found:
        place.propose(one)
    return found
