"""What is said of a run when it has ended: its output or error, its questions, its cost, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from flujo.cli.drawing import OF_STATUS
from flujo.cli.inert import inert
from flujo.cli.wording import one_line, short_id, tokens_shown, usd_shown, value_shown

if TYPE_CHECKING:
    from flujo.execution.ledger import Ledger
    from flujo.results import PipelineResult, Question


@dataclass(frozen=True, slots=True)
class Told:
    """How a run ended, wherever that is known from: a result, or a store."""

    run_id: str
    status: str
    output: object
    error: str | None
    ledger: Ledger
    questions: Sequence[tuple[str, str]]
    """Path and message of each."""


def told_by(result: PipelineResult) -> Told:
    questions: tuple[Question, ...] = result.questions if result.is_whole else ()
    error = None if result.error is None else str(result.error)
    asked = [(question.path, question.message) for question in questions]
    return Told(result.run_id, result.status, result.output, error, result.ledger, asked)


def say_ending(console: Console, told: Told, store: str | None) -> None:
    """The output as it is (a text without quotes), then one line of figures, then the next command, if there is one."""
    if told.status == "completed":
        output = told.output
        console.print(Text(inert(output) if isinstance(output, str) else value_shown(output)), soft_wrap=True)
        console.print()
    console.print(figures(told), soft_wrap=True)
    if told.error is not None:
        console.print(Text(one_line(told.error), style="red"), soft_wrap=True)
    for path, message in told.questions:
        console.print(Text.assemble((f"{one_line(path)}: ", "bold"), (one_line(message), "yellow")), soft_wrap=True)
    if (command := next_command_of(told.run_id, told.status, told.questions, store)) is not None:
        console.print(Text.assemble(("next: ", "dim"), command), soft_wrap=True)
    elif told.status in RESUMABLE:
        console.print(Text("no store kept the run: with --store it could go on", style="dim"), soft_wrap=True)


def figures(told: Told) -> Text:
    mark, style = OF_STATUS.get(told.status, ("·", ""))
    usage, words = told.ledger.usage, []
    if told.ledger.entries:
        requests = "1 request" if usage.requests == 1 else f"{usage.requests} requests"
        words = [requests, f"{tokens_shown(usage)} tokens", usd_shown(told.ledger)]
    return Text.assemble(
        (f"{mark} {told.status}", f"bold {style}"),
        ("  " + "  ·  ".join([*words, f"run {short_id(told.run_id)}"]), "dim"),
    )


def next_command_of(run_id: str, status: str, questions: Sequence[tuple[str, str]], store: str | None) -> str | None:
    """The command that goes on with a run; None where there is none: it completed, or was not kept."""
    if store is None or status not in RESUMABLE:
        return None
    words = ["flujo", "resume", short_id(run_id), "--store", store]
    for path, _ in questions:
        words += ["--answer", f"{path}=..."]
    if status == "limited":
        words += ["--limit-usd", "..."]
    return inert(shlex.join(words))


RESUMABLE = ("paused", "failed", "limited", "aborted", "cancelled", "interrupted")
