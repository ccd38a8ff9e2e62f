"""Stored runs as a table and as JSON data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from flujo.cli.console import Page
from flujo.cli.drawing import OF_STATUS, mark_of
from flujo.cli.facts import Facts, data_of, usd_data
from flujo.cli.tree import counted
from flujo.cli.wording import column, moment, one_line, short_id, span
from flujo.errors import told
from flujo.money import show_usd, total

if TYPE_CHECKING:
    from flujo.stores.records import RunSummary, StoredAsk, StoredRun


def say_runs(runs: Sequence[RunSummary]) -> None:
    """One line per run, then how many there are of each status, and what they cost."""
    page = Page()
    if not runs:
        page.print(Text("no runs", style="dim"))
        return
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name, right in (
        ("run", 0),
        ("status", 0),
        ("pipeline", 0),
        ("started (UTC)", 0),
        ("took", 1),
        ("answers", 1),
        ("USD", 1),
    ):
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    costs = column([run.cost_usd for run in runs if run.cost_usd is not None])
    for run in runs:
        style = OF_STATUS.get(run.status, ("", ""))[1]
        status = Text.assemble(mark_of(run.status), (f" {one_line(run.status)}", style))
        if run.in_doubt:
            status.append(f", {run.in_doubt} {'asked' if run.status == 'running' else 'in doubt'}", "yellow")
        took = "" if run.ended_at is None else span((run.ended_at - run.started_at).total_seconds())
        cost = "" if run.cost_usd is None else costs[run.cost_usd]
        table.add_row(
            Text(short_id(run.run_id), style="bold"), status, Text(one_line(run.pipeline)),
            Text(moment(run.started_at), style="dim"), Text(took, style="dim"), Text(str(run.asks)), Text(cost),
        )  # fmt: skip
    page.print(table)
    kinds = ", ".join(f"{number} {status}" for status, number in Counter(run.status for run in runs).items())
    known = total(run.cost_usd for run in runs if run.cost_usd is not None)
    page.print(Text(f"{counted(len(runs), 'run')}: {kinds}; {show_usd(known)} USD", style="dim"), soft_wrap=True)


def summary_data(run: RunSummary) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status,
        "pipeline": run.pipeline,
        "reference": run.reference,
        "started_at": run.started_at.isoformat(),
        "ended_at": None if run.ended_at is None else run.ended_at.isoformat(),
        "known_cost_usd": usd_data(run.cost_usd),
        "answers": run.asks,
        "in_doubt": run.in_doubt,
    }


def run_data(run: StoredRun) -> dict[str, Any]:
    """All that is kept of a run, its events included."""
    facts = Facts()
    return {
        **summary_data(run.summary),
        "fingerprint": run.fingerprint,
        "input": data_of(run.input),
        "context": data_of(run.context_data),
        "limits": data_of(run.limits),
        "output": data_of(run.output),
        "error": run.error,
        "doubts": [data_of(doubt) for doubt in run.doubts],
        "resumes": [data_of(resume) for resume in run.resumes],
        "stored_answers": [ask_data(ask) for ask in run.asks],
        "events": None if run.events is None else [facts.of(event) for event in run.events],
    }


def ask_data(ask: StoredAsk) -> dict[str, Any]:
    """One answer as the store keeps it."""
    answer = ask.answer
    return {
        "path": ask.path,
        "number": ask.number,
        "at": ask.at.isoformat(),
        "value": data_of(answer.value),
        "error": None if answer.error is None else told(answer.error),
        "context_change": data_of(answer.context_change),
        "entries": data_of(answer.entries),
    }


def exported(run: StoredRun) -> Iterator[dict[str, Any]]:
    """Lines of one run: the run, then its events, or its answers so far if it has not ended."""
    run_id = run.summary.run_id
    yield {"event": "run", **summary_data(run.summary), "fingerprint": run.fingerprint}
    facts = Facts()
    for event in run.events or ():
        yield {"run_id": run_id, **facts.of(event)}
    if run.events is None:
        for ask in run.asks:
            yield {"run_id": run_id, "event": "stored_answer", **ask_data(ask)}
        for doubt in run.doubts:
            yield {"run_id": run_id, "event": "doubt", **data_of(doubt)}
