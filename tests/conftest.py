"""Tests judge by what comes out and never by how long it takes: Hypothesis measures no time either."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test has one id, in whichever process: none that holds where an object lies in memory."""
    if found := [item.nodeid for item in items if " object at 0x" in item.nodeid or "<function " in item.nodeid]:
        raise pytest.UsageError(f"name the parameters by ids=: {found[0]}")
