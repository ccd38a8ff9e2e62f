"""The oracle: what the laws say becomes of a random pipeline, in plain Python.

It shares no code with the engine and imports nothing of Flujo. The kinds of steps are in ``plain.py`` and
``composites.py``.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from tests.oracle import composites, deeds, plain
from tests.oracle.frames import Event, Frame, Kept, Past, Run, budgets_of, play_all
from tests.oracle.moments import Ended, Turns
from tests.oracle.pipelines import Story

KINDS = (plain, composites)
"""Loaded, so that every kind of step has its player."""


@dataclass
class Outcome:
    """``events`` in canonical order; ``error`` as events tell it; ``uncertain``: see ``Run``.

    ``past`` is what the run knows when it is resumed, but for new answers.
    """

    events: list[Event]
    context: dict[str, Any]
    past: Past
    uncertain: bool = False
    status: str = "completed"
    output: Any = None
    error: Any = None

    @property
    def entries(self) -> list[Any]:
        return [event[2] for event in self.events if event[0] in ("Paid", "PaidBefore")]

    @property
    def stops_somebody(self) -> bool:
        return any("stopped" in event or "cancelled" in event for event in self.events)

    @property
    def questions(self) -> list[str]:
        """Those that wait for an answer, in the order of the transcript; a failure beside one has withdrawn it."""
        asked = [event[1] for event in self.events if event[0] == "Questioned"]
        ended = [(event[1], event[2]) for event in self.events if event[0] == "StepEnded"]
        withdrawn = [path for path, status in ended if status != "paused"]
        return [path for path in asked if not any(path == over or path.startswith(f"{over}/") for over in withdrawn)]


def outcome_of(story: Story, past: Past | None = None, cache: Kept | None = None) -> Outcome:
    """What becomes of a story, if this is known of its ``past``; what it caches is left in ``cache``."""
    run = Run(past or Past(), story.tempo, {} if cache is None else cache)
    frame = Frame(run, deeds.fresh_context(story.log), budgets_of(run, story.limits, ""))
    outcome = Outcome(frame.log, {}, run.past)

    def whole() -> Turns:
        try:
            outcome.output = yield from play_all(frame, "", story.steps, deepcopy(story.input))
        except Ended as ended:
            outcome.status, outcome.error = ended.status, ended.cause

    frame.tell("RunStarted", "", "pipeline", story.input, vars(frame.context))
    run.time.run(whole())
    told = [entry[:2] for entry in outcome.entries]
    for entry in run.past.entries:
        if entry[:2] not in told:  # law A8: it was shown before, and this run has not got there
            frame.tell("PaidBefore", "", entry)
    frame.tell("RunEnded", "", outcome.status, outcome.output, outcome.error)
    waits = {path: cut for path, cut in run.waits.items() if not (cut and "/plugin:" in path)}  # who is asked again
    before = run.past  # a run may end before it gets as far as the one that it goes on with
    outcome.past = replace(
        before,
        waits={**before.waits, **waits},
        paid={**before.paid, **run.paid},
        doubts={**before.doubts, **run.doubts},
        passed=before.passed | run.passed,
        entries=tuple(outcome.entries),
    )
    if outcome.status == "failed" and outcome.error[2] is not None:
        _, path, made, _ = outcome.error
        failed_at = run.past.failed_at
        outcome.past.failed_at = {**failed_at, path: (*failed_at.get(path, ()), made)}
    outcome.context, outcome.uncertain = deepcopy(vars(frame.context)), run.uncertain
    return outcome
