"""Goldens in an older format, brought to the current one; refused where anything but the format would change.

A new format adds its step here, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flujo_testing.golden.errors import GoldenCorrupt, GoldenError
from flujo_testing.golden.findings import digest
from flujo_testing.golden.limits import Refused
from flujo_testing.golden.location import GoldenFolder
from flujo_testing.golden.parsing import FORMAT, decoded, plain_data
from flujo_testing.golden.reading import golden_paths, read_golden
from flujo_testing.review.decision import Rewrite
from flujo_testing.review.proposals import Problem
from flujo_testing.transcript import differences, render
from flujo_testing.transcript.plain import same

Story = dict[str, Any]
_FORMAT: Final = re.compile(r"flujo-golden/([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True)
class FormatStep:
    """From one format to the next one: the story as it tells it, and back again.

    ``render`` writes the story as the older format did. Neither of the others looks at the line ``format``.
    """

    forward: Callable[[Story], Story]
    backward: Callable[[Story], Story]
    render: Callable[[Story], str] = render


CURRENT: Final = int(FORMAT.rpartition("/")[2])
STEPS: Final[dict[int, FormatStep]] = {}
"""By the number of the format that they begin with: there has been one format only."""


def migrated(
    folder: GoldenFolder, steps: Mapping[int, FormatStep], current: int
) -> tuple[list[Rewrite], list[Problem]]:
    """What becomes of every golden that is not in the current format, and those that cannot be brought to it."""
    rewrites, problems = [], []
    for golden in golden_paths(folder):
        try:
            content = read_golden(folder, golden)
            if content is not None and (text := _text(content, folder.shown(golden), steps, current)) is not None:
                rewrites.append(Rewrite(golden, digest(content), text))
        except GoldenError as error:
            problems.append(Problem(golden, str(error)))
    return rewrites, problems


def _text(content: bytes, shown: str, steps: Mapping[int, FormatStep], current: int) -> str | None:
    """The golden in the current format; None if it is in it already. Raises GoldenCorrupt."""
    text = decoded(content, shown)
    try:
        story = plain_data(text)
    except Refused as refused:
        raise GoldenCorrupt(shown, refused.line, refused.reason) from None
    found = _FORMAT.fullmatch(str(story.get("format"))) if isinstance(story, dict) else None
    if found is None or not isinstance(story, dict):
        raise GoldenCorrupt(shown, 1, "is no golden: it names no format")
    number = int(found[1])
    if number > current:
        raise GoldenCorrupt(shown, 1, f"was written by a newer version ({found[0]}): upgrade flujo-pipelines")
    if number == current:
        return None
    if number in steps and steps[number].render(story) != text:
        raise GoldenCorrupt(shown, 1, "is not written as its format writes it: its test has to write it anew first")
    for step in range(number, current):
        story = _next(story, step, steps, shown)
    return render(story)


def _next(story: Story, number: int, steps: Mapping[int, FormatStep], shown: str) -> Story:
    if number not in steps:
        raise GoldenCorrupt(shown, 1, f"is in the format {number}, which cannot be brought to a newer one")
    told = steps[number].forward(story) | {"format": f"flujo-golden/{number + 1}"}
    again = steps[number].backward(told) | {"format": story["format"]}
    if not same(again, story):
        lost = next(iter(differences(story, again))).text
        raise GoldenCorrupt(shown, 1, f"would say something else in the format {number + 1}: {lost}")
    return told
