"""The arithmetic of virtual time, without a loop: a settable number stands for the real clock."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, nan

import pytest

from flujo_testing.clock import DeadlockError, VirtualClock
from flujo_testing.clock.held_loop import HeldLoop
from flujo_testing.clock.portal_calls import PortalCalls
from flujo_testing.clock.waiting_tasks import WaitingTask


@dataclass
class RealTime:
    seconds: float = 5000.0

    def __call__(self) -> float:
        return self.seconds


class PlainLoop(HeldLoop):
    """Threads and sockets are numbers set by the test; it keeps what it was interrupted with."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.portal_calls = PortalCalls(None)
        self.threads = 0
        self.sockets: set[int] = set()
        self.interrupted_by: list[str] = []

    def release(self) -> None:
        self.clock.run()

    def is_in_main_task(self) -> bool:
        return True

    def busy_threads(self) -> int:
        return self.threads

    def open_sockets(self) -> set[int]:
        return self.sockets

    def readers(self) -> Iterator[tuple[int, Context]]:
        """Which sockets these are, it does not tell."""
        return iter(())

    def tasks(self) -> list[WaitingTask]:
        return []

    def interrupt(self, error: DeadlockError) -> None:
        self.interrupted_by.append(str(error))

    def forget_cancellation(self) -> None:
        self.interrupted_by.clear()


@pytest.fixture
def real() -> RealTime:
    return RealTime()


@pytest.fixture
def clock(real: RealTime) -> VirtualClock:
    return VirtualClock(real, start=700.0)


@pytest.fixture
def loop(clock: VirtualClock) -> PlainLoop:
    return PlainLoop(clock)


def test_time_stands_still_until_it_jumps(clock: VirtualClock, real: RealTime) -> None:
    real.seconds += 11
    assert (clock.now(), clock.loop_time(), clock.stopped) == (0.0, 700.0, True)
    clock.jump_to(703.5)
    assert (clock.now(), clock.loop_time(), clock.elapsed) == (3.5, 703.5, 3.5)
    assert clock.utc() == datetime(2026, 1, 1, 0, 0, 3, 500_000, tzinfo=UTC)


def test_time_never_jumps_back(clock: VirtualClock) -> None:
    clock.jump_to(703.5)
    clock.jump_to(701.0)
    assert clock.now() == 3.5


def test_real_time_passes_inside_the_block_only(clock: VirtualClock, real: RealTime) -> None:
    clock.jump_to(710.0)
    with clock.real_time():
        real.seconds += 2
        with clock.real_time():
            real.seconds += 3
        real.seconds += 5
        assert (clock.now(), clock.stopped) == (20.0, False)
    real.seconds += 7
    assert (clock.now(), clock.stopped) == (20.0, True)


def test_after_the_test_time_goes_on_from_where_it_stood(clock: VirtualClock, real: RealTime) -> None:
    clock.jump_to(1_000_000.0)
    clock.run()
    real.seconds += 13
    clock.run()
    real.seconds += 4
    assert clock.loop_time() == 1_000_017.0


def test_time_can_be_advanced(clock: VirtualClock, real: RealTime) -> None:
    clock.advance(90)
    clock.advance(0.5)
    assert (clock.now(), clock.loop_time()) == (90.5, 790.5)
    with clock.real_time():
        real.seconds += 2
        clock.advance(60)
        assert clock.now() == 152.5
    assert clock.now() == 152.5


@pytest.mark.parametrize("seconds", [-1.0, nan])
def test_time_cannot_be_advanced_backwards(clock: VirtualClock, seconds: float) -> None:
    with pytest.raises(ValueError, match=rf"^time never goes back: advance\({seconds}\)$"):
        clock.advance(seconds)


def test_another_pass_of_the_test_counts_from_zero(clock: VirtualClock) -> None:
    clock.jump_to(710.0)
    clock.start_again()
    clock.jump_to(712.0)
    assert (clock.now(), clock.loop_time()) == (2.0, 712.0)


def test_a_loop_with_nothing_but_a_timer_is_given_no_time(loop: PlainLoop) -> None:
    assert loop.patience(705.0) == 0.0


@pytest.fixture
def leading_outside() -> Iterator[int]:
    """A socket of which nobody can tell who is at the other end."""
    left, right = socket.socketpair()
    with left, right:
        yield left.fileno()


@pytest.fixture
def leading_nowhere() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.fileno()


def test_a_loop_with_a_socket_is_given_a_moment_before_a_timer(loop: PlainLoop, leading_nowhere: int) -> None:
    loop.sockets = {leading_nowhere}
    assert loop.patience(705.0) == 0.01


def test_a_loop_without_timers_is_given_a_second_or_thirty_if_others_may_wake_it(
    loop: PlainLoop, leading_nowhere: int, leading_outside: int
) -> None:
    alone = loop.patience(inf)
    loop.sockets = {leading_nowhere}
    beside_a_server = loop.patience(inf)
    loop.sockets = {leading_nowhere, leading_outside}
    assert (alone, beside_a_server, loop.patience(inf)) == (1.0, 1.0, 30.0)


def test_under_a_thread_a_timer_is_as_far_as_in_real_time(loop: PlainLoop) -> None:
    loop.threads = 1
    assert (loop.patience(705.0), loop.patience(inf)) == (5.0, inf)


def test_time_waited_under_a_thread_brings_its_timer_closer(loop: PlainLoop) -> None:
    loop.threads = 1
    loop.woken_after(2.0)
    loop.woken_after(1.5)
    assert loop.patience(705.0) == 1.5
    loop.woken_after(4.0)
    assert loop.patience(705.0) == 0.0


def test_time_waited_is_forgotten_once_no_thread_works_or_time_jumped(loop: PlainLoop) -> None:
    loop.woken_after(2.0)
    loop.patience(705.0)
    loop.threads = 1
    assert loop.patience(705.0) == 5.0
    loop.woken_after(5.0)
    loop.move_on(705.0)
    assert loop.patience(708.0) == 3.0


def test_moving_on_jumps_to_the_next_timer(loop: PlainLoop) -> None:
    loop.move_on(705.0)
    assert (loop.clock.now(), loop.interrupted_by) == (5.0, [])


def test_moving_on_without_a_timer_gives_the_test_up(loop: PlainLoop) -> None:
    loop.move_on(inf)
    assert loop.interrupted_by == ["virtual deadlock: every task waits, and no timer or thread is left to wake one:"]
    assert loop.clock.now() == 0.0


def test_too_many_jumps_give_the_test_up(loop: PlainLoop) -> None:
    loop.clock.max_jumps = 2
    for deadline in (701.0, 702.0, 703.0):
        loop.move_on(deadline)
    assert loop.interrupted_by == ["virtual deadlock: time jumped 2 times (max_jumps), and no end is in sight:"]
    assert loop.clock.now() == 2.0
