"""``flujo golden review`` in a real terminal, by its keys."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

from flujo_testing.golden.unused import write_unused
from tests.flujo_testing.golden_project import REPOSITORY
from tests.flujo_testing.review.deciding import Place
from tests.flujo_testing.review.screen import Screen, screen
from tests.flujo_testing.review.stories import Story, changed, failed_attempts_unpaid, story

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="tmux does not run on Windows")

PROGRAM = """
import sys
from importlib.metadata import EntryPoint
from flujo.cli.commands import GROUP, run
sys.exit(run(sys.argv[1:], [EntryPoint("golden", "flujo_testing.review.command:golden", GROUP)]))
"""


def flujo(*arguments: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, *arguments]


ENVIRON = {"PYTHONPATH": str(REPOSITORY), "TERM": "screen-256color"}


def another_output(told: Story, text: str) -> Story:
    attempt = told["steps"]["write"]["attempt 1"] | {"output": text}
    return told | {"steps": told["steps"] | {"write": {"attempt 1": attempt}}}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Ten groups: one over three goldens, and nine over one each."""
    place = Place(tmp_path)
    place.write("pytest.ini", "[pytest]\n")
    for number in range(3):
        place.propose(changed(story(f"tests/test_paid.py::test_{number}", drafts=2), failed_attempts_unpaid))
    for number in range(9):
        told = story(f"tests/test_{number}.py::test_it", prompt=f"rain {number}")
        text = "long\n" * 40 if number == 0 else "xyz"[number % 3] * (number + 1)
        place.propose(changed(told, partial(another_output, text=text)))
    return place


def test_ten_changes_are_reviewed_by_keyboard(place: Place) -> None:
    groups = place.waiting().sorting.groups
    assert [len(group.instances) for group in groups] == [3, *[1] * 9]
    before, goldens = place.goldens(), [group.goldens[0] for group in groups]
    after = {case.changed.golden: case.changed.after for case in place.waiting().sorting.cases}
    with screen(place.path, flujo("golden", "review"), ENVIRON, (100, 40)) as shown:
        first = shown.wait("group 1 of 10", "? help")
        assert first[:5] == [
            "group 1 of 10",
            "failed attempts are no longer paid: 3 goldens, -0.003129 USD (aae0dfb9)",
            "in write",
            "",
            "golden/test_paid/test_0.yaml  -0.001043 USD  (example 1 of 3)",
        ]
        shown.keys("d")
        shown.wait("golden/test_paid/test_1.yaml", "(example 2 of 3)")
        shown.keys("Enter")
        shown.wait("golden/test_paid/test_2.yaml", "(example 3 of 3)")
        decide(shown, "a", "They are refunded.", "accepted: failed attempts are no longer paid (3 goldens written)")
        for golden in goldens[1:6]:
            shown.wait(f"golden/{golden}")
            title = f"output of write has changed, tests/{golden.partition('/')[0]}.py"
            decide(shown, "a", "Better.", f"accepted: {title} (1 golden written)")
        shown.wait("group 1 of 4", f"golden/{goldens[6]}")
        decide(shown, "r", "Worse.", "rejected: output of write has changed")
        shown.wait("group 1 of 3", f"golden/{goldens[7]}")
        shown.keys("s")
        shown.wait("group 2 of 3", f"golden/{goldens[8]}")
        decide(shown, "r", "Worse, too.", "rejected: output of write has changed")
        shown.wait("group 2 of 2", f"golden/{goldens[9]}")
        decide(shown, "a", "Fine.", "1 changed golden left")
        shown.wait("ended 0")
    written = {*groups[0].goldens, *goldens[1:6], goldens[9]}
    assert place.goldens() == {golden: after[golden] if golden in written else text for golden, text in before.items()}
    assert [group.goldens[0] for group in place.waiting().sorting.groups] == [goldens[7]]
    assert place.page().count("\n## ") == 9


def decide(shown: Screen, key: str, reason: str, said: str) -> None:
    shown.keys(key)
    shown.wait("why ")
    shown.type(reason)
    shown.wait(said)


def test_nothing_happens_without_a_reason_and_quitting_leaves_all_as_it_was(place: Place) -> None:
    before = place.goldens()
    with screen(place.path, flujo("golden", "review"), ENVIRON, (100, 40)) as shown:
        shown.wait("group 1 of 10", "? help")
        shown.keys("a")
        shown.wait("why accept? (nothing: don't)")
        shown.keys("Enter")
        shown.wait("not accepted: no reason was given", "group 1 of 10")
        shown.keys("r")
        shown.wait("why reject? (nothing: don't)")
        shown.keys("C-c")
        shown.wait("not rejected: no reason was given", "group 1 of 10")
        shown.keys("q")
        shown.wait("12 changed goldens left", "ended 0")
    assert place.goldens() == before
    assert not (place.path / "golden/CHANGES.md").exists()


def test_single_goldens_help_and_pages(place: Place) -> None:
    groups = place.waiting().sorting.groups
    long = next(at for at, group in enumerate(groups) if group.goldens == ("test_0/test_it.yaml",))
    with screen(place.path, flujo("golden", "review"), ENVIRON, (80, 24)) as shown:
        shown.wait("group 1 of 10", "? help")
        shown.keys("?")
        shown.wait("quit: what was decided stays decided")
        shown.keys("x")
        shown.wait("(example 1 of 3)")
        shown.keys("g")
        shown.wait("group 1 of 10, single golden 1 of 3")
        shown.keys("d")
        shown.wait("group 1 of 10, single golden 2 of 3", "golden/test_paid/test_1.yaml")
        decide(shown, "a", "Only this one.", "accepted: golden/test_paid/test_1.yaml (1 golden written)")
        shown.wait("single golden 2 of 2", "golden/test_paid/test_2.yaml")
        shown.keys("u")
        shown.wait("(example 2 of 2)")
        for at in range(long):
            shown.wait(f"group {at + 1} of 10")
            shown.keys("s")
        seen = [read(shown.wait(f"group {long + 1} of 10", "-- 38 more lines: space --", "? help"))]
        for more in ("-- 22 more lines", "-- 6 more lines"):
            shown.keys("Space")
            seen.append(read(shown.wait(more, "? help")))
        shown.keys("Down")
        seen.append(read(shown.wait("plugin words: accepted", "? help")))
        assert seen == [5, 16, 16, 3]
        shown.keys("Up")
        shown.wait("-- 6 more lines", "? help")
        shown.keys("u")
        shown.wait(f"group {long} of 10")
        shown.keys("q")
        shown.wait("11 changed goldens left", "ended 0")


def read(lines: list[str]) -> int:
    """How many lines of the long output are on the screen."""
    return lines.count("    +        long")


def test_pruning_asks_on_a_terminal(place: Place) -> None:
    from flujo_testing.golden.findings import digest

    unused = "test_paid/test_0.yaml"
    write_unused(place.pending, {unused: digest(place.goldens()[unused].encode())})
    with screen(place.path, flujo("golden", "prune"), ENVIRON, (100, 24)) as shown:
        shown.wait("golden/test_paid/test_0.yaml", "Remove these 1 goldens? [y/N]:")
        shown.type("n")
        shown.wait("ended 0")
    assert unused in place.goldens()
    with screen(place.path, flujo("golden", "prune"), ENVIRON, (100, 24)) as shown:
        shown.wait("Remove these 1 goldens? [y/N]:")
        shown.type("y")
        shown.wait("pruned: 1 golden changed, 0 left", "ended 0")
    assert unused not in place.goldens()
