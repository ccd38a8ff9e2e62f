"""What the paths of events say, and the order of a transcript, for events in the order of their arrival are mixed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from flujo.events import BranchEnded, Chunk, Event, ItemEnded, StepStarted

WITHIN_A_STEP = ("attempt:", "redirect:", "plugin:", "request:")
NUMBERED = ("item:", "iteration:")
GATHERING = {"map": "item:", "map_at_once": "item:", "parallel": "branch:"}
"""The kinds of steps that tell how each part in them has ended, and what the segments of those parts begin with."""


def in_canonical_order(events: Iterable[Event]) -> tuple[list[Event], dict[str, list[Event]]]:
    """Events with those of each branch or item before its end, and the parts whose end was not told.

    A transcript is in this order already; events in the order of their arrival are mixed.
    """
    ordered: list[Event] = []
    waiting: dict[str, list[Event]] = {}
    starts: set[str] = set()
    for event in events:
        if isinstance(event, Chunk):  # told on its way, not kept: the answer holds it
            continue
        if isinstance(event, StepStarted) and event.kind in GATHERING:
            starts.add(f"{event.step}/{GATHERING[event.kind]}")
        elif not starts:
            ordered.append(event)
            continue
        part = _part_of(event.step, starts)
        target = ordered if part is None else waiting.setdefault(part, [])
        if isinstance(event, BranchEnded):
            target += waiting.pop(f"{event.step}/branch:{event.branch}", [])
        elif isinstance(event, ItemEnded):
            target += waiting.pop(f"{event.step}/item:{event.item}", [])
        target.append(event)
    return ordered, waiting


def out_of_order(told: Sequence[Event], ordered: Sequence[Event]) -> Iterator[str]:
    """Says where the events of a transcript leave the order of transcripts, if they do."""
    for event, right in zip(told, ordered, strict=False):
        if event is not right:
            name, path = type(event).__name__, event.step or "the run"
            yield f"{path}: {name} stands where {type(right).__name__} of {right.step or 'the run'} belongs"
            return


def _part_of(path: str, starts: Collection[str]) -> str | None:
    """The innermost branch or item around a step that tells its end; ``starts`` are how such ones begin."""
    parts = path.split("/")
    for length in range(len(parts), 1, -1):
        kind, colon, _ = parts[length - 1].partition(":")
        if colon and f"{'/'.join(parts[: length - 1])}/{kind}:" in starts:
            return "/".join(parts[:length])
    return None


@lru_cache(4096)
def branch_of(path: str) -> str | None:
    """The path of the innermost branch around a step; None outside of all."""
    if "branch:" not in path:
        return None
    parts = path.split("/")
    for length in range(len(parts), 0, -1):
        if parts[length - 1].startswith("branch:"):
            return "/".join(parts[:length])
    return None


@lru_cache(4096)
def step_of(path: str) -> str:
    """The path of the step that an ask belongs to."""
    return "/".join(part for part in path.split("/") if not part.startswith(WITHIN_A_STEP))


@lru_cache(4096)
def declared(path: str) -> str:
    """The path of a step as its pipeline declares it, whichever iteration or item it ran in."""
    return "/".join(part for part in path.split("/") if not part.startswith(NUMBERED))
