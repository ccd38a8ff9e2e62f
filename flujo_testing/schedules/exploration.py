"""Explores the orders of one test: makes its passes one by one, until one fails or no more are wanted.

It does not know what a test is: ``again`` makes one more pass of it. pytest is in ``plugin.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from flujo_testing.conservation import ConservationError
from flujo_testing.schedules.comparing import Told, check_laws, differing
from flujo_testing.schedules.errors import NotRepeatable, ScheduleFailure, ScheduleNotReplayable
from flujo_testing.schedules.exploring import Orders, Plan
from flujo_testing.schedules.gate import Tail, first
from flujo_testing.schedules.observing import Observed
from flujo_testing.schedules.schedule import FIRST_IN_FIRST_OUT, Decision, Schedule, deviations_told
from flujo_testing.schedules.shrinking import shrunk

MOST_WORDS = 20
ANOTHER_WAY = (
    "something else than the order decides what happens: real time (take the fixture virtual_clock), a thread, chance, "
    "or state and caches that outlive a pass (make them in the test); "
    "or leave the test in one order, @pytest.mark.flujo_schedules(0, reason=...)"
)


@dataclass(frozen=True, slots=True)
class Tried:
    """A pass that was made, and what the test raised."""

    observed: Observed
    error: BaseException | None = None


Again = Callable[[Schedule, Tail], Tried]


@dataclass(frozen=True, slots=True)
class Explored:
    """The orders that were tried, each told by its schedule; ``all_there_are`` tells that none is left."""

    schedules: tuple[Schedule, ...]
    all_there_are: bool


@dataclass(frozen=True, slots=True)
class _Failure:
    """What is wrong with a pass; ``words`` say it."""

    kind: Literal["test", "laws", "story"]
    error: BaseException | None
    words: tuple[str, ...]

    def is_like(self, other: _Failure) -> bool:
        return (self.kind, type(self.error)) == (other.kind, type(other.error))


class Exploration:
    """The orders of one test. ``command`` tells how to repeat it under a schedule."""

    def __init__(self, first_pass: Observed, again: Again, command: Callable[[Schedule], str]) -> None:
        self._first = first_pass
        self._again = again
        self._command = command
        self._noise: frozenset[Told] = frozenset()
        self._checked = False

    def explore(self, orders: int, seed: int) -> Explored:
        """Try so many orders, the first pass included. Raises ScheduleFailure, or a ScheduleError.

        A first pass that breaks the laws of conservation is a ConservationError.
        """
        check_laws(self._first.runs)
        left, tried = Orders(seed), [self._first.taken]
        left.learn(self._first.decisions, 0)
        while len(tried) < orders and not left.all_tried:
            plan = left.next()
            made = self._again(plan.schedule, plan.tail)
            _check_replayed(plan, made.observed)
            if (failure := self._failure(made)) is not None:
                found = f"seed {seed}, order {len(tried) + 1} of at most {orders}"
                raise self._told(*self._smallest(made, failure), found) from failure.error
            tried.append(made.observed.taken)
            left.learn(made.observed.decisions, len(plan.expected))
        return Explored(tuple(tried), left.all_tried)

    def judge(self, made: Tried) -> None:
        """Raise ScheduleFailure if a pass that was made under a given schedule is wrong."""
        if (failure := self._failure(made)) is not None:
            raise self._told(made, failure, "as it was asked for") from failure.error

    def _failure(self, made: Tried) -> _Failure | None:
        failure = self._suspicion(made)
        if failure is None or self._checked:
            return failure
        self._check_that_it_repeats()
        return self._suspicion(made)

    def _suspicion(self, made: Tried) -> _Failure | None:
        words = tuple(self._differences(made))
        if made.error is not None:
            return _Failure("test", made.error, words)
        try:
            check_laws(made.observed.runs)
        except ConservationError as error:
            return _Failure("laws", error, words)
        return _Failure("story", None, words) if words else None

    def _differences(self, made: Tried) -> Iterator[str]:
        for told, words in differing(self._first.runs, made.observed.runs):
            if told not in self._noise:
                yield words

    def _check_that_it_repeats(self) -> None:
        """The same order once more: what then differs is not the fault of an order. Raises NotRepeatable."""
        self._checked = True
        same = self._again(FIRST_IN_FIRST_OUT, first)
        if same.error is not None:
            raise NotRepeatable(
                "the test passes, and fails when it is run once more in the same order: "
                f"{_shown(same.error)}. {ANOTHER_WAY}"
            ) from same.error
        _check_alike(self._first.decisions, same.observed.decisions)
        self._noise = frozenset(told for told, _ in differing(self._first.runs, same.observed.runs))

    def _smallest(self, made: Tried, failure: _Failure) -> tuple[Tried, _Failure]:
        """The pass with the fewest deviations that fails alike."""
        failing = {made.observed.taken: (made, failure)}

        def still_fails(schedule: Schedule) -> Schedule | None:
            this = self._again(schedule, first)
            its = self._suspicion(this)
            if its is None or not its.is_like(failure):
                return None
            failing[this.observed.taken] = this, its
            return this.observed.taken

        return failing[shrunk(made.observed.taken, still_fails)]

    def _told(self, made: Tried, failure: _Failure, found: str) -> ScheduleFailure:
        schedule = made.observed.taken
        many = "1 deviation" if schedule.deviations == 1 else f"{schedule.deviations} deviations"
        lines = [f"fails in the order {schedule}, {many} from first in, first out ({found}):"]
        lines += [f"  {line}" for line in deviations_told(made.observed.decisions)]
        if failure.error is not None:
            lines.append(f"then it raises {_shown(failure.error)}")
        if failure.words:
            lines.append("what differs from first in, first out:")
            lines += [f"  {line}" for line in failure.words[:MOST_WORDS]]
            if len(failure.words) > MOST_WORDS:
                lines.append(f"  ... and {len(failure.words) - MOST_WORDS} more")
        lines.append(f"repeat it: {self._command(schedule)}")
        return ScheduleFailure("\n".join(lines), schedule)


def check_followed(observed: Observed, schedule: Schedule) -> None:
    """Raise ScheduleNotReplayable if a schedule that was asked for could not be followed to its end."""
    why = observed.gate.impossible
    if why is None and len(observed.decisions) < len(schedule.choices):
        last = observed.decisions[-1].waiting if observed.decisions else ()
        after = f"; the last was between {', '.join(map(repr, last))}" if last else ""
        why = f"it has {len(schedule.choices)} choices, and there were {len(observed.decisions)} decisions{after}"
    if why is not None:
        raise ScheduleNotReplayable(
            f"the schedule {schedule} does not fit this test: {why}. The test or the pipeline has changed since, or "
            "the schedule is another test's: explore anew with --flujo-schedules=N"
        )


def _check_replayed(plan: Plan, observed: Observed) -> None:
    _check_alike(plan.expected, observed.decisions[: len(plan.expected)])


def _check_alike(expected: Sequence[Decision], seen: Sequence[Decision]) -> None:
    """Raise ScheduleNotReplayable if others waited than in the pass before, at one decision or the other."""
    for number in range(max(len(expected), len(seen))):
        one, other = (
            "nobody" if number >= len(decisions) else ", ".join(map(repr, decisions[number].waiting))
            for decisions in (expected, seen)
        )
        if one != other:
            raise ScheduleNotReplayable(
                f"at decision {number + 1} there waited {one}; in the same order once more, {other}. {ANOTHER_WAY}"
            )


def _shown(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    shown = lines[: 1 + isinstance(error, ConservationError)]  # its first line names no violation
    head = " ".join(shown)
    return f"{type(error).__name__}: {head}" if head else type(error).__name__
