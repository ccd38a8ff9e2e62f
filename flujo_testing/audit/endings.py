"""How a pass under a fault ended, and whether the test gets the credit for it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import pytest

from flujo_testing.agents import FakeError
from flujo_testing.golden.errors import GoldenError
from flujo_testing.reruns import Outcome


class Ending(StrEnum):
    ASSERTION = "assertion"
    GOLDEN = "golden"
    FAKE = "strict fake"
    SURVIVED = "survived"
    """The test passed."""
    CRASH = "crash"
    """Something else was raised, or the process died: nobody claimed anything."""
    TIMEOUT = "timeout"
    INVALID = "invalid"
    """A fixture failed: it says nothing of the test."""

    @property
    def scores(self) -> bool:
        return self in (Ending.ASSERTION, Ending.GOLDEN, Ending.FAKE)


def ending_of(outcome: Outcome) -> Ending:
    error = outcome.error
    if error is None:
        return Ending.SURVIVED
    causes = tuple(_leaves(error))
    if any(isinstance(cause, GoldenError) for cause in causes):
        return Ending.GOLDEN
    if any(isinstance(cause, FakeError) for cause in causes):
        return Ending.FAKE
    if outcome.phase != "call":
        return Ending.INVALID
    claimed = (AssertionError, pytest.fail.Exception)
    return Ending.ASSERTION if all(isinstance(cause, claimed) for cause in causes) else Ending.CRASH


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The error, or those in its group; of a golden that fails its test at the end, what it tells."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    elif isinstance(error, pytest.fail.Exception) and isinstance(error.__context__, GoldenError):
        yield error.__context__
    else:
        yield error
