"""Where keys lead in a review, without a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from flujo_testing.review.deciding import Choice
from flujo_testing.review.walk import Settle, Walk
from tests.flujo_testing.review.deciding import UNPAID, UNTOLD, Place, three


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    three(place)
    return place


def stands(walk: Walk) -> tuple[str, str, bool]:
    return walk.here.key, walk.instance.golden, walk.single


def press(walk: Walk, keys: str) -> list[Settle | None]:
    return [walk.press({"_": "enter"}.get(key, key)) for key in keys]


def test_it_begins_before_the_first_example_of_the_first_group(place: Place) -> None:
    walk = Walk(place.waiting())
    assert stands(walk) == (UNPAID, "test_rain/test_0.yaml", False)
    assert walk.is_over is False


def test_it_is_over_where_nothing_waits(tmp_path: Path) -> None:
    assert Walk(Place(tmp_path).waiting()).is_over is True


@pytest.mark.parametrize(
    ("keys", "key", "golden", "single"),
    [
        ("d", UNPAID, 2, False),
        ("_", UNPAID, 2, False),
        ("dd", UNPAID, 0, False),
        ("s", UNTOLD, 1, False),
        ("sd", UNTOLD, 2, False),
        ("su", UNPAID, 0, False),
        ("uu", UNPAID, 0, False),
        ("g", UNPAID, 0, True),
        ("gs", UNPAID, 2, True),
        ("gdu", UNPAID, 2, False),
        ("?s", UNPAID, 0, False),
        ("x", UNPAID, 0, False),
    ],
)
def test_keys_lead_from_place_to_place(place: Place, keys: str, key: str, golden: int, single: bool) -> None:
    walk = Walk(place.waiting())
    assert press(walk, keys) == [None] * len(keys)
    assert stands(walk) == (key, f"test_rain/test_{golden}.yaml", single)
    assert walk.is_over is False


@pytest.mark.parametrize("keys", ["q", "ss"])
def test_it_ends_at_the_last_group_or_when_somebody_quits(place: Place, keys: str) -> None:
    walk = Walk(place.waiting())
    press(walk, keys)
    assert walk.is_over is True


def test_a_decision_is_about_the_group_or_about_the_single_golden(place: Place) -> None:
    walk = Walk(place.waiting())
    assert walk.press("a") == Settle("accept", Choice(causes=frozenset({UNPAID})), "failed attempts are no longer paid")
    assert press(walk, "gdr")[2] == Settle(
        "reject", Choice(goldens=frozenset({"test_rain/test_2.yaml"})), "golden/test_rain/test_2.yaml"
    )


def test_it_goes_on_with_what_is_left_and_was_not_skipped(place: Place) -> None:
    walk = Walk(place.waiting())
    press(walk, "sa")
    place.settle("accept", UNTOLD)
    walk.settled(place.waiting())
    assert walk.is_over is True
    walk = Walk(place.waiting())
    press(walk, "gd")
    place.settle("accept", "test_rain/test_2.yaml")
    walk.settled(place.waiting())
    assert stands(walk) == (UNPAID, "test_rain/test_0.yaml", True)
    place.settle("accept", "test_rain/test_0.yaml")
    walk.settled(place.waiting())
    assert walk.is_over is True
