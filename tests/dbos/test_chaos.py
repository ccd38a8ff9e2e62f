"""The checks of the chaos are red where a promise is broken: a gate that cannot be red says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.workers.kill import Broken, Place, dropped, lost, made_again, none_of

ONE = {("r1", "a/attempt:1"): '"r1 a#1 t1"'}


def place(tmp_path: Path, *calls: str) -> Place:
    (tmp_path / "calls").write_text("".join(f"{call} 7\n" for call in calls))
    return Place("postgresql:///nowhere", tmp_path / "calls")


@pytest.mark.parametrize(
    ("calls", "again", "gone"),
    [
        (("r1 a#1 t0", "r1 a#1 t1"), [], []),
        (
            ("r1 a#1 t1", "r1 a#1 t2"),
            ["a#1 of r1 was called again after its answer was committed"],
            ["a#1 of r1 has no answer"],
        ),
        (("r1 a#1 t1", "r1 b#1 t3"), [], ["b#1 of r1 has no answer"]),
        (("r1 a#1 t0",), [], ["a#1 of r1 has no answer"]),
    ],
)
def test_a_call_that_was_made_again_or_dropped_is_found(
    tmp_path: Path, calls: tuple[str, ...], again: list[str], gone: list[str]
) -> None:
    assert made_again(place(tmp_path, *calls), ONE) == again
    assert dropped(place(tmp_path, *calls), ONE) == gone


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (ONE, []),
        ({}, ["the answer at ('r1', 'a/attempt:1') was \"r1 a#1 t1\" and is None"]),
        (
            {("r1", "a/attempt:1"): '"r1 a#1 t2"'},
            ["the answer at ('r1', 'a/attempt:1') was \"r1 a#1 t1\" and is \"r1 a#1 t2\""],
        ),
    ],
)
def test_an_answer_that_was_lost_or_overwritten_is_found(now: dict[tuple[str, str], str], told: list[str]) -> None:
    assert lost(ONE, now) == told


def test_any_fault_is_red() -> None:
    none_of([], [])
    with pytest.raises(Broken, match="2 times: one; 1 times: three"):
        none_of(["one", "two"], [], ["three"])
