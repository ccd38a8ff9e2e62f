"""How the engine's own records are written and read: answers, ledger entries, failures, what a run knew of itself."""

from __future__ import annotations

from dataclasses import astuple, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from flujo import errors
from flujo.entries import Draw, LedgerEntry
from flujo.errors import PipelineAbort, RunError, StepFailedError, UsageLimitExceededError, told
from flujo.events import Carried
from flujo.execution.past import Past, Replayed
from flujo.execution.signals import AskFailure
from flujo.ports import Intent, PluginOutcome, RecordedAnswer
from flujo.prices import LineItem
from flujo.stores.forms import Foreign, form
from flujo.stores.writing import READERS, Reading, Unfit, Unreadable, Writing, name_of
from flujo.structure import MISSING
from flujo.usage import Usage, UsageLimits

# Money ------------------------------------------------------------------------------------------------------


def entry_data(entry: LedgerEntry) -> list[Any]:
    """An entry as JSON data, to the last digit."""
    return [
        entry.entry_id, entry.path, entry.branch, entry.attempt, entry.provider, entry.model,
        entry.requested_at.isoformat(), usage_data(entry.usage), entry.usage_source, entry.table_id,
        [[item.kind, item.quantity, str(item.unit_price), str(item.amount)] for item in entry.line_items],
        _told(entry.cost_usd), entry.cost_source, _told(entry.provider_cost_usd), _told(entry.possible_usd),
        entry.outcome, [[name, str(amount)] for name, amount in entry.other_usage],
    ]  # fmt: skip


def entry_of(data: list[Any]) -> LedgerEntry:
    (
        entry_id, path, branch, attempt, provider, model, requested_at, usage, usage_source, table_id, line_items,
        cost_usd, cost_source, provider_cost_usd, possible_usd, outcome, other_usage,
    ) = data  # fmt: skip
    return LedgerEntry(
        entry_id=entry_id,
        path=path,
        branch=branch,
        attempt=attempt,
        provider=provider,
        model=model,
        requested_at=datetime.fromisoformat(requested_at),
        usage=usage_of(usage),
        usage_source=usage_source,
        table_id=table_id,
        line_items=tuple(
            LineItem(kind, quantity, Decimal(price), Decimal(amount)) for kind, quantity, price, amount in line_items
        ),
        cost_usd=_amount(cost_usd),
        cost_source=cost_source,
        provider_cost_usd=_amount(provider_cost_usd),
        possible_usd=_amount(possible_usd),
        outcome=outcome,
        other_usage=tuple((name, Decimal(amount)) for name, amount in other_usage),
    )


def usage_data(usage: Usage | None) -> list[int] | None:
    return None if usage is None else list(astuple(usage))


def usage_of(data: list[int] | None) -> Usage | None:
    return None if data is None else Usage(**dict(zip(_COUNTS, data, strict=True)))


_COUNTS = [field.name for field in fields(Usage)]


def draws_data(draws: tuple[Draw, ...]) -> list[Any]:
    return [[draw.dimension, str(draw.spent), str(draw.in_doubt), draw.budget] for draw in draws]


def draws_of(data: list[Any]) -> tuple[Draw, ...]:
    return tuple(Draw(dimension, Decimal(spent), Decimal(doubt), budget) for dimension, spent, doubt, budget in data)


def intent_data(intent: Intent) -> list[Any]:
    return [entry_data(intent.entry), draws_data(intent.draws)]


def intent_of(data: list[Any]) -> Intent:
    return Intent(entry_of(data[0]), draws_of(data[1]))


def limits_data(limits: UsageLimits | None) -> dict[str, Any] | None:
    if limits is None:
        return None
    given = {field.name: getattr(limits, field.name) for field in fields(limits)}
    return {name: str(limit) if isinstance(limit, Decimal) else limit for name, limit in given.items()}


def limits_of(data: dict[str, Any] | None) -> UsageLimits | None:
    return None if data is None else UsageLimits(**data)


