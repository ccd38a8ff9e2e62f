"""``--flujo-shard=2/5``: the second of five parts of the tests, the same in every process and on every machine.

Which part a test is in follows from its node id alone: neither from the other tests nor from their order. Loaded
where the option is given: pytest and the standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest

PLUGIN = "flujo-shard"
_GIVEN = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a suite. ``number`` counts from 1."""

    number: int
    of: int

    def holds(self, node_id: str) -> bool:
        digest = hashlib.sha256(node_id.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1


def shard_of(text: str) -> Shard:
    """The shard that ``2/5`` names. Raises argparse.ArgumentTypeError for what names none."""
    given = _GIVEN.fullmatch(text)
    if given is None:
        raise argparse.ArgumentTypeError(f"{text!r} names no shard: write 2/5 for the second of five")
    number, of = map(int, given.groups())
    if not 1 <= number <= of:
        raise argparse.ArgumentTypeError(f"{text!r} names no shard: write 1/{of or 1} to {of or 1}/{of or 1}")
    return Shard(number, of)


def register(config: pytest.Config) -> None:
    config.pluginmanager.register(Sharding(config.getoption("flujo_shard")), PLUGIN)


class Sharding:
    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.kept = self.collected = 0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
        """Before all others: pytest-xdist adds the names of its groups to node ids."""
        elsewhere = [item for item in items if not self.shard.holds(item.nodeid)]
        self.collected, self.kept = len(items), len(items) - len(elsewhere)
        if elsewhere:
            items[:] = [item for item in items if self.shard.holds(item.nodeid)]
            config.hook.pytest_deselected(items=elsewhere)
        return (yield)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """What a process of pytest-xdist has collected; they all collect the same."""
        self.kept, self.collected = getattr(node, "workeroutput", {}).get(PLUGIN, (self.kept, self.collected))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A shard of a small suite may be empty, and that is no failure."""
        output = vars(session.config).get("workeroutput")
        if output is not None:
            output[PLUGIN] = (self.kept, self.collected)
        elif exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.collected and not self.kept:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        text = f"shard {self.shard.number}/{self.shard.of}: {self.kept} of {self.collected} tests"
        terminalreporter.write_line(text)
