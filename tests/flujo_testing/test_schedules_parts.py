"""The parts that exploring is made of: how schedules are written, which orders come next, how a schedule shrinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations

import pytest

from flujo_testing.schedules import Schedule, ScheduleError
from flujo_testing.schedules.exploring import Orders, Plan
from flujo_testing.schedules.schedule import Decision
from flujo_testing.schedules.shrinking import shrunk

# How a schedule is written --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "text", "deviations"),
    [([], "0", 0), ([0, 0], "0", 0), ([0, 0, 1], "0.0.1", 1), ([2, 0, 11, 0], "2.0.11", 2)],
)
def test_a_schedule_is_written_without_the_zeros_at_its_end(choices: list[int], text: str, deviations: int) -> None:
    schedule = Schedule.of(choices)
    assert (str(schedule), schedule.deviations) == (text, deviations)
    assert Schedule.parse(text) == schedule


@pytest.mark.parametrize("text", ["", ".", "0.", "-1", "1,2", "0 1", "٣", "1" * 7, "0.0x"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        Schedule.parse(text)
    assert str(refused.value) == f"{text!r} is no schedule: write the choices with dots, such as 0.0.1"


# Which orders come next -----------------------------------------------------------------------------------


def decisions_of(asks: Sequence[int], choose: Callable[[int, int], int]) -> list[Decision]:
    """The decisions of branches with so many asks each, as a queue makes them."""
    queue = [(branch, 0) for branch in range(len(asks))]
    made: list[Decision] = []
    while queue:
        chosen = choose(len(made), len(queue)) if len(queue) > 1 else 0
        if len(queue) > 1:
            made.append(Decision(tuple(f"{branch}.{ask}" for branch, ask in queue), chosen))
        branch, ask = queue.pop(chosen)
        if ask + 1 < asks[branch]:
            queue.append((branch, ask + 1))
    return made


def all_decisions(asks: Sequence[int], seed: int) -> list[list[Decision]]:
    orders = Orders(seed)
    passes = [decisions_of(asks, lambda number, width: 0)]
    orders.learn(passes[0], 0)
    while not orders.all_tried:
        plan = orders.next()
        made = decisions_of(asks, partial(choice_of, plan))
        begun = len(plan.expected)
        assert [one.waiting for one in plan.expected] == [one.waiting for one in made[:begun]]
        orders.learn(made, begun)
        passes.append(made)
    return passes


def choice_of(plan: Plan, at: int, width: int) -> int:
    choices = plan.schedule.choices
    return choices[at] if at < len(choices) else plan.tail(width)


@pytest.mark.parametrize("asks", [(1,), (1, 1), (2, 1), (1, 1, 1), (2, 2, 2), (3, 2, 1), (4, 4), (1, 1, 1, 1, 1)])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_order_comes_once(asks: tuple[int, ...], seed: int) -> None:
    named = [branch for branch, count in enumerate(asks) for _ in range(count)]
    there_are = len(set(permutations(named)))
    found = [tuple(decision.chosen for decision in made) for made in all_decisions(asks, seed)]
    assert (len(found), len(set(found))) == (there_are, there_are)


def test_every_second_order_has_the_fewest_deviations_that_are_left() -> None:
    deviations = [sum(one.chosen > 0 for one in made) for made in all_decisions((3, 3, 2), seed=0)]
    with_fewest = deviations[1::2]
    assert with_fewest == sorted(with_fewest)
    assert max(deviations[:20]) > max(with_fewest[:10])


# How a schedule shrinks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "needed", "smallest"),
    [
        ([1, 2, 3, 1, 0, 2], {}, "0"),
        ([1, 2, 3, 1, 0, 2], {2: 3}, "0.0.3"),
        ([1, 2, 3, 1, 0, 2], {2: 1}, "0.0.1"),
        ([1, 2, 3, 1, 0, 2], {0: 1, 5: 2}, "1.0.0.0.0.2"),
        ([1] * 64, {63: 1, 7: 1}, "0.0.0.0.0.0.0.1." + "0." * 55 + "1"),
    ],
)
def test_only_the_deviations_that_are_needed_stay(choices: list[int], needed: dict[int, int], smallest: str) -> None:
    tried: list[Schedule] = []

    def still_fails(schedule: Schedule) -> Schedule | None:
        tried.append(schedule)
        padded = [*schedule.choices, *[0] * 64]
        return schedule if all(padded[at] >= choice for at, choice in needed.items()) else None

    assert str(shrunk(Schedule.of(choices), still_fails)) == smallest
    assert len(tried) < 60


def test_shrinking_ends_where_nothing_smaller_fails_and_gives_up_after_two_hundred_tries() -> None:
    tried: list[Schedule] = []

    def never(schedule: Schedule) -> Schedule | None:
        tried.append(schedule)
        return None

    many = Schedule.of([1] * 300)
    assert shrunk(many, never) == many
    assert len(tried) == 200
