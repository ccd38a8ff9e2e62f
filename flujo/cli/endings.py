"""How a command ends: the exit codes of ``flujo``, and the error for a command that cannot be run as given."""

from __future__ import annotations

CLEAN = 0
FINDINGS = 1
USAGE = 2
SECRET = 3
FAULT = 70  # EX_SOFTWARE of sysexits.h


class Refused(Exception):
    """A command cannot be run as it was given; the message is one line and says what to do."""
