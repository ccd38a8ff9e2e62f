"""What can go wrong with a golden itself, as opposed to what the test is about."""

from __future__ import annotations


class GoldenError(Exception):
    """Base of every error about goldens."""


class GoldenMismatch(GoldenError, AssertionError):
    """A run tells another story than its golden, or has no golden yet."""


class GoldenDisagreement(GoldenMismatch):
    """Two variants of one test (two backends) tell different stories for one golden."""


class GoldenMisuse(GoldenError):
    """A call or a setting that cannot work as written; the message says what to write instead."""


class GoldenCorrupt(GoldenError):
    """A file that is no golden, or not one of this test; it was neither used nor changed.

    ``path`` is the file as a user finds it, ``line`` counts from 1, ``reason`` says what is wrong there.
    """

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


class GoldenNotWritten(GoldenError):
    """A file could not be written whole; what was there before is still there. ``path`` names it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} was not written: {reason}")
        self.path = path
        self.reason = reason


class SecretFound(GoldenNotWritten):
    """The bytes of a file hold a secret, so they were not written. Says where, never what."""
