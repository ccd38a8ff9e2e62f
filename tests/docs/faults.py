"""``python -m tests.docs.faults`` writes the catalogue of docs/faults.md from its rows; a test compares it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from flujo_testing.faults import FAULTS
from tests.docs.pages import DOCS

PAGE = DOCS / "faults.md"
HEADING = "## The catalogue\n"
GROUPS = ("accounting", "propagation", "isolation", "transcript")


def catalogue() -> str:
    """The tables of all groups, and how many faults they have."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    faults = [fault for fault in FAULTS.values() if fault.group in GROUPS]
    yield f"{len(faults)} faults. For each a run of ours kills it by an exact claim, and another is left as it is."
    for group in GROUPS:
        yield from ("", f"### {group.capitalize()}", "", "| fault | law | what the engine does wrong | seam | claim |")
        yield "|---|---|---|---|---|"
        for fault in faults:
            if fault.group == group:
                seams = ", ".join(f"`{seam}`" for seam in fault.seam.split(", "))
                yield f"| `{fault.name}` | {fault.law} | {fault.wrong} | {seams} | `{fault.assertion}` |"


def written(page: str) -> str:
    """The page with the catalogue as it is."""
    return f"{page.partition(HEADING)[0]}{HEADING}\n{catalogue()}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
