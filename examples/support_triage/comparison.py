"""The run's story against its golden, outside of pytest: what differs, in words, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from examples.support_triage.lines import say
from flujo import PipelineResult
from flujo_testing.golden.location import OwningTest, golden_folder, place_of
from flujo_testing.golden.parsing import read_data
from flujo_testing.golden.reading import read_golden
from flujo_testing.recordings import Replay, ReplayMiss
from flujo_testing.transcript import Difference, differences, render, story_of

ROOT = Path(__file__).parents[2]
FOLDER = golden_folder(ROOT, "golden", "__snapshots__")
# The test that has the same golden, and writes it.
TEST = OwningTest("examples/support_triage/test_support_triage.py", ("test_the_ticket_is_answered",))
PLACE = place_of(TEST)
GOLDEN = FOLDER.shown(PLACE.path)
ACCEPT = f"python -m pytest {TEST.node_id} --golden=update"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``found`` is None where there is no golden, empty where the run is as in its golden."""

    found: tuple[Difference, ...] | None


def compared(result: PipelineResult) -> Comparison:
    """Both are read as data, so that they went the same way. Raises GoldenCorrupt."""
    content = read_golden(FOLDER, PLACE.path)
    if content is None:
        return Comparison(None)
    story = render(story_of(result, owner=PLACE.owner)).encode()
    return Comparison(tuple(differences(read_data(content, GOLDEN), read_data(story, "this run"))))
