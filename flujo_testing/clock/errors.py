"""What can go wrong with virtual time itself, as opposed to what the test is about."""

from __future__ import annotations


class VirtualClockError(RuntimeError):
    """The time of this test cannot be made virtual."""


class DeadlockError(RuntimeError):
    """The test waits, and nothing that could wake it is left."""
