"""Tries faults on one test that has passed: once more without any, then once under each, all of it apart."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict

import pytest

from flujo_testing import reruns
from flujo_testing.audit.apart import Died, Row, rows_apart
from flujo_testing.audit.endings import Ending, ending_of
from flujo_testing.audit.noticing import would_notice
from flujo_testing.audit.trial import Audited, State, Trial, trial_from_plain
from flujo_testing.audit.watching import Watched, told_otherwise
from flujo_testing.faults import Fault

MOST_TOLD = 3
Watching = Callable[[Watched], AbstractContextManager[None]]


class Trials:
    """``clean`` is the pass that everybody has seen; ``watching`` puts another one in its place."""

    def __init__(self, item: pytest.Function, clean: Watched, watching: Watching, timeout_s: float) -> None:
        self._item = item
        self._clean = clean
        self._stories = clean.stories()
        self._watching = watching
        self._timeout_s = timeout_s

    def of(self, faults: Sequence[Fault]) -> Audited:
        """Each fault in turn. One under which the process hangs or dies ends the process, not the audit."""
        if not faults:
            return Audited(self._item.nodeid, 1)
        trials: list[Trial] = []
        with closing(self._apart(faults, with_clean=True)) as rows:
            clean = next(rows)
            if problem := clean.why if isinstance(clean, Died) else clean["problem"]:
                return Audited(self._item.nodeid, 2, problem=problem)
            trials += _trials(faults, rows)
        while len(trials) < len(faults):
            left = faults[len(trials) :]
            with closing(self._apart(left, with_clean=False)) as rows:
                trials += _trials(left, rows)
        return Audited(self._item.nodeid, 2 + len(trials), tuple(trials))

    def _apart(self, faults: Sequence[Fault], with_clean: bool) -> Generator[Row | Died]:
        return rows_apart(lambda: self.rows(faults, with_clean), self._timeout_s)

    def rows(self, faults: Iterable[Fault], with_clean: bool) -> Iterator[Row]:
        """The work of the process apart: what is wrong with a pass without a fault, if asked, then each trial."""
        if with_clean:
            problem = self._problem()
            yield {"problem": problem}
            if problem:
                return
        for fault in faults:
            yield asdict(self._trial(fault))

    def _problem(self) -> str:
        """Why this test can tell nothing about faults, if so: a pass without one is not as the first."""
        again = Watched()
        with self._watching(again):
            outcome = reruns.pass_again(self._item, _no)
        if told := told_otherwise(self._stories, again.stories()):
            return f"nondeterministic: {told[0]}"
        if outcome.error is not None:
            return f"fails when it is run again ({outcome.phase}): {_in_words(outcome.error)}"
        return ""

    def _trial(self, fault: Fault) -> Trial:
        watched = Watched()
        with fault.in_force() as reach, self._watching(watched):
            outcome = reruns.pass_again(self._item, _no)
        ending = ending_of(outcome)
        if reach.count == 0:
            return Trial(fault.name, State.NOT_REACHED, ending)
        told = self._difference(watched)
        if not told and not ending.scores:
            return Trial(fault.name, State.NOT_INFECTED, ending)
        if outcome.error is not None:
            told = [*told[:MOST_TOLD], _in_words(outcome.error)]
        elif len(told) > MOST_TOLD:
            told = [*told[:MOST_TOLD], f"and {len(told) - MOST_TOLD} more"]
        assertion = "" if ending.scores else would_notice(self._clean.results, watched.results, fault.assertion)
        violation = watched.violations[0] if watched.violations else ""
        return Trial(fault.name, State.INFECTED, ending, tuple(told), assertion, violation)

    def _difference(self, lied: Watched) -> list[str]:
        """What a lying engine wrote down need not be a run at all: that is another story, too."""
        try:
            return told_otherwise(self._stories, lied.stories())
        except Exception as error:  # a log that no engine writes may break whoever reads it
            return [f"its runs can no longer be told: {_in_words(error)}"]


def _trials(faults: Sequence[Fault], rows: Iterable[Row | Died]) -> Iterator[Trial]:
    for fault, row in zip(faults, rows, strict=False):
        yield _of_dead(fault, row) if isinstance(row, Died) else trial_from_plain(row)


def _of_dead(fault: Fault, died: Died) -> Trial:
    ending = Ending.TIMEOUT if died.timed_out else Ending.CRASH
    return Trial(fault.name, State.INFECTED, ending, (died.why,), fault.assertion)


def _in_words(error: BaseException) -> str:
    """Its type and the first line of what it says."""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _no() -> bool:
    return False
