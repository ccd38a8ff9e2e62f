"""The tree of a run that a store keeps: from its transcript if it has ended, and from its single answers if not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from flujo.cli.tree import Ask, Change, Remark, RunTree
from flujo.cli.wording import value_shown
from flujo.errors import told
from flujo.events import AskEvent, Judged
from flujo.execution.signals import AskFailure
from flujo.money import show_usd
from flujo.ports import PluginOutcome
from flujo.structure import MISSING

if TYPE_CHECKING:
    from flujo.cli.tree import Node
    from flujo.stores.records import Doubt, StoredAsk, StoredRun

_ASK: Final = re.compile(r"(?P<step>.+)/attempt:(?P<attempt>\d+)(/redirect:(?P<hop>\d+))?(/plugin:(?P<plugin>.+))?")
_DECISION: Final = re.compile(r"(?P<step>.+)/decision:(?P<what>[^/]+):(?P<number>\d+)")
_HUMAN: Final = re.compile(r"(?P<step>.+)/human:1")


def tree_of(run: StoredRun) -> RunTree:
    """What is known of the run by now; its times are those of the store, in seconds."""
    tree = RunTree()
    tree.pipeline = run.summary.pipeline
    for event in run.events or ():
        tree.told(event)
    if run.events is not None and run.summary.status not in ("running", "interrupted"):
        return tree
    seen = set(_paths(run))
    tree.root.status, tree.root.input = run.summary.status, run.input
    tree.root.started_at = run.summary.started_at.timestamp()
    for ask in run.asks:
        if ask.path not in seen:
            add_ask(tree, ask)
    for doubt in run.doubts:
        add_doubt(tree, doubt, run.summary.status)
    _settle(tree.root, run.summary.status)
    return tree


def _settle(node: Node, status: str) -> None:
    """Say what is the matter with the places inside, as far as answers tell; ``status`` is the run's.

    What comes last in its sequence and has not completed goes on, or would: nobody knows yet that it has failed.
    """
    last = next(reversed(node.inner.values()), None)
    for inner in node.inner.values():
        _settle(inner, status)
        if inner.status == "waiting" and inner.inner:
            _gather(inner)
        elif inner.status in ("waiting", "failed") and inner is last:
            inner.status, inner.ended_at = status, None
        elif inner.status == "waiting":
            inner.status = "completed"


def _gather(node: Node) -> None:
    """Have a place of which nothing is known itself be what is inside it."""
    parts = list(node.inner.values())
    statuses = {part.status for part in parts}
    node.status = next((status for status in ("running", "interrupted", "failed") if status in statuses), "completed")
    node.started_at = min((part.started_at for part in parts if part.started_at is not None), default=None)
    if all(part.ended_at is not None for part in parts):
        node.ended_at = max(part.ended_at for part in parts if part.ended_at is not None)


def add_ask(tree: RunTree, ask: StoredAsk) -> None:
    """An answer that was committed."""
    recorded, at = ask.answer, ask.at.timestamp()
    if (match := _HUMAN.fullmatch(ask.path)) is not None:
        node = tree.node(match["step"])
        node.story.append(Remark("answer", tone="value", value=recorded.value))
        node.status, node.ended_at = "completed", at
    elif (match := _DECISION.fullmatch(ask.path)) is not None:
        number = "" if match["number"] == "0" else f" {match['number']}"
        node = tree.node(match["step"])
        node.story.append(Remark(f"{match['what']}{number}", tone="value", value=recorded.value))
    elif (match := _ASK.fullmatch(ask.path)) is not None:
        node = tree.node(match["step"])
        call = _call(node, match)
        node.entries += recorded.entries
        call.entries += recorded.entries
        if match["plugin"] is None:
            _answer(node, call, ask, at)
        else:
            _verdict(node, call, match["plugin"], recorded.value, recorded.error)


def add_doubt(tree: RunTree, doubt: Doubt, status: str) -> None:
    """A call that was begun: it is on its way if the run is running, and in doubt otherwise."""
    if (match := _ASK.fullmatch(doubt.path)) is None:
        return
    node = tree.node(match["step"])
    call = _call(node, match)
    state = "running" if status == "running" else "interrupted"
    if match["plugin"] is not None:
        call.remarks.append(Remark(match["plugin"], "judges" if state == "running" else "in doubt", "warning"))
    else:
        call.started_at = doubt.at.timestamp()
        if state != "running":
            most = "" if doubt.possible_usd is None else f", up to {show_usd(doubt.possible_usd)} USD"
            call.state, call.error = "in doubt", f"may have been paid{most}"
    for around in _around(tree, node):
        around.status, around.ended_at = state, None
        if around.started_at is None:
            around.started_at = doubt.at.timestamp()


def _answer(node: Node, call: Ask, ask: StoredAsk, at: float) -> None:
    error = ask.answer.error
    call.ended_at = node.ended_at = at
    starts = [entry.requested_at.timestamp() for entry in ask.answer.entries]
    call.started_at = min([*starts, *([call.started_at] if call.started_at is not None else [])], default=None)
    if node.started_at is None:
        node.started_at = call.started_at
    if error is None:
        call.state, call.output, node.output = "answered", ask.answer.value, ask.answer.value
        node.status = "completed"
    else:
        call.state, call.error = failure(error)
        node.status = "failed"
    for name, value in ask.answer.context_change:
        node.story.append(Remark(f"context {name}", tone="value", value=Change(MISSING, value)))


def _verdict(node: Node, call: Ask, plugin: str, value: object, error: BaseException | None) -> None:
    if error is not None:
        call.remarks.append(Remark(plugin, f"crashed: {failure(error)[1]}", "bad"))
        _reject(node)
        return
    redirects = isinstance(value, PluginOutcome) and value.redirect_to is not None
    accepts = isinstance(value, PluginOutcome) and value.success
    call.remarks.append(Remark(plugin, brought(value), "warning" if redirects else "good" if accepts else "bad"))
    if not accepts and not redirects:
        _reject(node)


def _reject(node: Node) -> None:
    """The attempt is no answer, and what it changed of the context is gone."""
    node.status = "failed"
    node.story[:] = [told for told in node.story if not (isinstance(told, Remark) and isinstance(told.value, Change))]


def failure(error: BaseException) -> tuple[str, str]:
    """How an ask failed (error, timeout, ...), and why, as it was kept."""
    if isinstance(error, AskFailure):
        return error.outcome, told(error.error)
    return "error", told(error)


def brought(value: object) -> str:
    """What an ask brought, in words if it is a verdict."""
    if not isinstance(value, PluginOutcome):
        return value_shown(value)
    feedback = f": {value.feedback}" if value.feedback else ""
    if value.redirect_to is not None:
        return f"redirects to another agent{feedback}"
    return "accepts" if value.success else f"rejects{feedback}"


def _call(node: Node, match: re.Match[str]) -> Ask:
    attempt, hop = int(match["attempt"]), int(match["hop"] or 0)
    for call in node.asks:
        if (call.attempt, call.hop) == (attempt, hop):
            return call
    node.kind = node.kind or "step"
    node.story.append(call := Ask(attempt, hop, "", MISSING))
    return call


def _around(tree: RunTree, node: Node) -> Iterator[Node]:
    path = node.path
    while path:
        yield tree.node(path)
        path = path.rpartition("/")[0]


def _paths(run: StoredRun) -> Iterator[str]:
    """Where asks are told by the transcript that the run has."""
    for event in run.events or ():
        if isinstance(event, Judged):
            yield f"{event.path}/plugin:{event.plugin}"
        elif isinstance(event, AskEvent):
            yield event.path
