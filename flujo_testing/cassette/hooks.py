"""What pytest calls while cassettes are in use: registered with the first test that asks for one."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Final

import pytest

from flujo_testing.cassette.shelf import Shelf, shelf_of
from flujo_testing.golden.inert import inert
from flujo_testing.golden.leak import secrets_in

PLUGIN: Final = "flujo-cassette"
CALL_ENDED: Final = pytest.StashKey[bool]()
"""The test came to an end by itself: nobody interrupted it."""


def hooks_of(config: pytest.Config) -> CassetteHooks:
    """The hooks of this run, registered now if they are not yet."""
    known = config.pluginmanager.get_plugin(PLUGIN)
    if known is None:
        known = CassetteHooks(config)
        config.pluginmanager.register(known, PLUGIN)
    assert isinstance(known, CassetteHooks)
    return known


class CassetteHooks:
    """``recorded``: cassettes of this run, which another backend of their test plays. ``unused``: what none asked."""

    def __init__(self, config: pytest.Config) -> None:
        self.shelf = shelf_for(config)
        self.recorded: set[str] = set()
        self.played = 0
        self.unused: dict[str, int] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call":
            item.stash[CALL_ENDED] = True
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.recorded or self.unused:
            terminalreporter.section("cassettes")
        for shown in sorted(self.recorded):
            terminalreporter.write_line(inert(f"recorded {shown}"))
        for shown, count in sorted(self.unused.items()):
            answers = "1 answer that nothing asks" if count == 1 else f"{count} answers that nothing asks"
            terminalreporter.write_line(inert(f"{shown} holds {answers} for: record it again to drop them"))


def shelf_for(config: pytest.Config) -> Shelf:
    """The shelf of this project: anchored at its ini file, scanned for what the environment calls a secret."""
    anchor = config.inipath.parent if config.inipath is not None else config.rootpath
    return shelf_of(anchor, config.getini("flujo_cassette_dir"), secrets_in(os.environ))
