"""Looks for secrets, and for files that are no goldens, in all goldens and in what waits for a decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from flujo_testing.golden.errors import GoldenError
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.location import GoldenFolder
from flujo_testing.golden.parsing import read_data
from flujo_testing.golden.pending import pending_folder, pending_goldens, read_pending
from flujo_testing.golden.reading import golden_paths, read_bounded, read_golden
from flujo_testing.review.page import MAX_PAGE_BYTES, PAGE, scan_of_page


@dataclass(slots=True)
class Scanned:
    """How many files were looked at, and sentences about those that are not as they should be."""

    files: int = 0
    secrets: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)


def scanned(folder: GoldenFolder, scan: SecretScan) -> Scanned:
    found = Scanned()
    for shown, read in _files(folder):
        try:
            content = read()
        except GoldenError as error:
            found.files += 1
            found.corrupt.append(str(error))
            continue
        if content is not None:
            found.files += 1
            fitting = scan_of_page(scan) if shown == folder.shown(PAGE) else scan
            if (where := fitting.find(content)) is not None:
                found.secrets.append(f"{shown}: {where} holds a secret")
    return found


def _files(folder: GoldenFolder) -> Iterator[tuple[str, Callable[[], bytes | None]]]:
    """Every file as it is shown, with what reads it: goldens, proposals, the page of decisions."""
    root = pending_folder(folder)
    for golden in golden_paths(folder):
        yield folder.shown(golden), partial(_golden, folder, golden)
    for golden in pending_goldens(root):
        yield str(root / f"{golden}.json"), partial(_proposal, folder, golden)
    yield folder.shown(PAGE), partial(read_bounded, folder.path, PAGE, folder.shown(PAGE), MAX_PAGE_BYTES)


def _golden(folder: GoldenFolder, golden: str) -> bytes | None:
    content = read_golden(folder, golden)
    if content is not None:
        read_data(content, folder.shown(golden))
    return content


def _proposal(folder: GoldenFolder, golden: str) -> bytes | None:
    pending = read_pending(pending_folder(folder), golden)
    return None if pending is None else pending.text.encode("utf-8")
