"""The run's story against its golden, outside of pytest: what differs, in words, and what to do next."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from examples.support_triage.lines import say
from flujo import PipelineAbort, PipelineResult
from flujo.events import AskFailed, Event
from flujo.ports import Listener
from flujo_testing.golden.location import OwningTest, golden_folder, place_of
from flujo_testing.golden.parsing import read_data
from flujo_testing.golden.reading import read_golden
from flujo_testing.recordings import Replay
from flujo_testing.transcript import Difference, differences, render, story_of

MAX_LINES = 40
ROOT = Path(__file__).parents[2]
ANSWERS = Path(__file__).with_name("answers.yaml")
FOLDER = golden_folder(ROOT, "golden", "__snapshots__")
# The test that compares the same run with the same golden, and that writes it.
TEST = OwningTest("examples/support_triage/test_support_triage.py", ("test_the_example_ticket_is_answered",))
PLACE = place_of(TEST)
GOLDEN = FOLDER.shown(PLACE.path)
UPDATE = f"python -m pytest {TEST.node_id} --golden=update"


def stop_at_a_miss(replay: Replay) -> Listener:
    """A listener: what the answer file does not know is no failure of a provider, so nothing is retried."""

    def told(event: Event) -> None:
        if isinstance(event, AskFailed) and replay.misses:
            raise PipelineAbort(f"{event.path}: {ANSWERS.name} has no answer to this prompt")

    return told


def changes(result: PipelineResult) -> list[Difference] | None:
    """What differs from the golden; None if there is none. Raises GoldenCorrupt.

    Both stories are read from their text, so that they went the same way.
    """
    content = read_golden(FOLDER, PLACE.path)
    if content is None:
        return None
    story = render(story_of(result, owner=PLACE.owner)).encode()
    return differences(read_data(content, GOLDEN), read_data(story, "this run"))


def tell_changes(console: Console, found: list[Difference] | None, replay: Replay) -> None:
    """The differences in words, then how to accept them."""
    if found is None:
        say(console, f"\n{GOLDEN} does not exist. To write it:\n  {UPDATE}", "bold red")
        return
    causes = up_to_the_prompt(found) if replay.misses else found
    say(console, f"\nThis run tells another story than {GOLDEN}:", "bold red")
    for difference in causes[:MAX_LINES]:
        say(console, f"  {in_words(difference)}", indent=4)
    if replay.misses:
        say(console, "  ... and what follows from it, because the run stopped there")
    elif len(found) > MAX_LINES:
        say(console, f"  ... and {len(found) - MAX_LINES} more differences")
    if replay.misses:
        tell_what_to_record(console, replay)
    else:
        say(console, "\nIf that is what you want, accept it and read the diff of the golden:", "bold")
        say(console, f"  {UPDATE}")


def up_to_the_prompt(found: list[Difference]) -> list[Difference]:
    """What led to a prompt without an answer, and that prompt: the rest only says that there is no answer."""
    at = next((at for at, difference in enumerate(found) if difference.kind == "input"), len(found) - 1)
    return found[: at + 1]


def tell_what_to_record(console: Console, replay: Replay) -> None:
    """The run stopped at a prompt, for nobody knows what the model answers to it."""
    file = ANSWERS.relative_to(ROOT).as_posix()
    say(console, f"\nA prompt changed, and {file} has no answer to the new one:", "bold red")
    for exchange in replay.unused[:1]:
        where = f"line {exchange.line} (exchange {exchange.position})"
        say(console, f"  the first request there that was not made is in {where}", indent=4)
    say(console, "\nIf that is what you want:", "bold")
    say(console, f"  1. put the new prompt into each request of {file} that has", indent=5)
    say(console, "     the old one, and below it what the model answers to it;", indent=5)
    say(console, "  2. run this again until every request is answered;", indent=5)
    say(console, "  3. accept the new story, and read the diff of the golden:", indent=5)
    say(console, f"     {UPDATE}", indent=5)


def in_words(difference: Difference) -> str:
    """What a model is asked is its prompt; everything else is told as it is."""
    return f"prompt changed: {difference.text}" if difference.kind == "input" else difference.text
