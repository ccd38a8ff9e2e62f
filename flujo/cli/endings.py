"""How a command ends: the exit codes of ``flujo``, and the error for a command that cannot be run as given."""

from __future__ import annotations

CLEAN = 0
FINDINGS = 1
USAGE = 2
SECRET = 3
PAUSED = 4
LIMITED = 5
ABORTED = 6
HELD = 7
FAULT = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT, as shells count

OF_RUN = {
    "completed": CLEAN,
    "failed": FINDINGS,
    "paused": PAUSED,
    "limited": LIMITED,
    "aborted": ABORTED,
    "cancelled": INTERRUPTED,
    "interrupted": INTERRUPTED,
}
"""By the status of a run, for the commands that run one or follow it to its end."""


class Refused(Exception):
    """A command cannot be run as it was given; the message is one line and says what to do."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code
