"""Which tests of a conformance class a part fails, and with which message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flujo_testing import ConformanceError


def sentences_of(suite: type[Any]) -> list[str]:
    return sorted(name for name in vars(suite) if name.startswith("test_"))


async def breaches(suite: type[Any], candidate: Any) -> dict[str, str]:
    """The async tests of ``suite`` that ``candidate``, an object of a subclass, fails, and what they say."""
    found: dict[str, str] = {}
    for name in sentences_of(suite):
        with _noted(found, name):
            await getattr(candidate, name)()
    return found


def plain_breaches(suite: type[Any], candidate: Any) -> dict[str, str]:
    """The same for tests that are plain functions."""
    found: dict[str, str] = {}
    for name in sentences_of(suite):
        with _noted(found, name):
            getattr(candidate, name)()
    return found


@contextmanager
def _noted(found: dict[str, str], name: str) -> Iterator[None]:
    try:
        yield
    except ConformanceError as breach:
        found[name] = str(breach)
