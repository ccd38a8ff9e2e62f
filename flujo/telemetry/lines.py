"""A run as lines of a log, by the standard library's logging: ``LogLines``."""

from __future__ import annotations

import logging
from typing import Final

from flujo.events import (
    Answered,
    Asked,
    AskFailed,
    BackedOff,
    CacheHit,
    Event,
    FeedbackLost,
    FellBack,
    Judged,
    LimitPassed,
    NotAdmitted,
    Paid,
    PaidBefore,
    Questioned,
    RunEnded,
    RunResumed,
    RunStarted,
    StepEnded,
    StepStarted,
)
from flujo.money import show_usd
from flujo.telemetry.details import counted, facts_of, path_of, texts_of
from flujo.telemetry.per_run import PerRun

_LEVELS: Final = {
    RunStarted: logging.INFO,
    RunResumed: logging.INFO,
    RunEnded: logging.INFO,
    StepStarted: logging.DEBUG,
    StepEnded: logging.INFO,
    Asked: logging.DEBUG,
    Answered: logging.DEBUG,
    AskFailed: logging.WARNING,
    Judged: logging.DEBUG,
    FeedbackLost: logging.WARNING,
    BackedOff: logging.INFO,
    FellBack: logging.WARNING,
    Paid: logging.DEBUG,
    PaidBefore: logging.DEBUG,
    NotAdmitted: logging.WARNING,
    LimitPassed: logging.WARNING,
    CacheHit: logging.DEBUG,
    Questioned: logging.INFO,
}
_TROUBLE: Final = frozenset({"failed", "limited", "aborted"})


class LogLines:
    """A listener that writes one line per event of interest to a logger, ``flujo`` unless it is given another.

    What went wrong is a warning, how steps and runs ended is information, every ask and payment is for debugging. A
    record has ``pipeline`` and ``path`` as attributes. With ``capture_content`` the lines also hold texts of feedback
    and errors.
    """

    def __init__(self, logger: logging.Logger | None = None, *, capture_content: bool = False) -> None:
        self.logger = logger or logging.getLogger("flujo")
        self.capture_content = capture_content
        self._pipelines: PerRun[str] = PerRun(lambda event: event.pipeline)

    def __call__(self, event: Event) -> None:
        pipeline, level = self._pipelines.of(event), _level(event)
        if level is None or not self.logger.isEnabledFor(level):
            return
        path = path_of(event)
        words = [pipeline, *filter(None, [path]), told(event)]
        if self.capture_content:
            words += [f"{name}={text!r}" for name, text in _texts(event).items()]
        self.logger.log(level, "%s", " ".join(words), extra={"pipeline": pipeline, "path": path})


def told(event: Event) -> str:
    """What happened, without what anybody said: ``judged plugin=length accepted=False``."""
    match event:
        case RunStarted() | StepStarted():
            return "started"
        case RunEnded() | StepEnded():
            return str(event.status)
        case Asked():
            return f"asked {event.agent}" + (
                f" after {counted(len(event.feedback), 'rejection')}" if event.feedback else ""
            )
        case Paid():
            cost = "an unknown cost" if event.entry.cost_usd is None else f"{show_usd(event.entry.cost_usd)} USD"
            return f"paid {cost} for {event.entry.model or 'a model without a name'}"
    name = "".join(f" {sign.lower()}" if sign.isupper() else sign for sign in type(event).__name__).strip()
    return " ".join([name, *(f"{key}={value}" for key, value in facts_of(event).items())])


def _level(event: Event) -> int | None:
    if isinstance(event, Judged) and not event.accepted:
        return logging.WARNING
    if isinstance(event, StepEnded | RunEnded) and event.status in _TROUBLE:
        return logging.WARNING
    return _LEVELS.get(type(event))


def _texts(event: Event) -> dict[str, object]:
    if isinstance(event, StepEnded | RunEnded):
        return {} if event.error is None else {"error": event.error}
    return dict(texts_of(event))
