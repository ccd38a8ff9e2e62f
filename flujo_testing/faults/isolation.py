"""Faults of isolation: whose context and input an attempt or a branch works on, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakKeyDictionary

from flujo import MergeStrategy, PipelineContext
from flujo.canonical import NotRepresentable, canonical_json
from flujo.context import SLOTS
from flujo.execution.lanes import Lane
from flujo.isolation import State
from flujo_testing.faults.fault import Fault, Reach
from flujo_testing.faults.logs import by_end
from flujo_testing.faults.seams import Call, calling, is_agent, lying, noting, output_of, with_laws

GROUP = "isolation"
CONTEXT = "assert result.context == Context(...)"
CALLS = "assert len(agent.calls) == ..."


Branches = Sequence[tuple[str, State[Any], bool]]


def _one_context(reach: Reach) -> Callable[[State[Any]], PipelineContext]:
    """All who begin with the same state get one and the same context."""
    known: WeakKeyDictionary[State[Any], PipelineContext] = WeakKeyDictionary()

    def context_for_attempt(state: State[Any]) -> PipelineContext:
        reach.note()
        return known.setdefault(state, state.fork())

    return context_for_attempt


def _shallow_context(state: State[Any]) -> PipelineContext:
    context: PipelineContext = state.view()
    return context


def _all_branches(branches: Branches) -> list[tuple[str, State[Any]]]:
    return [(name, state) for name, state, _ in branches]


def _as_they_ended(reach: Reach) -> AbstractContextManager[object]:
    ended: dict[tuple[str, ...], list[str]] = {}

    def logs_in_order(lanes: list[Lane]) -> list[Lane]:
        ended[tuple(lane.name for lane in lanes)] = [lane.name for lane in by_end(lanes)]
        return lanes

    def branches_to_merge(branches: Branches) -> list[tuple[str, State[Any]]]:
        reach.note()
        order = ended[tuple(name for name, _, _ in branches)]
        joining = [(name, state) for name, state, completed in branches if completed]
        return sorted(joining, key=lambda branch: order.index(branch[0]))

    return with_laws({"logs_in_order": logs_in_order, "branches_to_merge": branches_to_merge})


def _overwriting(reach: Reach) -> Callable[[object], object]:
    def merge_strategy(asked: object) -> object:
        if asked is not MergeStrategy.CONTEXT_UPDATE:
            return asked
        reach.note()
        return MergeStrategy.OVERWRITE

    return merge_strategy


def _added_only(before: State[Any], context: PipelineContext, accepted: bool) -> State[Any]:
    if not accepted:
        return before
    after: State[Any] = before.commit(context)
    told = ((name, _with_all_of(before.values.get(name), now)) for name, now in after.values.items())
    rows = tuple(row for row in told if row[0] not in SLOTS and row[1] is not after.values[row[0]])
    return after.with_delta(rows) if rows else after


def _with_all_of(was: object, now: object) -> object:
    """A list or a dict in which nothing is missing that was there before; anything else as it is now."""
    if isinstance(was, list) and isinstance(now, list) and any(item not in now for item in was):
        return [*was, *(item for item in now if item not in was)]
    if isinstance(was, Mapping) and isinstance(now, dict) and not was.keys() <= now.keys():
        return {**was, **now}
    return now


def _remembering(reach: Reach) -> AbstractContextManager[object]:
    answers: dict[tuple[object, str], object] = {}

    def around(call: Call, reach: Reach) -> Call:
        async def asked(input: object, **offered: object) -> object:
            reach.note()
            try:
                key = call, canonical_json(input)
            except NotRepresentable:
                return await call(input, **offered)
            if key not in answers:
                answer = await call(input, **offered)
                answers[key] = output_of(answer)
                return answer
            return answers[key]

        return asked

    return calling(is_agent, around)(reach)


ISOLATION = (
    Fault(
        "share_context", GROUP, "C1", "Attempts and branches work on one context instead of a copy each.",
        "laws.context_for_attempt", CONTEXT, noting(context_for_attempt=_one_context),
    ),
    Fault(
        "shallow_copy", GROUP, "C1", "Attempts get a shallow copy of the context: what is nested in it is shared.",
        "laws.context_for_attempt", CONTEXT, lying(context_for_attempt=_shallow_context),
    ),
    Fault(
        "failed_attempt_kept", GROUP, "C1", "What a failed attempt changed in the context is kept.",
        "laws.context_after_attempt", CONTEXT,
        lying(context_after_attempt=lambda before, context, accepted: before.commit(context)),
    ),
    Fault(
        "failed_branch_merged", GROUP, "C3", "What a failed branch changed is merged.",
        "laws.branches_to_merge", CONTEXT, lying(branches_to_merge=_all_branches),
    ),
    Fault(
        "merge_in_completion_order", GROUP, "C4", "Contexts of branches are merged in the order in which they ended.",
        "laws.branches_to_merge", CONTEXT, _as_they_ended,
    ),
    Fault(
        "last_writer_wins", GROUP, "C4", "Of branches that changed the same, the last one wins and nobody is told.",
        "laws.merge_strategy", 'assert result.status == "failed"',
        noting(merge_strategy=_overwriting),
    ),
    Fault(
        "add_only_merge", GROUP, "C2", "What an accepted attempt deleted from the context comes back.",
        "laws.context_after_attempt", CONTEXT, lying(context_after_attempt=_added_only),
    ),
    Fault(
        "input_aliased", GROUP, "C6", "Agents work on the very input that they were given, be it the caller's.",
        "laws.input_for_attempt", "assert [call.input for call in agent.calls] == [...]",
        lying(input_for_attempt=lambda value: value),
    ),
    Fault(
        "cache_unasked", GROUP, "C9", "An agent that is asked the same again is not called: its first answer stands.",
        "door", CALLS, _remembering,
    ),
    Fault(
        "accepted_changes_lost", GROUP, "C2", "What an accepted attempt changed in its context is lost.",
        "laws.context_after_attempt", CONTEXT, lying(context_after_attempt=lambda before, context, accepted: before),
    ),
    Fault(
        "failed_part_kept", GROUP, "C5", "What a failed branch, iteration or item changed in the context is kept.",
        "laws.context_after_part", CONTEXT, lying(context_after_part=lambda before, after, completed: after),
    ),
)  # fmt: skip
