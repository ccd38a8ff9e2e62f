"""What pytest calls while cassettes are in use: registered with the first test that asks for one."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Final

import pytest

from flujo_testing.cassette.shelf import Shelf, shelf_of
from flujo_testing.golden.inert import inert
from flujo_testing.golden.leak import secrets_in
from flujo_testing.registered import registered

PLUGIN: Final = "flujo-cassette"
CALL_PASSED: Final = pytest.StashKey[bool]()
"""Whether the test passed; there is nothing where somebody interrupted it."""


def hooks_of(config: pytest.Config) -> CassetteHooks:
    """The hooks of this run, registered now if they are not yet."""
    return registered(config, PLUGIN, CassetteHooks)


class CassetteHooks:
    """``recorded``: cassettes of this run, which another backend of their test plays.

    ``unused``: in which, and how many answers nobody asked for; ``pruned``: the same of those that were dropped.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.shelf = shelf_for(config)
        self.recorded: set[str] = set()
        self.prunes: bool = config.getoption("flujo_prune_cassettes")
        self.pruned: dict[str, int] = {}
        self.unused: dict[str, int] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call":
            item.stash[CALL_PASSED] = report.passed
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.recorded or self.unused or self.pruned:
            terminalreporter.section("cassettes")
        for shown in sorted(self.recorded):
            terminalreporter.write_line(inert(f"recorded {shown}"))
        for shown, count in sorted(self.pruned.items()):
            terminalreporter.write_line(inert(f"dropped {_answers(count)} that nothing asks for from {shown}"))
        for shown, count in sorted(self.unused.items()):
            text = f"{shown} holds {_answers(count)} that nothing asks for: --flujo-prune-cassettes drops them"
            terminalreporter.write_line(inert(text))


def _answers(count: int) -> str:
    return "1 answer" if count == 1 else f"{count} answers"


def shelf_for(config: pytest.Config) -> Shelf:
    """The shelf of this project: anchored at its ini file, scanned for what the environment calls a secret."""
    anchor = config.inipath.parent if config.inipath is not None else config.rootpath
    return shelf_of(anchor, config.getini("flujo_cassette_dir"), secrets_in(os.environ))
