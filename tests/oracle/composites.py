"""The oracle's composite steps: branch, loop, map, parallel, cached, human, nested pipeline. Laws P8, A6, C3 to C5."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from math import inf
from types import SimpleNamespace
from typing import Any

from tests.oracle import deeds, merging
from tests.oracle.frames import Failed, Frame, Limited, Paused, budgets_of, decided, mapped, play, play_all, plays
from tests.oracle.moments import Ended, Task, Turns
from tests.oracle.pipelines import Cached, Conditional, Human, Loop, Map, Nested, Parallel, Part, Rule


@plays(Conditional, "branch")
def play_conditional(frame: Frame, here: str, step: Conditional, value: Any) -> Turns:
    key = decided(frame, here, "condition", step.condition, value)
    found = [(str(known), parts) for known, parts in step.branches if known == key]
    if not found and step.default is not None:
        found = [("default", step.default)]
    if not found:
        raise Failed(here, None, ("unknown branch", key))
    value = mapped(frame, here, "branch_input_mapper", step.input_mapper, value)
    path = f"{here}/branch:{found[0][0]}"
    output = yield from undone_if_it_fails(frame, replace(frame, branch=path), path, found[0][1], value)
    return mapped(frame, here, "branch_output_mapper", step.output_mapper, output)


def undone_if_it_fails(frame: Frame, inner: Frame, path: str, parts: tuple[Part, ...], value: Any) -> Turns:
    """Law C5: what did not complete has left the context as it was before; what waits for an answer has not."""
    inner.context = deepcopy(frame.context)
    try:
        output = yield from play_all(inner, path, parts, value)
    except Paused:
        frame.context = inner.context
        raise
    frame.context = inner.context
    return output


@plays(Loop, "loop")
def play_loop(frame: Frame, here: str, step: Loop, value: Any) -> Turns:
    own = value
    value = mapped(frame, here, "initial_input_mapper", step.initial_input_mapper, own, 0, iteration=1, input=own)
    for number in range(1, step.max_loops + 1):
        path = f"{here}/iteration:{number}"
        output = yield from undone_if_it_fails(frame, replace(frame), path, step.body, value)
        extras = {"iteration": number, "input": own}
        if decided(frame, here, "exit_condition", step.exit_condition, output, number, wants=bool, **extras):
            return mapped(frame, here, "loop_output_mapper", step.output_mapper, output, 0, **extras)
        if number < step.max_loops:
            extras, what = {"iteration": number + 1, "input": own}, "iteration_input_mapper"
            value = mapped(frame, here, what, step.iteration_input_mapper, output, number + 1, **extras)
    raise Failed(here, None, ("max loops", step.max_loops))


@plays(Map, "map")
def play_map(frame: Frame, here: str, step: Map, value: Any) -> Turns:
    items = decided(frame, here, "items", step.items, value, wants=list)
    if step.max_concurrency == 1:
        return (yield from played_in_turn(frame, here, step, items))
    names = [f"item:{number}" for number in range(1, len(items) + 1)]
    lanes = [Lane(name, f"{here}/{name}", step.body, item) for name, item in zip(names, items, strict=True)]
    yield from played_together(frame, here, frame.context, lanes, step.max_concurrency, "ItemEnded")
    join(frame, here, frame.context, lanes, step.merge, deeds.FIELDS)
    return [lane.output for lane in lanes]


def played_in_turn(frame: Frame, here: str, step: Map, items: list[Any]) -> Turns:
    outputs = []
    for number, item in enumerate(items, 1):
        try:
            path = f"{here}/item:{number}"
            outputs.append((yield from undone_if_it_fails(frame, replace(frame), path, step.body, item)))
        except Ended as ended:
            frame.tell("ItemEnded", here, number, ended.status, None, ended.cause)
            raise
        frame.tell("ItemEnded", here, number, "completed", outputs[-1], None)
    return outputs


@plays(Parallel, "parallel")
def play_parallel(frame: Frame, here: str, step: Parallel, value: Any) -> Turns:
    names = yield from selected(frame, here, step, tuple(name for name, _ in step.branches), value)
    lanes = [Lane(name, f"{here}/branch:{name}", parts, value) for name, parts in step.branches if name in names]
    fields = deeds.FIELDS if step.include is None else step.include
    start = SimpleNamespace(**vars(deeds.fresh_context()) | {name: getattr(frame.context, name) for name in fields})
    yield from played_together(frame, here, start, lanes, step.max_concurrency, "BranchEnded", step.ignores_failures)
    join(frame, here, start, lanes, step.merge, fields)
    return {lane.name: lane.output for lane in lanes if lane.status == "completed"}


def selected(frame: Frame, here: str, step: Parallel, known: tuple[str, ...], value: Any) -> Turns:
    """The names of the branches that run. Whatever pays for the choice is a step of its own."""
    if step.select is None:
        return known
    if isinstance(step.select, Rule):
        chosen = decided(frame, here, "select", step.select, value, wants=list)
    else:
        chosen = yield from play(frame, here, step.select, value)
        if not isinstance(chosen, list):
            raise Failed(here, None, ("decision", "select"))
    unknown = [name for name in chosen if name not in known]
    if unknown and not step.ignore_unknown:
        raise Failed(here, None, ("unknown branch", *unknown))
    names = tuple(name for name in known if name in chosen)
    frame.tell("Decided", here, "select", 0, names)
    return names


@dataclass
class Lane:
    """One branch or item. Until it has ended by itself it counts as stopped."""

    name: str
    path: str
    parts: tuple[Part, ...]
    value: Any
    frame: Any = None
    status: str = "stopped"
    output: Any = None
    ended: Ended | None = None


def played_together(
    frame: Frame, here: str, start: SimpleNamespace, lanes: list[Lane], at_once: int | None, told: str,
    tolerant: bool = False,
) -> Turns:  # fmt: skip
    """All lanes side by side, as far as they get; then their logs and ends, in declared order."""
    for number, lane in enumerate(lanes):
        order, branch = (*frame.order, number), frame.branch if told == "ItemEnded" else lane.path
        lane.frame = replace(frame, context=deepcopy(start), log=[], order=order, branch=branch)
    try:
        yield from Together(frame, lanes, tolerant).turns(at_once or len(lanes))
    finally:
        for number, lane in enumerate(lanes, 1):
            frame.log += lane.frame.log
            cause = None if lane.ended is None else lane.ended.cause
            if told == "ItemEnded":
                frame.tell(told, here, number, lane.status, lane.output, cause)
            else:
                ignored = tolerant and lane.status == "failed"
                frame.tell(told, here, lane.name, lane.status, lane.output, cause, ignored)
    # Status precedence: limited, failed, paused; of one kind the earliest declared lane.
    tolerated = tolerant and any(lane.status != "failed" for lane in lanes)
    for status in ("limited", "paused") if tolerated else ("limited", "failed", "paused"):
        for lane in lanes:
            if lane.ended is not None and lane.status == status:
                raise lane.ended


class Together:
    """Lanes while they run: so many tasks that each take the next lane that waits."""

    def __init__(self, frame: Frame, lanes: list[Lane], tolerant: bool) -> None:
        self.run, self.time = frame.run, frame.run.time
        self.lanes, self.tolerant = lanes, tolerant
        self.is_stopped = False
        self.tasks: list[Task] = []

    def turns(self, at_once: int) -> Turns:
        waiting = iter(self.lanes)
        self.tasks = [self.time.start(self.lane_by_lane(waiting)) for _ in self.lanes[:at_once]]
        try:
            while not all(task.is_over for task in self.tasks):
                yield inf
        except Ended:
            self.stop(None)
            raise

    def lane_by_lane(self, waiting: Iterator[Lane]) -> Turns:
        for lane in waiting:
            if self.is_stopped:
                return
            try:
                lane.output = yield from play_all(lane.frame, lane.path, lane.parts, lane.value)
                lane.status = "completed"
            except (Failed, Limited, Paused) as ended:
                lane.status, lane.ended = ended.status, ended
                if lane.status == "limited" or (lane.status == "failed" and not self.tolerant):
                    self.stop(self.time.current)

    def stop(self, by: Task | None) -> None:
        self.is_stopped = True
        for task in self.tasks:
            if task is not by:
                self.run.uncertain |= by is not None and self.time.acts_now(task)
                self.time.stop(task)


def join(
    frame: Frame, here: str, start: SimpleNamespace, lanes: list[Lane], strategy: str, fields: tuple[str, ...]
) -> None:
    """Bring what the completed lanes changed into the frame's context."""
    completed = [(lane.name, lane.frame.context) for lane in lanes if lane.status == "completed"]
    try:
        after, sources = merging.merged(start, completed, strategy, fields)
    except merging.Conflict as conflict:
        raise Failed(here, None, str(conflict)) from None
    except KeyError:
        raise Failed(here, None, "KeyError: 'winner'") from None
    before = deepcopy(frame.context)
    for name, _, value in merging.changes(start, after):
        if name in fields:
            setattr(frame.context, name, value)
    if changes := merging.changes(before, frame.context):
        frame.tell("Merged", here, "function" if strategy in merging.FUNCTIONS else strategy, changes, sources)


