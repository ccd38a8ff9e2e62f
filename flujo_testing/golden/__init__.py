"""Goldens: the story of a run, one file per run, compared by every test run and written only on request.

A test takes the fixture ``golden`` and calls ``golden.check(result)``. ``location.py`` says where a golden
lies, ``reading.py`` and ``parsing.py`` read it as plain data, ``writing.py`` writes it whole or not at all,
``assertion.py`` compares on syrupy's assertion, ``session.py`` and ``findings.py`` keep what was found,
``closing.py`` ends the run. ``pending.py`` holds the proposals that a review decides about, which is not done
here.
"""

from __future__ import annotations

from flujo_testing.golden.errors import (
    GoldenCorrupt,
    GoldenDisagreement,
    GoldenError,
    GoldenMismatch,
    GoldenMisuse,
    GoldenNotWritten,
    SecretFound,
)

__all__ = [
    "GoldenCorrupt",
    "GoldenDisagreement",
    "GoldenError",
    "GoldenMismatch",
    "GoldenMisuse",
    "GoldenNotWritten",
    "SecretFound",
]
