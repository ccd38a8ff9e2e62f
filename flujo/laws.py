"""The engine's policies on one page: what is copied, charged, told, kept, retried and admitted.

Each is a small pure function; ``Laws`` gathers them in one record that the engine asks. Production uses the default.
Whoever wants to understand what Flujo promises reads this page; whoever wants to know whether a test suite would notice
a broken promise hands in a record with one lie in it (``flujo.override(laws=...)``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from flujo.context import PipelineContext
from flujo.entries import LedgerEntry
from flujo.events import Log, RunStatus
from flujo.isolation import State, private_copy
from flujo.ports import AgentOutput, PluginOutcome, Rejection
from flujo.prices import CostModel, Quote
from flujo.usage import RequestUsage, Usage

B = TypeVar("B")
P = TypeVar("P")
HOP_LIMIT = 10


# Isolation ------------------------------------------------------------------------------------------------


def context_for_attempt(state: State[Any]) -> PipelineContext:
    """C1: each attempt works on a context of its own."""
    context: PipelineContext = state.fork()
    return context


def input_for_attempt(value: object) -> object:
    """C1, C6: each attempt works on an input of its own."""
    return private_copy(value)


def context_after_attempt(before: State[Any], context: PipelineContext, accepted: bool) -> State[Any]:
    """C1, C2: an accepted attempt's changes are kept as they are; a failed one's are gone."""
    return before.commit(context) if accepted else before


def context_after_part(before: State[Any], after: State[Any], completed: bool) -> State[Any]:
    """C5: a conditional branch, an iteration or an item that failed leaves the context as it was before it."""
    return after if completed else before


def context_for_branch(state: State[Any]) -> State[Any]:
    """C3: branches start from equal snapshots and never see each other."""
    return state


def branches_to_merge(branches: Sequence[tuple[str, State[Any], bool]]) -> list[tuple[str, State[Any]]]:
    """C3, C4: those that completed, in declared order. Each comes as (name, state, completed)."""
    return [(name, state) for name, state, completed in branches if completed]


def merge_strategy(asked: P) -> P:
    """C4: contexts join in the way that was asked for."""
    return asked


# Accounting -----------------------------------------------------------------------------------------------


def requests_to_book(requests: tuple[RequestUsage, ...]) -> tuple[RequestUsage, ...]:
    """A1: each request that an ask reports is priced and booked for itself."""
    return requests


def quote(prices: CostModel, model: str, usage: Usage, at: datetime, context: str | None) -> Quote:
    """A3: a request costs what the prices of its model say of each kind of its tokens."""
    return prices.quote(model, usage, at, context)


def entries_to_book(entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
    """A1: every paid request makes one entry, whatever became of its answer."""
    return entries


def admits(spent: Any, reserved: Any, bound: Any, limit: Any) -> bool:
    """A5: a budget never admits a call that could pass it; equality is allowed."""
    return bool(spent + reserved + bound <= limit)


def passes(spent: Any, limit: Any) -> bool:
    """A6: a limit is breached when more than it was spent; a limit of 0 is a limit."""
    return bool(spent > limit)


def budget_around(budget: B) -> B | None:
    """A7: a nested run, pipeline or step draws on the budget around it."""
    return budget


# Propagation ----------------------------------------------------------------------------------------------


def attempts_allowed(max_retries: int) -> int:
    return 1 + max_retries


def feedback_for_attempt(rejections: tuple[Rejection, ...]) -> tuple[Rejection, ...]:
    """P1: every rejection so far reaches the next attempt."""
    return rejections


def text_with_feedback(text: str, feedback: Sequence[Rejection]) -> str:
    """P1: the *original* input with the feedback behind it, clearly delimited."""
    told = "\n".join(
        f"- {rejection.plugin} (attempt {rejection.attempt}): {rejection.feedback}" for rejection in feedback
    )
    return f"{text}\n\n<feedback>\nEarlier drafts were rejected:\n{told}\n</feedback>"


def feedback_of(outcome: PluginOutcome, plugin: str) -> str | None:
    """P1: a rejection says why, or that it does not."""
    return outcome.feedback if outcome.success or outcome.feedback else f"{plugin} gave no reason"


def retries_error(error: BaseException, retry_on: type[Exception] | tuple[type[Exception], ...]) -> bool:
    """P1: ``retry_on`` filters what agents raise; nothing else."""
    return isinstance(error, retry_on)


def plugins_in_order(plugins: Sequence[P], priority: Callable[[P], int]) -> list[P]:
    """P2: higher priority first, ties in declared order."""
    return sorted(plugins, key=lambda plugin: -priority(plugin))


def output_after(output: object, outcome: PluginOutcome) -> object:
    """P3: ``new_solution`` of an accepting outcome replaces the output."""
    return outcome.new_solution if outcome.success and outcome.replaces_output else output


def redirect_of(outcome: PluginOutcome) -> object | None:
    """P4: ``redirect_to`` counts on any outcome and beats ``new_solution``."""
    return outcome.redirect_to


def loop_of(asked: Sequence[object], target: object) -> str | None:
    """P4: why one attempt may not go on to ``target`` after the agents ``asked``; None if it may."""
    if any(agent is target for agent in asked):
        return "one attempt was redirected in a circle"
    return f"one attempt was redirected more than {HOP_LIMIT} times" if len(asked) > HOP_LIMIT else None


def verdict_of_crash(reason: str) -> PluginOutcome:
    """P5: a plugin that raises, hangs or gives no outcome rejects, and its reason is the feedback."""
    return PluginOutcome(False, reason)


def timeout_of(timeout_s: float) -> float:
    """P6: a step's timeout bounds each of its calls."""
    return timeout_s


