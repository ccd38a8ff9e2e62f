"""The queue before the budgets: declared order on every scheduler, no overtaking, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from flujo.execution.admission import Admission

pytestmark = pytest.mark.anyio


async def ticks(number: int = 5) -> None:
    for _ in range(number):
        await anyio.lowlevel.checkpoint()


class Gate:
    """Lets as many through as there are places, and notes who."""

    def __init__(self, places: int = 0) -> None:
        self.places = places
        self.passed: list[str] = []

    def attempt(self, name: str) -> Callable[[], bool]:
        def passes() -> bool:
            if not self.places:
                return False
            self.places -= 1
            self.passed.append(name)
            return True

        return passes


@pytest.mark.parametrize("round_", range(10))
async def test_calls_of_one_tick_are_served_in_declared_order(round_: int) -> None:
    queue, gate = Admission(), Gate(places=20)
    async with anyio.create_task_group() as tasks:
        for position in reversed(range(20)):
            tasks.start_soon(queue.turn, (0, position), gate.attempt(str(position)))
    assert gate.passed == [str(position) for position in range(20)]
    assert queue.idle is True


async def test_a_position_inside_another_comes_after_it_and_before_the_next() -> None:
    queue, gate = Admission(), Gate(places=4)
    async with anyio.create_task_group() as tasks:
        for order in [(2,), (1, 7), (1,), (1, 5, 3)]:
            tasks.start_soon(queue.turn, order, gate.attempt(str(order)))
    assert gate.passed == ["(1,)", "(1, 5, 3)", "(1, 7)", "(2,)"]


async def test_calls_at_the_same_position_are_served_in_the_order_of_their_arrival() -> None:
    queue, gate = Admission(), Gate()
    async with anyio.create_task_group() as tasks:
        for name in ["first", "second"]:
            tasks.start_soon(queue.turn, (1,), gate.attempt(name))
            await ticks()
        gate.places = 2
        queue.serve()
    assert gate.passed == ["first", "second"]


async def test_a_later_arrival_with_an_earlier_position_goes_before_those_who_wait() -> None:
    queue, gate = Admission(), Gate()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(queue.turn, (2,), gate.attempt("second"))
        await ticks()
        tasks.start_soon(queue.turn, (1,), gate.attempt("first"))
        await ticks()
        gate.places = 1
        queue.serve()
        assert gate.passed == ["first"]
        gate.places = 1
        queue.serve()
    assert gate.passed == ["first", "second"]


async def test_nobody_overtakes_the_first_even_if_he_could() -> None:
    queue, closed, open_ = Admission(), Gate(), Gate(places=1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(queue.turn, (1,), closed.attempt("first"))
        tasks.start_soon(queue.turn, (2,), open_.attempt("second"))
        await ticks()
        assert (open_.passed, queue.idle) == ([], False)
        closed.places = 1
        queue.serve()
    assert (closed.passed, open_.passed) == (["first"], ["second"])


async def test_a_first_that_gives_up_lets_the_next_go_on() -> None:
    queue, closed, open_ = Admission(), Gate(), Gate(places=1)
    async with anyio.create_task_group() as tasks:
        giving_up = anyio.CancelScope()

        async def first() -> None:
            with giving_up:
                await queue.turn((1,), closed.attempt("first"))

        tasks.start_soon(first)
        tasks.start_soon(queue.turn, (2,), open_.attempt("second"))
        await ticks()
        giving_up.cancel()
    assert (open_.passed, queue.idle) == (["second"], True)


async def test_a_call_cancelled_before_its_first_turn_leaves_nothing_behind() -> None:
    queue, gate = Admission(), Gate(places=1)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await queue.turn((1,), gate.attempt("cancelled"))
    assert (queue.idle, gate.passed, gate.places) == (True, [], 1)


async def test_a_call_is_not_served_in_the_tick_of_its_arrival() -> None:
    queue, gate = Admission(), Gate(places=1)
    call = queue.turn((1,), gate.attempt("new"))
    call.send(None)
    queue.serve()
    assert (gate.passed, queue.idle) == ([], False)
    call.close()
    assert (gate.passed, queue.idle) == ([], True)


async def test_a_thousand_calls_are_served_in_order() -> None:
    queue, gate = Admission(), Gate(places=1)
    async with anyio.create_task_group() as tasks:

        async def call(position: int) -> None:
            await queue.turn((position,), gate.attempt(str(position)))
            gate.places += 1
            queue.serve()

        for position in reversed(range(1000)):
            tasks.start_soon(call, position)
    assert gate.passed == [str(position) for position in range(1000)]
