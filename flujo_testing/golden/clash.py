"""Other plugins that offer a fixture ``golden``, too: pytest silently takes the last one."""

from __future__ import annotations

from types import FunctionType, ModuleType

import pytest

NAME = "golden"
_RIVALS = pytest.StashKey[list[str]]()


def rivals(config: pytest.Config) -> list[str]:
    """The names of those plugins, as the first test found them; a ``golden`` of a conftest.py is the project's own."""
    if _RIVALS not in config.stash:
        config.stash[_RIVALS] = _rivals(config)
    return config.stash[_RIVALS]


def _rivals(config: pytest.Config) -> list[str]:
    return sorted(
        name
        for name, plugin in config.pluginmanager.list_name_plugin()
        if isinstance(plugin, ModuleType)
        and not plugin.__name__.startswith("flujo_testing.")
        and not (plugin.__file__ or "").endswith("conftest.py")
        and _is_fixture(vars(plugin).get(NAME))
    )


def remedy(names: list[str]) -> str:
    listed = ", ".join(names)
    return (
        f"the fixture 'golden' is offered by flujo and by another plugin ({listed}): ask for 'flujo_golden' "
        f"instead of 'golden', or turn the other one off (-p no:{names[0]})"
    )


def _is_fixture(value: object) -> bool:
    """Since pytest 8.4 a fixture is an object of a class of its own, before it was a function with a mark."""
    if isinstance(value, FunctionType):
        return "_pytestfixturefunction" in vars(value)
    return type(value).__name__ == "FixtureFunctionDefinition"
