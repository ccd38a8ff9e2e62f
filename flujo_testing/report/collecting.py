"""What a test tells of itself, put on its reports: pytest-xdist carries them to the process that adds up.

Loaded with the first test that may run a pipeline. A test that passes leaves something only where somebody asks.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Final

import pytest

from flujo_testing.agents.passes import Pass, current_pass
from flujo_testing.golden.inert import inert
from flujo_testing.report.places import place_of
from flujo_testing.report.record import RunRecord, sum_usd
from flujo_testing.report.runs import records_of
from flujo_testing.report.settings import PLUGIN, settings_of
from flujo_testing.report.signs import GOLDEN, Sign, message_of, reason_of, sign_of, strongest
from flujo_testing.report.told import PROPERTY, Told

_PASS: Final = pytest.StashKey[Pass]()
_SIGNS: Final = pytest.StashKey[list[Sign]]()


def collected(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """A phase of a test is over, and its pass still open, but for the last phase."""
    settings = settings_of(item.config)
    if call.when == "setup":
        item.stash[_SIGNS] = []
    runs = _runs(item, call.when) if settings.wants_all else ()
    failed = _failure(item, call.excinfo.value) if report.failed and call.excinfo is not None else None
    if failed is not None and failed.sign is not None:
        item.stash.setdefault(_SIGNS, []).append(failed.sign)
    if failed is not None or runs:
        vars(report)[PROPERTY] = json.dumps(asdict(replace(failed or Told(), runs=runs)))
    if settings.junit and call.when == "teardown":
        report.user_properties += _properties(item, runs)
    if (failed is not None or settings.wants_all) and not item.config.pluginmanager.has_plugin(PLUGIN):
        from flujo_testing.report.hooks import hooks_of

        hooks_of(item.config)


def _failure(item: pytest.Item, error: BaseException) -> Told:
    root = item.config.rootpath
    place = place_of(reason_of(error), root) or place_of(error, root)
    file, line = ("", 0) if place is None else (inert(place.file), place.line)
    return Told(sign_of(error, root), message_of(error), file, line)


def _runs(item: pytest.Item, phase: str) -> tuple[RunRecord, ...]:
    """All of them when the test has been torn down, and then no more: events are not kept for the tests to come."""
    now = current_pass()
    if now is not None and now.name == item.nodeid:
        item.stash[_PASS] = now
    if phase != "teardown" or _PASS not in item.stash:
        return ()
    passed = item.stash[_PASS]
    del item.stash[_PASS]
    return records_of(passed.runs)


def _properties(item: pytest.Item, runs: tuple[RunRecord, ...]) -> list[tuple[str, object]]:
    """For JUnit: what the test cost, and of which causes it is red."""
    properties: list[tuple[str, object]] = []
    if runs:
        usd = sum_usd(run.usd for run in runs)
        properties.append(("flujo_usd", "unknown" if usd is None else usd))
    if signs := item.stash.get(_SIGNS, None):
        properties += [("flujo_cause", f"{key}: {title}") for key, title in _causes(item, strongest(signs))]
    return properties


def _causes(item: pytest.Item, sign: Sign) -> list[tuple[str, str]]:
    if sign.kind == GOLDEN:
        from flujo_testing.report.sources import changed_goldens, changed_together

        if found := changed_together(changed_goldens(item.config, {item.nodeid})):
            return [(one.group.key, one.group.title) for one in found]
    return [(sign.key, sign.title)]
