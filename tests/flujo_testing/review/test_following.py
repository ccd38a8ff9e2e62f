"""An edit follows from the closest earlier one that it knows of, however many there are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType

from hypothesis import given, settings
from hypothesis import strategies as st

from flujo_testing.review import Changed, grouped
from flujo_testing.review.edits import Edit
from flujo_testing.review.following import Earlier

NAMES = st.sampled_from(["write", "attempt 1", "branch left", "branch right", "item 1", "item 2"])
EDITS = st.builds(
    lambda where, keys: Edit(tuple(where), keys, {}, {}, ()),
    st.lists(NAMES, max_size=4),
    st.sampled_from([(), ("output",), ("branch left",), ("branch new",), ("item 3", "item 4")]),
)


def shared(one: Edit, other: Edit) -> int:
    pairs = zip(one.where, other.where, strict=False)
    return next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(one.where), len(other.where)))


def apart(one: Edit, other: Edit) -> bool:
    at = shared(one, other)
    ends = [(*edit.where, *edit.keys)[at : at + 1] for edit in (one, other)]
    return all(end and end[0].startswith(("branch ", "item ")) for end in ends) and ends[0] != ends[1]


def is_edited_as_a_whole(one: Edit, other: Edit) -> bool:
    """What no two stories differ in: a part that is new, and something that is changed within it."""
    at = shared(one, other)
    ends = [(*edit.where, *edit.keys)[at : at + 1] for edit in (one, other)]
    return ends[0] == ends[1] != () and one.where != other.where


@settings(deadline=None, max_examples=300)
@given(st.lists(EDITS, min_size=1, max_size=12))
def test_the_nearest_is_in_the_closest_section_and_there_the_last(found: Sequence[Edit]) -> None:
    earlier, added = Earlier(), list[tuple[int, Edit]]()
    for at, edit in enumerate(found):
        if any(is_edited_as_a_whole(edit, other) for _, other in added):
            continue
        known = [(number, other) for number, other in added if not apart(edit, other)]
        here = [number for number, other in known if other.where == edit.where]
        assert earlier.nearest(edit) == max(
            (number for number, _ in known), key=lambda number: (shared(edit, found[number]), number), default=None
        )
        assert earlier.last_in_section(edit) == max(here, default=None)
        earlier.add(edit, at)
        added.append((at, edit))


def steps(count: int, text: str) -> str:
    """A golden of so many steps, each with a part that is a branch or an item and has an output of its own."""
    lines = ["format: flujo-golden/1", 'owner: "tests/test_rain.py::test_rain"', 'input: "rain"', "steps:"]
    for number in range(1000, 1000 + count):
        lines += [f"  s{number}:", f"    branch {number}:", "      step write:", "        attempt 1:"]
        lines += ["          input_from: run", f'          output: "{text} {number}"']
    lines += ["  many:", "    items_from: run"]
    for number in range(1000, 1000 + count):
        lines += [f"    item {number}:", "      attempt 1:", f'        output: "{text} {number} item"']
    return "\n".join(lines) + "\n"


def calls(count: int) -> int:
    """How many functions are called to sort a golden with so many steps and as many items."""
    changed = [Changed("a.yaml", "tests/test_rain.py::test_rain", steps(count, "old"), steps(count, "new"))]
    counted = 0

    def count_call(frame: FrameType, event: str, argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        grouped(changed)
    finally:
        sys.setprofile(before)
    return counted


def test_each_edit_of_a_long_golden_costs_the_same() -> None:
    calls(100)  # what is computed once for the process
    at_100, at_200, at_300 = calls(100), calls(200), calls(300)
    assert round((at_300 - at_200) / (at_200 - at_100), 2) == 1
