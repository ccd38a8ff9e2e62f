"""The seam to ``flujo_testing.transcript``: how a run is told, written as text, and compared in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flujo_testing.golden.errors import GoldenMisuse
from flujo_testing.golden.limits import MAX_BYTES
from flujo_testing.golden.location import Place
from flujo_testing.golden.parsing import FORMAT

Story = dict[str, Any]
Redactions = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Storyteller:
    """What goldens need to know of runs; the machinery around it works for any story.

    ``story_of(result, owner, redact)`` tells a run as plain data, redacted before anybody sees it.
    """

    story_of: Callable[[Any, str, Redactions | None], Story]
    render: Callable[[Story], str]
    differences: Callable[[Story, Story], Iterable[str]]


def of_transcripts() -> Storyteller:
    """Tells the transcript of a pipeline's result; loads the engine when the first run is told."""

    def story_of(result: Any, owner: str, redact: Redactions | None) -> Story:
        from flujo_testing import transcript

        return transcript.story_of(result, owner=owner, redact=redact)

    def render(story: Story) -> str:
        from flujo_testing import transcript

        return transcript.render(story)

    def differences(expected: Story, actual: Story) -> list[str]:
        from flujo_testing import transcript

        return [difference.text for difference in transcript.differences(expected, actual)]

    return Storyteller(story_of, render, differences)


def golden_text(teller: Storyteller, result: object, place: Place, redact: Redactions | None) -> str:
    """The golden of a result: a header with format, owner and name, then the story."""
    story = teller.story_of(result, place.owner, redact)
    header: Story = {"format": FORMAT, "owner": place.owner}
    if place.name is not None:
        header["name"] = place.name
    text = teller.render(header | {key: value for key, value in story.items() if key not in header})
    size = len(text.encode("utf-8"))
    if size > MAX_BYTES:
        raise GoldenMisuse(
            f"the golden of {place.owner} would have {size} bytes, at most {MAX_BYTES} are read back: "
            "redact the long fields, or test a smaller run"
        )
    return text
