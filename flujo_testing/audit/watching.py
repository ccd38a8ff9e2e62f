"""What one pass of a test told: its runs, their results where the test ran them through ``flujo_run``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flujo import Laws, PipelineResult, override
from flujo_testing.agents.passes import current_pass, problems_kept_aside
from flujo_testing.conservation import ConservationError
from flujo_testing.conservation.paths import in_canonical_order
from flujo_testing.schedules.observing import first_come_first_served_on_trio
from flujo_testing.schedules.recording import RecordedRun, Recorder
from flujo_testing.transcript import NotTellable, differences, story_of, story_of_events

Story = dict[str, Any]


class Watched:
    """One pass. What our own checks of accounting say is kept in ``violations``: it is not the test that says it."""

    def __init__(self) -> None:
        self.results: list[PipelineResult] = []
        self.violations: list[str] = []
        self._recorder = Recorder()

    @property
    def runs(self) -> list[RecordedRun]:
        return self._recorder.runs

    @contextmanager
    def in_force(self, laws: Laws | None = None) -> Iterator[None]:
        listening = override(laws=laws, listeners=[self._recorder.hear])
        with listening, problems_kept_aside(self._is_ours), first_come_first_served_on_trio():
            yield

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Runs that start here belong to something that outlives the pass."""
        before, self._recorder.is_paused = self._recorder.is_paused, True
        try:
            yield
        finally:
            self._recorder.is_paused = before

    def called(self) -> None:
        """The test has been called, and its fixtures still live."""
        if (now := current_pass()) is not None:
            self.results = [result for result in now.results if isinstance(result, PipelineResult)]

    def stories(self) -> list[Story | None]:
        """Of each run, then of each result; None for one that cannot be told."""
        runs = [] if len(self.results) == len(self.runs) else self.runs
        return [*(_story_of_run(run) for run in runs), *(_story_of_result(result) for result in self.results)]

    def _is_ours(self, problem: AssertionError) -> bool:
        if not isinstance(problem, ConservationError):
            return False
        self.violations.extend(problem.violations)
        return True


def told_otherwise(clean: Sequence[Story | None], other: Sequence[Story | None]) -> list[str]:
    """In what the stories of one pass differ from those of a clean one, in words."""
    if len(clean) != len(other):
        return [f"the test tells {len(other)} runs instead of {len(clean)}"]
    found = []
    for number, (one, two) in enumerate(zip(clean, other, strict=True), 1):
        of_run = "" if len(clean) == 1 else f"run {number}: "
        if one is not None and two is not None:
            found += [of_run + difference.text for difference in differences(one, two)]
        elif one is not two:
            found.append(f"{of_run}can {'no longer' if two is None else 'now'} be told")
    return found


def _story_of_run(run: RecordedRun) -> Story | None:
    if not run.ended:
        return None
    try:
        return story_of_events(in_canonical_order(run.events)[0])
    except NotTellable:
        return None


def _story_of_result(result: PipelineResult) -> Story | None:
    try:
        return story_of(result)
    except NotTellable:
        return None
