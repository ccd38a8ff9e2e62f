"""One stored run, told on a terminal: what it began with, its tree, how it ended or where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from flujo.cli.console import Page
from flujo.cli.drawing import View, tree_lines
from flujo.cli.ending import Told, say_ending
from flujo.cli.known import tree_of
from flujo.cli.tree import RunTree, counted
from flujo.cli.wording import moment, one_line, span, value_shown
from flujo.events import Questioned, StepEnded
from flujo.money import show_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flujo.stores.records import StoredRun


def say_run(run: StoredRun, store: str | None, *, whole: bool) -> None:
    """The head, the tree with everything that happened at each place, the end."""
    page, tree = Page(), tree_of(run)
    for line in _head(run):
        if not whole:
            line.truncate(page.width, overflow="ellipsis")
        page.print(line, soft_wrap=True)
    page.print()
    for line in tree_lines(tree, page, View(story=True, whole=whole)):
        page.print(line, soft_wrap=True)
    page.print()
    say_ending(page, told_of(run, tree), store)


def told_of(run: StoredRun, tree: RunTree) -> Told:
    """How the run ended, or where it stands."""
    status = run.summary.status
    asked = questions_of(run) if status == "paused" else []
    return Told(run.summary.run_id, status, run.output, run.error, tree.root.ledger, asked)


def questions_of(run: StoredRun) -> list[tuple[str, str]]:
    """Path and message of every question that is open: asked, and not withdrawn by the end of a step around it."""
    asked: dict[str, str] = {}
    for event in run.events or ():
        if isinstance(event, Questioned):
            asked[event.step] = event.message
        elif isinstance(event, StepEnded) and event.status != "paused":
            for path in [path for path in asked if path == event.step or path.startswith(f"{event.step}/")]:
                del asked[path]
    return list(asked.items())


def _head(run: StoredRun) -> Iterator[Text]:
    summary = run.summary
    named = "" if summary.reference is None else f"  {one_line(summary.reference)}"
    yield Text.assemble((one_line(summary.pipeline), "bold underline"), (named, "dim"))
    took = "" if summary.ended_at is None else f", {span((summary.ended_at - summary.started_at).total_seconds())}"
    yield _fact("run", f"{one_line(summary.run_id)}  {moment(summary.started_at)} UTC{took}")
    yield _fact("input", value_shown(run.input))
    if run.context_data:
        yield _fact("context", value_shown(run.context_data))
    for resume in run.resumes:
        answers = ", ".join(f"{one_line(path)} = {value_shown(answer)}" for path, answer in resume.answers)
        yield _fact(
            "resumed", f"{moment(resume.at)} UTC, after it was {resume.status}" + (f": {answers}" if answers else "")
        )
    if run.doubts and summary.status != "running":
        bounds = [doubt.possible_usd for doubt in run.doubts]
        known = [bound for bound in bounds if bound is not None]
        most = f", up to {show_usd(sum(known[1:], known[0]))} USD" if known and len(known) == len(bounds) else ""
        yield _fact("in doubt", f"{counted(len(run.doubts), 'call')} that may have been paid{most}", "yellow")


def _fact(label: str, text: str, style: str = "") -> Text:
    return Text.assemble((f"{label:<9}", "dim"), (text, style))