def _told(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _amount(data: str | None) -> Decimal | None:
    return None if data is None else Decimal(data)


# Errors -----------------------------------------------------------------------------------------------------


def failure_data(error: BaseException | None) -> list[Any] | None:
    """What is left of an error that an ask ended with: its outcome, whether it may be retried, its text and classes."""
    if error is None:
        return None
    if not isinstance(error, AskFailure):
        return [None, True, told(error), _kinds(error)]
    return [error.outcome, error.retryable, told(error.error), _kinds(error.error)]


def failure_of(data: list[Any] | None) -> BaseException | None:
    if data is None:
        return None
    outcome, retryable, text, kinds = data
    known = Replayed(text, tuple(kinds))
    return known if outcome is None else AskFailure(outcome, known, retryable=retryable)


def _kinds(error: BaseException) -> list[str]:
    if isinstance(error, Replayed):
        return list(error.kinds)
    return [name_of(kind) for kind in type(error).__mro__ if issubclass(kind, Exception)]


def end_data(error: BaseException | None) -> dict[str, Any] | None:
    """The error that a run ended with."""
    if error is None:
        return None
    cause = error.cause if isinstance(error, StepFailedError) else None
    return {
        "kind": type(error).__name__,
        "text": str(error),
        "path": error.path if isinstance(error, RunError) else "",
        "attempts": error.attempts if isinstance(error, StepFailedError) else None,
        "cause": None if cause is None else failure_data(cause),
        "dimension": error.dimension if isinstance(error, UsageLimitExceededError) else "",
    }


def end_of(data: dict[str, Any] | None) -> RunError | PipelineAbort | None:
    """The error that a run ended with; of its cause there is the text."""
    if data is None:
        return None
    text, path = data["text"], data["path"]
    if data["kind"] == "PipelineAbort":
        return PipelineAbort(text)
    if data["kind"] == "UsageLimitExceededError":
        return UsageLimitExceededError(text, path=path, dimension=data["dimension"])
    kind = getattr(errors, data["kind"], RunError)
    made: Any = (kind if issubclass(kind, RunError) else RunError).__new__(kind)
    made.args, made.path = (text,), path
    if isinstance(made, StepFailedError):
        made.attempts = data["attempts"]
        made.cause = failure_of(data["cause"]) or Replayed(text)
    return made  # type: ignore[no-any-return]


# Values that users' values may stand beside -------------------------------------------------------------------


def _outcome(writing: Writing, value: PluginOutcome) -> object:
    agent = None if value.redirect_to is None else agent_data(writing, value.redirect_to)
    solution = writing.data(value.new_solution)
    return [value.success, value.feedback, agent, solution, usage_data(value.usage), value.model]


def _read_outcome(reading: Reading, data: Any) -> object:
    success, feedback, agent, solution, usage, model = data
    redirect = None if agent is None else reading.value(agent)
    return PluginOutcome(success, feedback, redirect, reading.value(solution), usage_of(usage), model)


def agent_data(writing: Writing, agent: object) -> object:
    """An agent that a plugin redirects to, by its place. Raises Unfit if it has none."""
    name = None if writing.names.names_agent is None else writing.names.names_agent(agent, writing.path)
    if name is None:
        raise Unfit(
            "it redirects to an agent that cannot be found again: make it an attribute of the plugin, "
            "a name of a module, or an agent of the pipeline"
        )
    return writing.tag("$agent", name)


def _read_agent(reading: Reading, data: str) -> object:
    if reading.names.agents is None:
        return Foreign("agent", data)
    agent = reading.names.agents(data)
    if agent is MISSING:
        raise Unreadable(f"a plugin redirected to the agent at {data}, which is not there any more")
    return agent


def _answer(writing: Writing, value: RecordedAnswer) -> object:
    return [
        writing.data(value.value), [entry_data(entry) for entry in value.entries], failure_data(value.error),
        [writing.row(row) for row in value.context_change], draws_data(value.draws),
        writing.table(value.metadata.items()),
    ]  # fmt: skip


def _read_answer(reading: Reading, data: Any) -> RecordedAnswer:
    value, entries, error, change, draws, metadata = data
    answer = reading.value(value)
    rows = tuple((name, item) for name, item in map(reading.values, change))
    told_entries, told_draws = tuple(map(entry_of, entries)), draws_of(draws)
    return RecordedAnswer(answer, told_entries, failure_of(error), rows, told_draws, reading.named(metadata))


def _past(writing: Writing, past: Past) -> object:
    return {
        "granted": past.granted,
        "entries": [entry_data(entry) for entry in past.entries],
        "resumed": [[writing.data(status), writing.data(answers)] for status, answers in past.resumed],
        "grants": writing.table(past.grants.items()),
        "answers": _by_path(writing, past.answers),
        "attempts": past.attempts,
        "interrupted": past.interrupted,
        "backed_off": sorted(map(list, past.backed_off)),
        "unfinished": _by_path(writing, past.unfinished),
        "doubtful": sorted(past.doubtful),
    }


def _by_path(writing: Writing, answers: dict[str, RecordedAnswer]) -> dict[str, Any]:
    table = {}
    for writing.path, answer in answers.items():
        table[writing.path] = _answer(writing, answer)
    return table


def _read_past(reading: Reading, data: Any) -> object:
    resumed = [(reading.value(status), reading.value(answers)) for status, answers in data["resumed"]]
    grants = reading.named(data["grants"])
    answers, unfinished = (
        {path: _read_answer(reading, answer) for path, answer in data[which].items()}
        for which in ("answers", "unfinished")
    )
    return Past(
        granted=data["granted"],
        entries=tuple(map(entry_of, data["entries"])),
        resumed=resumed,
        grants=grants,
        answers=answers,
        attempts=data["attempts"],
        interrupted=data["interrupted"],
        backed_off={(step, attempt) for step, attempt in data["backed_off"]},
        unfinished=unfinished,
        doubtful=set(data["doubtful"]),
    )


form(PluginOutcome, "$outcome", _outcome, _read_outcome)
form(RecordedAnswer, "$answer", _answer, _read_answer)
form(LedgerEntry, "$entry", lambda w, value: entry_data(value), lambda r, data: entry_of(data))
form(Draw, "$draw", lambda w, value: draws_data((value,))[0], lambda r, data: draws_of([data])[0])
form(AskFailure, "$failure", lambda w, value: failure_data(value), lambda r, data: failure_of(data))
form(Carried, "$carried", lambda w, value: w.row(value), lambda r, data: Carried(*r.values(data)))
form(Past, "$past", _past, _read_past)
READERS["$agent"] = _read_agent
