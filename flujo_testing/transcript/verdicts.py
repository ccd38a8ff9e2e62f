"""What plugins said, and what later attempts were told of it."""

from __future__ import annotations

from typing import Any

from flujo.events import Judged
from flujo.ports import Rejection
from flujo_testing.transcript.plain import plain


def told_verdict(event: Judged, *, unchanged: bool) -> dict[str, Any]:
    """A plugin's verdict: ``{accepted: true}``, ``{rejected: why}``, ``{redirect_to: agent}``, ...

    ``unchanged`` says that what replaced the draft reads as the draft did.
    """
    told: dict[str, Any] = {}
    if event.crashed:
        told["crashed"] = plain(event.feedback)
    if event.redirect_to is not None:
        told["redirect_to"] = event.redirect_to
    if event.replaced and not unchanged:
        told["replaced"] = plain(event.new_solution)
    if event.accepted:
        if event.crashed or event.redirect_to is not None or "replaced" not in told:
            told["accepted"] = True
    elif not event.crashed and event.redirect_to is None:
        told["rejected"] = plain(event.feedback)
    if event.feedback is not None and "rejected" not in told and "crashed" not in told:
        told["feedback"] = plain(event.feedback)
    return told


def told_rejection(rejection: Rejection, *, known: bool) -> dict[str, Any]:
    """What an agent was told of a rejection; ``known``: just what the plugins of its step said so far."""
    told = {"from": rejection.plugin, "text": plain(rejection.feedback)}
    return told if known else told | {"attempt": rejection.attempt}