@plays(Human, "human")
def play_human(frame: Frame, here: str, step: Human, value: Any) -> Any:
    message = step.message.value
    if step.message.how != "const":
        message = decided(frame, here, "message", step.message, value)
    frame.tell("Questioned", here, message)
    answers = frame.run.past.answers
    if here not in answers:
        raise Paused(None)
    frame.tell("Replied", here, answers[here])
    return answers[here]


@plays(Nested, "pipeline")
def play_nested(frame: Frame, here: str, step: Nested, value: Any) -> Turns:
    own = budgets_of(frame.run, step.limits, here)
    inner = replace(frame, budgets=(*frame.budgets, *own))
    try:
        return (yield from play_all(inner, here, step.steps, value))
    except Limited as limited:
        if limited.budget not in own:
            raise
        raise Failed(here, None, "limited") from None
    finally:
        frame.context = inner.context


@plays(Cached, "cached")
def play_cached(frame: Frame, here: str, step: Cached, value: Any) -> Turns:
    """The random cached steps read no context unless they take it; then they read all of it (``look``)."""
    reads = vars(frame.context) if any(agent.takes_context for agent in step.step.agents) else {}
    key, cache = json.dumps([repr(step), value, reads], sort_keys=True), frame.run.cache
    frame.tell("CacheHit" if key in cache else "CacheMissed", here)
    if key in cache:
        output, after = deepcopy(cache[key])
        if reads and (changes := merging.changes(frame.context, after)):
            frame.tell("ContextChanged", here, changes)
            frame.context = after
        return output
    output = yield from play(frame, here, step.step, value)
    cache[key] = deepcopy(output), deepcopy(frame.context)
    return output
