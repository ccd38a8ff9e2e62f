"""What is wrong between a test and its fakes. Failures of the test itself, so they are assertion errors."""

from __future__ import annotations

from flujo import AgentError


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


class RunNotEnded(FakeError):
    """The test is over, and a run that started in it is not: a thread or a task that outlives its test."""


class LiveCallError(FakeError, AgentError):
    """An adapter to a real provider was not replaced; nothing was sent, and nothing was paid."""

    def __init__(self, message: str, *, path: str | None = None) -> None:
        FakeError.__init__(self, message, path=path)
        AgentError.__init__(self, message, requests=())
