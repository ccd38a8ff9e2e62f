"""Lies for the tests of the conservation laws: logs of honest runs, edited by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flujo.events import Answered, Asked, Event, StepEnded, StepStarted

Events = list[Any]
Change = Callable[[Events], object]


def find(events: Events, kind: type[Event], **fields: Any) -> int:
    return next(
        index
        for index, event in enumerate(events)
        if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
    )


def drop(kind: type[Event], **fields: Any) -> Change:
    return lambda events: events.pop(find(events, kind, **fields))


def twice(kind: type[Event], **fields: Any) -> Change:
    def change(events: Events) -> None:
        index = find(events, kind, **fields)
        events.insert(index, events[index])

    return change


def alter(kind: type[Event], values: dict[str, Any], **fields: Any) -> Change:
    def change(events: Events) -> None:
        index = find(events, kind, **fields)
        events[index] = replace(events[index], **values)

    return change


def add(before: type[Event], added: list[Event], **fields: Any) -> Change:
    def change(events: Events) -> None:
        index = find(events, before, **fields)
        events[index:index] = added

    return change


def together(*changes: Change) -> Change:
    def change(events: Events) -> None:
        for each in changes:
            each(events)

    return change


def moved(kind: type[Event], before: type[Event], **fields: Any) -> Change:
    """The first event of a kind goes before one of another kind with these fields."""

    def change(events: Events) -> None:
        event = events.pop(find(events, kind))
        events.insert(find(events, before, **fields), event)

    return change


def renamed(old: str, new: str) -> Change:
    def change(events: Events) -> None:
        events[:] = [replace(event, step=event.step.replace(old, new)) for event in events]

    return change


def step_at(path: str, status: Any = "completed") -> list[Event]:
    """A step by hand, which put out ``rain`` if it completed."""
    output, error = ("rain", None) if status == "completed" else (None, "odd")
    return [
        StepStarted(path, 0.0, "step", "rain"),
        Asked(path, 0.0, 1, 0, "echo", "rain", ()),
        Answered(path, 0.0, 1, 0, "rain"),
        StepEnded(path, 0.0, status, output, error),
    ]
