"""What is wrong between a test and its fakes. Failures of the test itself, so they are assertion errors."""

from __future__ import annotations


class FakeError(AssertionError):
    """A fake was used in a way that makes the test prove nothing; ``path`` is where it was asked, if known.

    The engine takes what an agent raises for a failed attempt, so a retry or a fallback may hide this error
    in the run. The pass of the test remembers it, and raises it again after the run.
    """

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class ScriptExhausted(FakeError):
    """A fake was asked more often than its script has answers."""


class ScriptUnmatched(FakeError):
    """A fake scripted by path or by input was asked at a path, or with an input, that its script lacks."""


class ScriptOrderUnclear(FakeError):
    """Callers that run at the same time took from one script: who gets which answer would be chance."""


class ScriptLeftOver(FakeError):
    """The test is over, and the script of a fake is not."""
