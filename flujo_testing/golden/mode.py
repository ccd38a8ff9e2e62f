"""What a run of the tests does with goldens: compare only, leave proposals, or write."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Mode(StrEnum):
    CHECK = "check"
    """Compare; write nothing but artifacts that were asked for."""
    PENDING = "pending"
    """Compare; leave a proposal for every golden that is missing or different."""
    UPDATE = "update"
    """Write every golden that is missing or different, when the run ends."""


def mode_of(option: str | None, environ: Mapping[str, str]) -> Mode:
    """The mode that was asked for; otherwise check in CI, and pending on a developer's machine."""
    if option is not None:
        return Mode(option)
    return Mode.CHECK if in_ci(environ) else Mode.PENDING


def in_ci(environ: Mapping[str, str]) -> bool:
    """``CI`` is set, as every CI service does, and neither empty nor ``0`` nor ``false``."""
    return environ.get("CI", "").strip().lower() not in {"", "0", "false"}
