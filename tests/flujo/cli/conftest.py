"""Calls the command line as a user does, in a folder of its own and 100 columns wide, without colours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flujo.cli.process import ROOT, main

__all__ = ["PRESS", "ROOT", "Call", "Said", "flujo"]
PRESS = "tests.flujo.cli.press"


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def flujo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Call]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("FLUJO_STORE", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    known, path = set(sys.modules), list(sys.path)

    def call(*arguments: str) -> Said:
        code = main(arguments)
        said = capfd.readouterr()
        return Said(code, said.out, said.err)

    yield call
    sys.path[:] = path
    for name in set(sys.modules) - known:  # what a test has written and imported
        if Path(str(vars(sys.modules[name]).get("__file__"))).is_relative_to(tmp_path):
            del sys.modules[name]
