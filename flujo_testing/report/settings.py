"""What a run of pytest was told about its record: where it goes, and what is said of red tests."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from flujo_testing.golden.mode import Mode, mode_of

PLUGIN: Final = "flujo-report"
WORKER_OUTPUT: Final = "flujo_report"
"""What a worker of pytest-xdist says where its tests have told something."""
SUMMARY_OF_GITHUB: Final = "GITHUB_STEP_SUMMARY"
_SETTINGS: Final = pytest.StashKey["Settings"]()


@dataclass(frozen=True, slots=True)
class Settings:
    """Paths are None where nobody asked for them. ``triage`` is auto, always or never, ``mode`` that of goldens."""

    report: Path | None
    summary: Path | None
    github_summary: Path | None
    junit: bool
    triage: str
    mode: Mode
    artifacts: Path | None

    @property
    def wants_all(self) -> bool:
        """Tests that are not red are told as well, with what they cost."""
        return self.junit or any(path is not None for path in (self.report, self.summary, self.github_summary))

    @property
    def keeps(self) -> bool:
        """The record of a red run stays on this machine."""
        return self.triage != "never" and self.mode is not Mode.CHECK


def settings_of(config: pytest.Config) -> Settings:
    """Read once in each process."""
    if _SETTINGS not in config.stash:
        config.stash[_SETTINGS] = _read(config)
    return config.stash[_SETTINGS]


def _read(config: pytest.Config) -> Settings:
    github = os.environ.get(SUMMARY_OF_GITHUB)
    return Settings(
        report=_path(config, "flujo_report"),
        summary=_path(config, "flujo_summary"),
        github_summary=Path(github) if github else None,
        junit=bool(config.getoption("xmlpath", None)),
        triage=config.getoption("flujo_triage"),
        mode=mode_of(config.getoption("flujo_golden"), os.environ),
        artifacts=_path(config, "flujo_golden_artifacts"),
    )


def _path(config: pytest.Config, name: str) -> Path | None:
    given = config.getoption(name)
    return None if given is None else Path(given).absolute()
