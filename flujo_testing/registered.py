"""Hooks that pytest calls only where something uses them: registered with the first use, one of each kind per run."""

from __future__ import annotations

from typing import Protocol, TypeVar

import pytest


class Hooks(Protocol):
    """An object with hooks of pytest, made for one run."""

    def __init__(self, config: pytest.Config) -> None: ...


H = TypeVar("H", bound=Hooks)


def registered(config: pytest.Config, name: str, kind: type[H]) -> H:
    """The hooks of this run under this name, registered now if they are not yet."""
    known = config.pluginmanager.get_plugin(name)
    if known is None:
        known = kind(config)
        config.pluginmanager.register(known, name)
    assert isinstance(known, kind)
    return known
