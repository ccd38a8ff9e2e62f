"""How much of a golden is read, and the error for what is not taken for data."""

from __future__ import annotations

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 400
"""Twice what a value of a run may have, so that every golden that can be written can be read."""
MAX_NODES = 300_000
MAX_DIGITS = 4300
"""Python's own limit for turning digits into an integer."""


class Refused(ValueError):
    """What was read is no plain data; ``line`` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason
