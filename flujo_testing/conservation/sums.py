"""Compares what a result says of usage and money with sums made here, of the entries, in fractions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction

from flujo import PipelineResult, StepResult, Usage
from flujo.entries import LedgerEntry
from flujo.events import CacheHit
from flujo_testing.conservation.account import Account, Execution, listed
from flujo_testing.conservation.paths import branch_of, step_of
from flujo_testing.conservation.reading import shown_usd
from flujo_testing.transcript.sources import same_value

COUNTS = tuple(count.name for count in fields(Usage))


def sums_violated(result: PipelineResult, account: Account) -> Iterator[str]:
    """What the result says otherwise than its events."""
    entries = account.entries
    yield from _spend_violated("the run", result.total_cost_usd, result.usage, entries)
    known = known_cost(entries)
    if Fraction(said := result.ledger.known_cost_usd) != known:
        yield f"the run: known_cost_usd is {said}, its entries add up to {shown_usd(known)}"
    if result.total_tokens != (tokens := count_of(entries, "input_tokens") + count_of(entries, "output_tokens")):
        yield f"the run: total_tokens is {result.total_tokens}, its entries add up to {tokens}"
    if result.ledger.entries != tuple(entries):
        counted = len(result.ledger.entries)
        yield f"the run: its ledger has {counted} entries, the transcript {len(entries)}, or others"
    yield from _groups_violated(result, entries)
    yield from _steps_violated("the run", result.step_history, account.top)
    yield from _status_violated(result, account)
    yield from _questions_violated(result, account)


def known_cost(entries: Iterable[LedgerEntry]) -> Fraction:
    return sum((Fraction(entry.cost_usd) for entry in entries if entry.cost_usd is not None), Fraction(0))


def count_of(entries: Iterable[LedgerEntry], count: str) -> int:
    """A count of usage, added up; a request that reports no usage is a request all the same."""
    silent = int(count == "requests")
    return sum(silent if entry.usage is None else int(getattr(entry.usage, count)) for entry in entries)


def _spend_violated(
    where: str, cost_usd: Decimal | None, usage: Usage, entries: Sequence[LedgerEntry]
) -> Iterator[str]:
    unknown = [entry.entry_id for entry in entries if entry.cost_usd is None or entry.outcome == "in_doubt"]
    known = known_cost(entries)
    if cost_usd is None:
        if not unknown:
            yield f"{where}: its cost is None, but its entries add up to {shown_usd(known)}"
    elif unknown:
        yield f"{where}: its cost is {cost_usd}, but that of {', '.join(unknown)} is unknown"
    elif Fraction(cost_usd) != known:
        yield f"{where}: its cost is {cost_usd}, its entries add up to {shown_usd(known)}"
    for count in COUNTS:
        said, counted = getattr(usage, count), count_of(entries, count)
        if said != counted:
            yield f"{where}: {count} is {said}, its entries add up to {counted}"


def _groups_violated(result: PipelineResult, entries: Sequence[LedgerEntry]) -> Iterator[str]:
    keys: dict[str, Callable[[LedgerEntry], str]] = {
        "step": lambda entry: step_of(entry.path),
        "model": lambda entry: entry.model or "",
        "branch": lambda entry: branch_of(entry.path) or "",
    }
    for grouping, key in keys.items():
        said = {name: Fraction(cost) for name, cost in result.cost_by(grouping).items()}  # type: ignore[arg-type]
        counted: dict[str, Fraction] = {}
        for entry in entries:
            counted[key(entry)] = counted.get(key(entry), Fraction(0)) + known_cost([entry])
        for name in sorted(said.keys() | counted.keys()):
            if said.get(name) != counted.get(name):
                told = [shown_usd(sums[name]) if name in sums else "not there" for sums in (said, counted)]
                yield f"the run: its cost by {grouping} {name!r} is {told[0]}, by its entries {told[1]}"
    outcomes = sum((Fraction(cost) for cost in result.cost_by("outcome").values()), Fraction(0))
    if outcomes != known_cost(entries):
        known = shown_usd(known_cost(entries))
        yield f"the run: its costs by outcome add up to {shown_usd(outcomes)}, its entries to {known}"


def _steps_violated(where: str, results: Sequence[StepResult], executions: Sequence[Execution]) -> Iterator[str]:
    said, ran = [result.path for result in results], [execution.path for execution in executions]
    if said != ran:
        yield f"{where}: its step_history is {said}, but its steps are {ran}"
        return
    for result, execution in zip(results, executions, strict=True):
        yield from _spend_violated(result.path, result.cost_usd, result.usage, execution.all_entries())
        status = None if execution.ended is None else execution.ended.status
        if result.status != status:
            yield f"{result.path}: its status is {result.status}, but it ended {status}"
        if not result.success and result.output is not None:
            yield f"{result.path}: {result.status}, but its output is {result.output!r}, not None"
        attempts = max((ask.asked.attempt for ask in execution.asks), default=0)
        if execution.asks and result.attempts != attempts:
            told = f"attempts is {result.attempts}"
            yield f"{result.path}: {told}, but attempt {attempts} was the last one asked"
        yield from _metadata_violated(result, execution)
        yield from _steps_violated(result.path, result.step_history, execution.inner)


def _metadata_violated(result: StepResult, execution: Execution) -> Iterator[str]:
    for key, happened in _metadata(execution).items():
        said = result.metadata.get(key)
        if not same_value(said, happened):
            yield f"{result.path}: its {key} is {said!r}, by its events it is {happened!r}"


def _metadata(execution: Execution) -> dict[str, object]:
    """What the metadata of a step of another kind than the plain one must hold."""
    if execution.kind == "branch" and execution.has_decided("condition"):
        return {"executed_branch_key": execution.decided("condition")}
    if execution.kind == "cached" and execution.lookups:
        return {"cache_hit": isinstance(execution.lookups[-1], CacheHit)}
    exits = [decision for (what, _), decision in execution.decisions.items() if what == "exit_condition"]
    if execution.kind != "loop" or not exits:
        return {}
    ended = {"exit_reason": "condition"} if exits[-1].value is True else {}
    return {"iterations": len(exits), **ended}


def _questions_violated(result: PipelineResult, account: Account) -> Iterator[str]:
    said = [question.path for question in result.questions]
    put = [] if result.status != "paused" else [step.path for step in _waiting(account.top)]
    if said != put:
        yield f"the run: its open questions are {listed(said)}, by its events they are {listed(put)}"


def _waiting(executions: Sequence[Execution]) -> Iterator[Execution]:
    """The human steps that wait for an answer; a question is withdrawn if a step around it has not paused."""
    for execution in executions:
        if execution.status == "paused":
            yield from [execution] if execution.kind == "human" else _waiting(execution.inner)


def _status_violated(result: PipelineResult, account: Account) -> Iterator[str]:
    ended = None if account.ended is None else account.ended.status
    if result.status != ended:
        yield f"the run: its status is {result.status}, but it ended {ended}"
    if (result.error is None) != (result.status in ("completed", "paused")):
        yield f"the run: {result.status}, but its error is {result.error!r}"
    if result.status != "completed" and result.output is not None:
        yield f"the run: {result.status}, but its output is {result.output!r}, not None"
