"""What a run of pytest was told about the audit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

ALONE = {
    "flujo_schedules": "--flujo-schedules",
    "flujo_schedule": "--flujo-schedule",
    "flujo_prune_cassettes": "--flujo-prune-cassettes",
    "update_snapshots": "--snapshot-update",
    "trace": "--trace",
}
"""Options that want the passes of a test for themselves, or write."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``full``: every test under every fault. ``least_percent`` and ``most_vacuous`` are gates, None for none."""

    full: bool
    least_percent: int | None
    most_vacuous: int | None
    timeout_s: float
    waivers: Path | None
    json: Path | None
    markdown: Path | None


def settings_of(config: pytest.Config) -> Settings:
    """The options. Raises pytest.UsageError for what cannot be meant."""
    _refuse_updates(config)
    full = config.getoption("flujo_audit") == "full"
    least, vacuous, timeout_s = (config.getoption(f"flujo_audit_{name}") for name in ("min", "vacuous", "timeout"))
    if least is not None and not 1 <= least <= 100:
        raise pytest.UsageError(f"--flujo-audit-min={least}: give the least score in percent, from 1 to 100")
    if vacuous is not None and (vacuous < 0 or not full):
        raise pytest.UsageError(
            f"--flujo-audit-vacuous={vacuous} counts tests that notice nothing: it needs --flujo-audit=full, which "
            "tries every fault on every test, and a number of 0 or more"
        )
    if timeout_s <= 0:
        raise pytest.UsageError(f"--flujo-audit-timeout={timeout_s:g}: give the seconds that one pass may take")
    anchor = config.inipath.parent if config.inipath is not None else config.rootpath
    waivers = str(config.getini("flujo_audit_waivers"))
    return Settings(
        full=full,
        least_percent=least,
        most_vacuous=vacuous,
        timeout_s=timeout_s,
        waivers=anchor / waivers if waivers else None,
        json=_path(config, "flujo_audit_json"),
        markdown=_path(config, "flujo_audit_md"),
    )


def _refuse_updates(config: pytest.Config) -> None:
    others = [told for name, told in ALONE.items() if config.getoption(name, None) not in (None, False)]
    if config.getoption("flujo_golden") == "update":
        others.append("--golden=update")
    if config.getoption("flujo_record") not in (None, "none"):
        others.append("--flujo-record")
    if others:
        raise pytest.UsageError(f"--flujo-audit only reads, and makes all passes itself: leave {others[0]} out")


def _path(config: pytest.Config, name: str) -> Path | None:
    given = config.getoption(name)
    return None if given is None else Path(given).absolute()
