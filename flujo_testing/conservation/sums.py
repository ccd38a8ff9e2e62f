"""Compares what a result says of usage and money with sums made here, of the entries, in fractions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from math import lcm
from operator import attrgetter

from flujo import PipelineResult, StepResult, Usage
from flujo.entries import LedgerEntry
from flujo.events import CacheHit
from flujo.execution.ledger import Grouping
from flujo_testing.conservation.account import Account, Execution, listed
from flujo_testing.conservation.paths import branch_of, step_of
from flujo_testing.conservation.reading import shown_usd
from flujo_testing.transcript.sources import same_value

COUNTS = tuple(count.name for count in fields(Usage))
_counts_of = attrgetter(*COUNTS)
_NOTHING = tuple(int(count == "requests") for count in COUNTS)
"""What a request counts as that reports no usage."""


class Sums:
    """Counts and costs of the entries of one run, in integers: a cost counts in parts of one amount of USD."""

    def __init__(self, entries: Sequence[LedgerEntry]) -> None:
        ratios = {id(entry): entry.cost_usd.as_integer_ratio() for entry in entries if entry.cost_usd is not None}
        self.parts = lcm(*(parts for _, parts in ratios.values()))
        self._costs = {entry: count * (self.parts // parts) for entry, (count, parts) in ratios.items()}

    def cost(self, entries: Iterable[LedgerEntry]) -> int:
        """What is known of what they cost, in parts."""
        return sum(self._costs.get(id(entry), 0) for entry in entries)

    def is_cost(self, said: Decimal, parts: int) -> bool:
        """Whether so many parts are that much USD."""
        count, of = said.as_integer_ratio()
        return count * self.parts == parts * of

    def usd(self, parts: int) -> str:
        """So many parts in USD, for messages."""
        return shown_usd(Fraction(parts, self.parts))


def sums_violated(result: PipelineResult, account: Account) -> Iterator[str]:
    """What the result says otherwise than its events."""
    entries, sums = account.entries, Sums(account.entries)
    counts = dict(zip(COUNTS, counts_of(entries), strict=True))
    yield from _spend_violated("the run", result.total_cost_usd, result.usage, entries, sums)
    known = sums.cost(entries)
    if not sums.is_cost(said := result.ledger.known_cost_usd, known):
        yield f"the run: known_cost_usd is {said}, its entries add up to {sums.usd(known)}"
    if result.total_tokens != (tokens := counts["input_tokens"] + counts["output_tokens"]):
        yield f"the run: total_tokens is {result.total_tokens}, its entries add up to {tokens}"
    if result.ledger.entries != tuple(entries):
        counted = len(result.ledger.entries)
        yield f"the run: its ledger has {counted} entries, the transcript {len(entries)}, or others"
    yield from _groups_violated(result, entries, sums)
    yield from _steps_violated("the run", result.step_history, account.top, sums)
    yield from _status_violated(result, account)
    yield from _questions_violated(result, account)


def counts_of(entries: Iterable[LedgerEntry]) -> tuple[int, ...]:
    """The counts of usage, added up; a request that reports no usage is a request all the same."""
    rows = [_NOTHING if entry.usage is None else _counts_of(entry.usage) for entry in entries]
    return tuple(map(sum, zip(*rows, strict=True))) if rows else (0,) * len(COUNTS)


def _spend_violated(
    where: str, cost_usd: Decimal | None, usage: Usage, entries: Sequence[LedgerEntry], sums: Sums
) -> Iterator[str]:
    unknown = [entry.entry_id for entry in entries if entry.cost_usd is None or entry.outcome == "in_doubt"]
    known = sums.cost(entries)
    if cost_usd is None:
        if not unknown:
            yield f"{where}: its cost is None, but its entries add up to {sums.usd(known)}"
    elif unknown:
        yield f"{where}: its cost is {cost_usd}, but that of {', '.join(unknown)} is unknown"
    elif not sums.is_cost(cost_usd, known):
        yield f"{where}: its cost is {cost_usd}, its entries add up to {sums.usd(known)}"
    counted, told = counts_of(entries), _counts_of(usage)
    for count, right, said in zip(COUNTS, counted, told, strict=True) if told != counted else ():
        if said != right:
            yield f"{where}: {count} is {said}, its entries add up to {right}"


def _groups_violated(result: PipelineResult, entries: Sequence[LedgerEntry], sums: Sums) -> Iterator[str]:
    costs = [sums.cost((entry,)) for entry in entries]
    keys: dict[Grouping, list[str]] = {
        "step": [step_of(entry.path) for entry in entries],
        "model": [entry.model or "" for entry in entries],
        "branch": [branch_of(entry.path) or "" for entry in entries],
    }
    for grouping, names in keys.items():
        said = result.cost_by(grouping)
        counted: dict[str, int] = {}
        for name, cost in zip(names, costs, strict=True):
            counted[name] = counted.get(name, 0) + cost
        for name in sorted(said.keys() | counted.keys()):
            if name in said and name in counted and sums.is_cost(said[name], counted[name]):
                continue
            told = shown_usd(Fraction(said[name])) if name in said else "not there"
            right = sums.usd(counted[name]) if name in counted else "not there"
            yield f"the run: its cost by {grouping} {name!r} is {told}, by its entries {right}"
    outcomes = sum((Fraction(cost) for cost in result.cost_by("outcome").values()), Fraction(0))
    if outcomes * sums.parts != sums.cost(entries):
        known = sums.usd(sums.cost(entries))
        yield f"the run: its costs by outcome add up to {shown_usd(outcomes)}, its entries to {known}"


def _steps_violated(
    where: str, results: Sequence[StepResult], executions: Sequence[Execution], sums: Sums
) -> Iterator[str]:
    said, ran = [result.path for result in results], [execution.path for execution in executions]
    if said != ran:
        yield f"{where}: its step_history is {said}, but its steps are {ran}"
        return
    for result, execution in zip(results, executions, strict=True):
        yield from _spend_violated(result.path, result.cost_usd, result.usage, execution.all_entries(), sums)
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
        yield from _steps_violated(result.path, result.step_history, execution.inner, sums)


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
            asks = execution.kind == "human" or (execution.questions and not execution.replies)
            yield from [execution] if asks else _waiting(execution.inner)


def _status_violated(result: PipelineResult, account: Account) -> Iterator[str]:
    ended = None if account.ended is None else account.ended.status
    if result.status != ended:
        yield f"the run: its status is {result.status}, but it ended {ended}"
    if (result.error is None) != (result.status in ("completed", "paused")):
        yield f"the run: {result.status}, but its error is {result.error!r}"
    if result.status != "completed" and result.output is not None:
        yield f"the run: {result.status}, but its output is {result.output!r}, not None"
