"""Where cassettes lie, and how one is read and written: below one folder, whole or not at all, without a secret.

``cassettes/<path of the test file without tests/ and .py>/<Class.>test[params].jsonl``, below the folder of the ini
file that sets ``flujo_cassette_dir``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flujo_testing.cassette.errors import CassetteCorrupt, CassetteMisuse
from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.layers import texts_within
from flujo_testing.cassette.lines import MAX_BYTES, read, written
from flujo_testing.golden.errors import GoldenCorrupt
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.location import SUFFIX as GOLDEN_SUFFIX
from flujo_testing.golden.location import OwningTest, place_of
from flujo_testing.golden.reading import read_bounded
from flujo_testing.golden.writing import DISK, Disk, write_file

SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder of all cassettes; ``anchor`` is the project's folder, to which owners are relative."""

    anchor: Path
    path: Path
    scan: SecretScan
    disk: Disk = DISK

    def shown(self, cassette: str) -> str:
        """The path of a cassette as a user finds it: relative to the project."""
        full = self.path / cassette
        return full.relative_to(self.anchor).as_posix() if full.is_relative_to(self.anchor) else str(full)

    def load(self, cassette: str, owner: str) -> list[Exchange] | None:
        """The exchanges of a cassette, None if there is no such file. Raises CassetteCorrupt."""
        shown = self.shown(cassette)
        try:
            content = read_bounded(self.path, cassette, shown, MAX_BYTES)
        except GoldenCorrupt as error:
            raise CassetteCorrupt(error.path, error.line, error.reason) from None
        if content is None:
            return None
        known, exchanges = read(content, shown)
        if known != owner:
            reason = f"belongs to {known:.400}, not to {owner}: 'flujo cassette rename' moves it with its test"
            raise CassetteCorrupt(shown, 1, reason)
        return exchanges

    def keep(self, cassette: str, owner: str, exchanges: Sequence[Exchange]) -> None:
        """Write a cassette. Raises SecretFound, GoldenNotWritten, GoldenCorrupt; the old file then stays."""
        data = written(owner, exchanges)
        write_file(self.path, cassette, data, scan=self.scan, shown=self.shown(cassette), disk=self.disk)


def shelf_of(anchor: Path, setting: str, scan: SecretScan) -> Shelf:
    """The folder that the ini file names."""
    folder = anchor / setting
    if not setting.strip() or folder == anchor:
        raise CassetteMisuse(f"flujo_cassette_dir = {setting!r} is no folder of its own: name one, such as 'cassettes'")
    remedy = "@pytest.mark.flujo_cassette(redact={...})"
    return Shelf(anchor, folder, replace(scan, fields=texts_within, remedy=remedy))


def cassette_of(test: OwningTest) -> str:
    """The path of a test's cassette below the shelf."""
    return place_of(test).path.removesuffix(GOLDEN_SUFFIX) + SUFFIX
