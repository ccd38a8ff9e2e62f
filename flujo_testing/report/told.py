"""What one phase of a test tells of itself. Plain data, for it crosses processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flujo_testing.report.record import RunRecord
from flujo_testing.report.signs import Sign

PROPERTY: Final = "flujo_case"
"""The attribute of a report that holds what its phase told, as JSON."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one phase of a test told: why it failed, if it did; after the last one, the runs of the test."""

    sign: Sign | None = None
    message: str = ""
    file: str = ""
    line: int = 0
    runs: tuple[RunRecord, ...] = ()
