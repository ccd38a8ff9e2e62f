"""One run in the foreground: it is followed, it can be interrupted, and its end is the command's exit code."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
from rich.text import Text

from flujo.cli.console import JsonLines, Page
from flujo.cli.ending import next_command_of, say_ending, told_by
from flujo.cli.endings import INTERRUPTED, OF_RUN
from flujo.cli.facts import result_data
from flujo.cli.following import Following, JsonEvents, Lines, LiveTree
from flujo.cli.shelf import refusing
from flujo.cli.wording import one_line
from flujo.errors import told
from flujo.events import Event
from flujo.ports import Journal, Listener
from flujo.results import PipelineResult
from flujo.runner import Flujo
from flujo.usage import UsageLimits

Execute = Callable[[Flujo[Any, Any]], Awaitable[PipelineResult[Any]]]


@dataclass(frozen=True, slots=True)
class Foreground:
    """Where a run is shown, and its runner found. ``store`` is the URL of where it is kept, None if it is not."""

    run_id: str
    reference: str
    store: str | None
    as_json: bool


def executed(runner: Flujo[Any, Any], execute: Execute, here: Foreground) -> int:
    """Have ``execute`` run with the runner, followed; gives the exit code. Raises Refused for misuse."""
    page, lines = Page(), JsonLines()
    following = _following(runner, here, page, lines)
    heard: list[type[Event]] = []

    def listen(event: Event) -> None:
        heard[:] = [type(event)]
        following.told(event)

    followed = equipped(runner, listeners=[listen], reference=here.reference)
    try:
        with refusing(), following.shown():
            result = anyio.run(execute, followed)
    except KeyboardInterrupt:
        _say_interrupted(here)
        return INTERRUPTED
    if here.as_json:
        lines.write(result_data(result))
    else:
        if not heard:
            page.print(
                Text("nothing was run: the store tells again how the run of this name has ended", style="yellow")
            )
        say_ending(page, told_by(result), here.store)
    for fault in result.listener_errors:
        sys.stderr.write(f"flujo: a listener raised {one_line(told(fault.error))}\n")
    return OF_RUN[result.status]


def equipped(
    runner: Flujo[Any, Any],
    *,
    listeners: Sequence[Listener] = (),
    limits: UsageLimits | None = None,
    store: Journal | None = None,
    reference: str | None = None,
) -> Flujo[Any, Any]:
    """The same runner with more listeners, and with these limits and this store instead of its own."""
    ready = Flujo(
        runner.pipeline,
        context_model=runner.context_model,
        resources=runner.resources,
        usage_limits=limits or runner.usage_limits,
        cost_model=runner.cost_model,
        strict_pricing=runner.strict_pricing,
        listeners=[*listeners, *runner.listeners],
        store=store or runner.store,
        clock=runner.clock,
        name=runner.name,
        keep_transcript=runner.keep_transcript,
    )
    ready.reference = reference
    return ready


def _following(runner: Flujo[Any, Any], here: Foreground, page: Page, lines: JsonLines) -> Following:
    if here.as_json:
        return JsonEvents(lines)
    if not page.is_terminal or page.is_dumb_terminal:
        return Lines(page)
    limits = runner.usage_limits
    limit_usd = None if limits is None else limits.total_cost_usd_limit
    return LiveTree(page, runner.pipeline, runner.name, limit_usd, runner.clock.now)


def _say_interrupted(here: Foreground) -> None:
    command = next_command_of(here.run_id, "interrupted", (), here.store)
    lost = "no store kept the run (--store), so it cannot go on"
    if command is not None:
        lost = f"nothing that was answered is lost: {command}"
    sys.stderr.write(f"flujo: interrupted; {lost}\n")
