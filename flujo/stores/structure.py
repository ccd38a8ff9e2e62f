"""What comes before what in a run, by paths: where a run is taken apart to go on differently from there."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from flujo.entries import NUMBERED, OF_A_STEP, step_path, structural
from flujo.errors import MisuseError
from flujo.stores.records import Shape

Key = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Before:
    """All that comes before one step, of a run whose steps have these numbers."""

    step: str
    key: Key
    numbers: dict[str, int]

    def is_after(self, path: str) -> bool:
        """Whether the step comes after what is at ``path``.

        What a step decided within which this one runs (which iteration was the last, say) is decided anew.
        """
        if "/decision:" in path and self.step.startswith(f"{structural(path)}/"):
            return False
        return _key(path, self.numbers) < self.key


def place_of(path: str, shape: Shape) -> Before:
    """Raises MisuseError for a path of no step."""
    numbers = {step: number for number, (step, _) in enumerate(shape)}
    if (step := structural(path)) not in numbers:
        known = ", ".join(map(repr, numbers))
        raise MisuseError(f"the run's pipeline has no step at {path!r}; its steps: {known}")
    repeated = frozenset(step for step, told in shape if told.startswith(('["loop"', '["map"')))
    return Before(step, _key(path, numbers, repeated), numbers)


def shape_before(path: str, shape: Shape) -> Shape:
    """The steps declared before the one at ``path``."""
    at = [step for step, _ in shape].index(structural(path))
    return shape[:at]


def first_difference(made: Shape, now: Shape, *, is_part: bool) -> tuple[str, str] | None:
    """The first path at which a pipeline is not the one that made a run, and what differs; None if nothing does.

    ``is_part``: only the first steps of the run's pipeline are known.
    """
    for (path, told), (now_path, now_told) in zip(made, now, strict=False):
        if path != now_path:
            return path, f"where step '{path}' was, there is '{now_path}'"
        if told != now_told:
            return path, f"step '{path}' was {told} and is {now_told}"
    if len(made) > len(now):
        return made[len(now)][0], f"step '{made[len(now)][0]}' is not there any more"
    if len(now) > len(made) and not is_part:
        return now[len(made)][0], f"step '{now[len(made)][0]}' was not there"
    return None


def _key(path: str, numbers: dict[str, int], repeated: frozenset[str] = frozenset()) -> Key:
    """Sorts paths in the order in which steps are declared and iterations are made: two numbers for each step.

    Of the ``repeated`` steps, one whose iteration is not told is in its first.
    """
    key: list[float] = []
    segments = step_path(path).split("/")
    for end, segment in enumerate(segments, 1):
        step = structural("/".join(segments[:end]))
        if numbered := NUMBERED.fullmatch(segment):
            key[-1:] = [int(numbered[1])]
        elif OF_A_STEP.fullmatch(segment):
            key[-1:] = [inf if segment.startswith("decision:") else 0]
        elif (known := numbers.get(step)) is not None:
            key += known, 1 if step in repeated and end < len(segments) else 0
    return tuple(key)
