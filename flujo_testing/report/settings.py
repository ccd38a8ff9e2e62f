"""What a run of pytest was told about its record: where it goes, and what is said of red tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

PLUGIN: Final = "flujo-report"
WORKER_OUTPUT: Final = "flujo_report"
"""What a worker of pytest-xdist says where its tests have told something."""
_SETTINGS: Final = pytest.StashKey["Settings"]()


@dataclass(frozen=True, slots=True)
class Settings:
    """Paths are None where nobody asked for them. ``triage`` is auto, always or never.

    Nothing is read off the environment or the current folder: a test that is running may have changed them.
    """

    report: Path | None
    summary: Path | None
    job_summary: Path | None
    junit: bool
    triage: str
    artifacts: Path | None

    @property
    def wants_all(self) -> bool:
        """Tests that are not red are told as well, with what they cost."""
        return self.junit or any(path is not None for path in (self.report, self.summary, self.job_summary))


def settings_of(config: pytest.Config) -> Settings:
    """Read once in each process."""
    if _SETTINGS not in config.stash:
        config.stash[_SETTINGS] = Settings(
            report=_path(config, "flujo_report"),
            summary=_path(config, "flujo_summary"),
            job_summary=_path(config, "flujo_job_summary"),
            junit=bool(config.getoption("xmlpath", None)),
            triage=config.getoption("flujo_triage"),
            artifacts=_path(config, "flujo_golden_artifacts"),
        )
    return config.stash[_SETTINGS]


def _path(config: pytest.Config, name: str) -> Path | None:
    given = config.getoption(name)
    return config.invocation_params.dir / given if given else None
