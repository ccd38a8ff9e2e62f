"""What is told of an event: facts, which are always told, and texts, which may be secrets."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from flujo.events import (
    AskEvent,
    AskFailed,
    BackedOff,
    BranchEnded,
    Decided,
    Event,
    FellBack,
    ItemEnded,
    Judged,
    LimitPassed,
    Merged,
    NotAdmitted,
    PaidBefore,
    Questioned,
    Replied,
    RunResumed,
)
from flujo.money import show_usd

Value = str | int | float | bool
Details = Mapping[str, Value]
"""By name; what there is nothing to say of is left out."""


def counted(number: int, noun: str) -> str:
    """``1 request``, ``2 requests``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def path_of(event: Event) -> str:
    """Where it happened: the ask, or else the step."""
    return event.path if isinstance(event, AskEvent) else event.step


def facts_of(event: Event) -> Details:
    """What happened, in numbers and names that the pipeline's author chose."""
    return {name: value for name, value in _facts(event).items() if value is not None}


def texts_of(event: Event) -> Details:
    """What people, models and errors said."""
    texts = {name: value for name, value in _texts(event).items() if value is not None}
    return {name: value if isinstance(value, str) else repr(value) for name, value in texts.items()}


def _facts(event: Event) -> Mapping[str, Value | None]:
    match event:
        case Judged():
            accepted = {"accepted": event.accepted, "crashed": event.crashed, "replaced": event.replaced}
            return {"plugin": event.plugin, **accepted, "redirect_to": event.redirect_to}
        case AskFailed():
            return {"outcome": event.outcome}
        case BackedOff():
            return {"attempt": event.attempt, "delay_s": event.delay_s}
        case FellBack():
            return {"attempts": event.attempts}
        case NotAdmitted():
            amounts = {"bound": _plain(event.bound), "left": _plain(event.left), "limit": _plain(event.limit)}
            return {"dimension": event.dimension, **amounts}
        case LimitPassed():
            return {"dimension": event.dimension, "spent": _plain(event.spent), "limit": _plain(event.limit)}
        case BranchEnded():
            return {"branch": event.branch, "status": event.status, "ignored": event.ignored}
        case ItemEnded():
            return {"item": event.item, "status": event.status}
        case Decided():
            return {"what": event.what, "number": event.number}
        case Merged():
            return {"strategy": event.strategy, "fields": ", ".join(field for field, *_ in event.changes)}
        case PaidBefore():
            return {"entry_id": event.entry.entry_id}
        case RunResumed():
            return {"status": event.status, "answers": len(event.answers)}
    return {}


def _plain(amount: Decimal | int | None) -> str | None:
    return None if amount is None else show_usd(Decimal(amount))


def _texts(event: Event) -> Mapping[str, object]:
    match event:
        case Judged():
            return {"feedback": event.feedback}
        case AskFailed() | FellBack() | BranchEnded() | ItemEnded():
            return {"error": event.error}
        case Decided():
            return {"value": event.value}
        case Questioned():
            return {"message": event.message}
        case Replied():
            return {"answer": event.answer}
    return {}
