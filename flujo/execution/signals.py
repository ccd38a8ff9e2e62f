"""How the parts of the engine tell each other that something did not go on. None of these reaches a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flujo.errors import FlujoError, told
from flujo.structure import MISSING

if TYPE_CHECKING:
    from flujo.errors import PipelineAbort, StoreError, UsageLimitExceededError
    from flujo.execution.budget import Budget


class AskFailure(FlujoError):
    """One ask brought no usable answer; ``outcome`` is error, timeout, overrun, invalid or refused.

    ``retryable`` is False for what no further attempt can mend (prices, limits, redirects in a circle).
    """

    def __init__(self, outcome: str, error: BaseException, *, retryable: bool = True) -> None:
        self.outcome = outcome
        self.error = error
        self.retryable = retryable


class Halt(FlujoError):
    """The run is ending: nothing retries this, ignores it or falls back from it."""


class Breached(Halt):
    """``budget`` does not admit a call, or was passed. Its owner turns it into a failure or a ``limited`` run."""

    def __init__(self, budget: Budget, error: UsageLimitExceededError) -> None:
        super().__init__(str(error))
        self.budget = budget
        self.error = error
        self.answer: object = MISSING
        """What the call brought that passed the limit: it was paid, and a journal keeps it."""


class Unkept(Halt):
    """The store cannot keep what the run is told any more: the run ends, with all that was paid in its result."""

    def __init__(self, error: StoreError) -> None:
        super().__init__(str(error))
        self.error = error


class Stopped(Halt):
    """A branch goes no further, because another one has ended their parallel step."""


class Paused(Halt):
    """A person has been asked; the run can go on when there is an answer."""


class Aborted(Halt):
    """A listener stopped the run."""

    def __init__(self, reason: PipelineAbort) -> None:
        super().__init__(f"a listener stopped the run: {told(reason)}")
        self.reason = reason