def is_overdue(now: float, deadline: float) -> bool:
    """P6: what comes back after its deadline has failed, whatever it brings."""
    return now > deadline


def input_for_fallback(original: object) -> object:
    """P7: the fallback gets the original input."""
    return original


def answer_of_stream(chunks: Sequence[str], last: AgentOutput[Any] | None) -> object:
    """P7: a stream ends with its answer, or is the answer."""
    return "".join(chunks) if last is None else last


def input_of_branches(value: object) -> object:
    """P8: branches get the input of their parallel step."""
    return value


def outputs_of_branches(outputs: Mapping[str, object]) -> dict[str, object]:
    """P8: the output of a parallel step holds its successful branches in declared order."""
    return dict(outputs)


def status_of_run(status: RunStatus) -> RunStatus:
    """P8: a run says how it ended."""
    return status


# Transcript -----------------------------------------------------------------------------------------------


def logs_in_order(lanes: list[P]) -> list[P]:
    """What branches or items did is told in declared order, whoever came first."""
    return lanes


def log_of_run(log: Log) -> Log:
    """The transcript and the ledger are what was written, each event once."""
    return log


@dataclass(frozen=True, slots=True)
class Laws:
    """The policies that the engine asks. The defaults are the laws of Flujo."""

    context_for_attempt: Callable[[State[Any]], PipelineContext] = context_for_attempt
    input_for_attempt: Callable[[object], object] = input_for_attempt
    context_after_attempt: Callable[[State[Any], PipelineContext, bool], State[Any]] = context_after_attempt
    context_after_part: Callable[[State[Any], State[Any], bool], State[Any]] = context_after_part
    context_for_branch: Callable[[State[Any]], State[Any]] = context_for_branch
    branches_to_merge: Callable[[Sequence[tuple[str, State[Any], bool]]], list[tuple[str, State[Any]]]] = (
        branches_to_merge
    )
    merge_strategy: Callable[[Any], Any] = merge_strategy
    requests_to_book: Callable[[tuple[RequestUsage, ...]], tuple[RequestUsage, ...]] = requests_to_book
    quote: Callable[[CostModel, str, Usage, datetime, str | None], Quote] = quote
    entries_to_book: Callable[[tuple[LedgerEntry, ...]], tuple[LedgerEntry, ...]] = entries_to_book
    admits: Callable[[Any, Any, Any, Any], bool] = admits
    passes: Callable[[Any, Any], bool] = passes
    budget_around: Callable[[Any], Any] = budget_around
    attempts_allowed: Callable[[int], int] = attempts_allowed
    feedback_for_attempt: Callable[[tuple[Rejection, ...]], tuple[Rejection, ...]] = feedback_for_attempt
    text_with_feedback: Callable[[str, Sequence[Rejection]], str] = text_with_feedback
    feedback_of: Callable[[PluginOutcome, str], str | None] = feedback_of
    retries_error: Callable[[BaseException, type[Exception] | tuple[type[Exception], ...]], bool] = retries_error
    plugins_in_order: Callable[[Sequence[Any], Callable[[Any], int]], list[Any]] = plugins_in_order
    output_after: Callable[[object, PluginOutcome], object] = output_after
    redirect_of: Callable[[PluginOutcome], object | None] = redirect_of
    loop_of: Callable[[Sequence[object], object], str | None] = loop_of
    verdict_of_crash: Callable[[str], PluginOutcome] = verdict_of_crash
    timeout_of: Callable[[float], float] = timeout_of
    is_overdue: Callable[[float, float], bool] = is_overdue
    input_for_fallback: Callable[[object], object] = input_for_fallback
    answer_of_stream: Callable[[Sequence[str], AgentOutput[Any] | None], object] = answer_of_stream
    input_of_branches: Callable[[object], object] = input_of_branches
    outputs_of_branches: Callable[[Mapping[str, object]], dict[str, object]] = outputs_of_branches
    status_of_run: Callable[[RunStatus], RunStatus] = status_of_run
    logs_in_order: Callable[[list[Any]], list[Any]] = logs_in_order
    log_of_run: Callable[[Log], Log] = log_of_run


DEFAULT = Laws()
