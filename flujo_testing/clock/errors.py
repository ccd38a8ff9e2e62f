"""What can go wrong with virtual time itself, as opposed to what the test is about."""

from __future__ import annotations


class VirtualClockError(RuntimeError):
    """The time of this test cannot be made virtual."""


class LoopRefused(VirtualClockError):
    """A loop whose time cannot be made virtual; ``remedy`` says what to use instead."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


class DeadlockError(RuntimeError):
    """The test waits, and nothing that could wake it is left."""
