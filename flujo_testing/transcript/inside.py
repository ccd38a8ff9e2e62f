"""What a story tells of steps that have others inside, ask a person, or take what a cache holds.

Decisions of users' functions stand where they take effect: those about an iteration in its section, all others in the
section of their step. A cache's key is not told: it is a hash of code and input, which would make another golden of
every run when a function is only renamed; what the story holds of it is whether there was a result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flujo.events import (
    BranchEnded,
    CacheHit,
    CacheMissed,
    Decided,
    Event,
    ItemEnded,
    Questioned,
    Replied,
)
from flujo_testing.transcript.outline import OpenStep, Outline, Sequence
from flujo_testing.transcript.plain import plain
from flujo_testing.transcript.sections import put, put_value, unwrapped
from flujo_testing.transcript.sources import (
    INPUT_MAPPERS,
    OUTPUT_MAPPERS,
    Sources,
    mapper_name,
    same_value,
    seen_from,
)

_TOLD_IN_FULL: Final = ("condition", "exit_condition", "message")
"""What is in these may be kept from the context around it."""


def decided(outline: Outline, sources: Sources, event: Decided) -> None:
    step = outline.step(event.step)
    outline.hand_on(step)
    known = _source_of(step, sources, event)
    if event.what in INPUT_MAPPERS:
        place = f"{event.step}/iteration:{event.number}" if event.number else event.step
        step.handed, step.handed_from = event.value, mapper_name(place, event.what)
    elif event.what in OUTPUT_MAPPERS:
        step.output = event.value
    elif event.what == "items":
        step.items = list(event.value) if isinstance(event.value, list | tuple) else []
    section, place = step.section, event.step
    if event.number:
        place = f"{event.step}/iteration:{event.number}"
        iteration = outline.sequence(place)
        section = iteration.section
        if event.what == "exit_condition":
            step.output, step.handed, step.handed_from = iteration.value, iteration.value, place
    put_value(section, event.what, None if known is None else seen_from(known, place), event.value)


def _source_of(step: OpenStep, sources: Sources, event: Decided) -> str | None:
    """Where a decision's value is known from; None for one that a reader wants to see, or that is new."""
    if event.what in _TOLD_IN_FULL:
        return None
    for value, source in ((step.handed, step.handed_from), (step.input, step.source)):
        if same_value(event.value, value):
            return source
    return sources.name_of(event.value)


def branch_ended(outline: Outline, sources: Sources, event: BranchEnded) -> None:
    step = outline.step(event.step)
    sequence = outline.sequence(f"{event.step}/branch:{event.branch}")
    if _follows(event.status, sequence.status):
        told_once = unwrapped(sequence.section, f"step {event.branch}")
        if told_once and event.status != "completed":
            del sequence.section["status"]
    if event.ignored:
        put(sequence.section, event.status, "ignored")
    elif event.status != "completed":
        put(sequence.section, "status", event.status)
    if event.status == "completed":
        step.output = {**(step.output if type(step.output) is dict else {}), event.branch: event.output}
    _part_ended(sequence, event)


def item_ended(outline: Outline, sources: Sources, event: ItemEnded) -> None:
    step = outline.step(event.step)
    sequence = outline.sequence(f"{event.step}/item:{event.item}")
    outline.hand_on(step)
    if event.status != "completed":
        put(sequence.section, "status", event.status)
    else:
        step.output = [*(step.output if type(step.output) is list else []), event.output]
    _part_ended(sequence, event)


def _part_ended(sequence: Sequence, event: BranchEnded | ItemEnded) -> None:
    """Output and error of what ended, where they do not follow from its steps."""
    if not same_value(event.output, sequence.value if event.status == "completed" else None):
        put(sequence.section, "output", plain(event.output))
    # What a cancellation says differs between backends and runs.
    told = sequence.error if sequence.status != "cancelled" else None
    if event.error != told and event.status != "cancelled":
        put(sequence.section, "error", plain(event.error))
    if sequence.ended:
        put(sequence.section, "ended_again", True)
    sequence.ended = True


def _follows(status: str, of_steps: str) -> bool:
    return status == of_steps or (status, of_steps) == ("stopped", "cancelled")


def questioned(outline: Outline, sources: Sources, event: Questioned) -> None:
    section = outline.step(event.step).section
    put_value(section, "question", "message" if section.get("message") == event.message else None, event.message)


def replied(outline: Outline, sources: Sources, event: Replied) -> None:
    step = outline.step(event.step)
    put(step.section, "answer", plain(event.answer))
    step.output = event.answer


def cache_hit(outline: Outline, sources: Sources, event: CacheHit) -> None:
    put(outline.step(event.step).section, "cache", "hit")


def cache_missed(outline: Outline, sources: Sources, event: CacheMissed) -> None:
    put(outline.step(event.step).section, "cache", "miss")


TELL: Final[dict[type[Event], Callable[[Outline, Sources, Any], None]]] = {
    BranchEnded: branch_ended,
    CacheHit: cache_hit,
    CacheMissed: cache_missed,
    Decided: decided,
    ItemEnded: item_ended,
    Questioned: questioned,
    Replied: replied,
}
