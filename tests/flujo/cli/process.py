"""``flujo`` as its console script runs it, with the commands of the project, also of one that is not installed."""

from __future__ import annotations

import signal
import tomllib
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

from flujo.cli.commands import GROUP, run

ROOT = Path(__file__).parents[3]


def entries() -> list[EntryPoint]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [EntryPoint(name, value, GROUP) for name, value in project["entry-points"][GROUP].items()]


def started(arguments: Sequence[str]) -> int:
    """As a process of its own, which Ctrl-C reaches: a shell has it ignored by all that runs in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return main(arguments)


def main(arguments: Sequence[str]) -> int:
    return run(arguments, entries())
