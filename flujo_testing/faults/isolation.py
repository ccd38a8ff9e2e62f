"""Faults of isolation: whose context and input an attempt or a branch works on, and what is kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flujo import PipelineContext
from flujo.isolation import State
from flujo_testing.faults.fault import Fault
from flujo_testing.faults.seams import lying

GROUP = "isolation"
CONTEXT = "assert result.context == ..."


def _the_very_context(state: State[Any]) -> PipelineContext:
    context: PipelineContext = state.view()
    return context


def _all_branches(branches: Sequence[tuple[str, State[Any], bool]]) -> list[tuple[str, State[Any]]]:
    return [(name, state) for name, state, _ in branches]


ISOLATION = (
    Fault(
        "share_context", GROUP, "C1", "Attempts work on the run's own context instead of a copy.",
        "laws.context_for_attempt", CONTEXT, lying(context_for_attempt=_the_very_context),
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
)  # fmt: skip
