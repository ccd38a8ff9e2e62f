"""Why a stored run cannot become a test."""

from __future__ import annotations


class NotATest(Exception):
    """A stored run cannot become a test; the message says why and what to do instead."""
