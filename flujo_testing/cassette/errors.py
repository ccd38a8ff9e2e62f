"""What can go wrong with a cassette, as opposed to what the test is about."""

from __future__ import annotations

from flujo_testing.golden.errors import GoldenCorrupt


class CassetteError(Exception):
    """Base of every error about cassettes."""


class CassetteMiss(CassetteError, AssertionError):
    """Nothing was recorded for a request, and nothing goes live.

    ``at`` is where it was asked, ``path`` the first place where it differs from the nearest recorded request (None if
    there is none, or if they are equal).
    """

    def __init__(self, message: str, at: str, path: str | None) -> None:
        super().__init__(message)
        self.at = at
        self.path = path


class CassetteMisuse(CassetteError):
    """A call or a setting that cannot work as written; the message says what to write instead."""


class CassetteCorrupt(CassetteError, GoldenCorrupt):
    """A file that is no cassette, or not a whole one; it was neither used nor changed.

    ``path`` is the file as a user finds it, ``line`` counts from 1, ``reason`` says what is wrong there.
    """


class NotRecordable(CassetteError):
    """A request or an answer that no file can hold; ``path`` says where in it."""

    def __init__(self, at: str, path: str, reason: str) -> None:
        super().__init__(f"{at}: {path} cannot be recorded: {reason}")
        self.at = at
        self.path = path
