"""A run as a tree: what its events say of each place, told one by one, while it runs or after. It draws nothing.

A place is a segment of a path: a step, or a branch, an iteration, an item of one. Events may come in any order in which
they can happen, those of branches that run at once mixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

from flujo.entries import LedgerEntry
from flujo.events import (
    Answered,
    Asked,
    AskEvent,
    AskFailed,
    BackedOff,
    BranchEnded,
    CacheHit,
    ContextChanged,
    Decided,
    Event,
    FeedbackLost,
    FellBack,
    ItemEnded,
    Judged,
    LimitPassed,
    Merged,
    NotAdmitted,
    Paid,
    PaidBefore,
    Questioned,
    Replied,
    RunEnded,
    RunResumed,
    RunStarted,
    StepEnded,
    StepStarted,
)
from flujo.execution.ledger import Ledger
from flujo.pipeline import AnyPipeline
from flujo.ports import Rejection
from flujo.structure import MISSING

_NUMBERED: Final = frozenset({"loop", "map", "map_at_once"})
"""Kinds of steps with iterations or items inside, which nobody knows before they run."""

QUESTION: Final = "question"

Tone = Literal["plain", "good", "bad", "warning", "quiet", "value"]


@dataclass(slots=True)
class Remark:
    """One thing that happened: ``label`` names it, ``text`` says it, ``value`` is what a user's code brought."""

    label: str
    text: str = ""
    tone: Tone = "plain"
    value: object = MISSING


@dataclass(slots=True)
class Ask:
    """One call of an agent: whom, after which feedback, what came of it, what plugins said, what it cost."""

    attempt: int
    hop: int
    agent: str
    input: object
    feedback: tuple[Rejection, ...] = ()
    state: str = "asking"
    output: object = MISSING
    error: str | None = None
    remarks: list[Remark] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(slots=True)
class Node:
    """One place. ``story`` is what happened at it, in order; ``inner`` what is inside it, by segment."""

    path: str
    segment: str
    kind: str = ""
    status: str = "waiting"
    story: list[Ask | Remark] = field(default_factory=list)
    inner: dict[str, Node] = field(default_factory=dict)
    input: object = MISSING
    output: object = MISSING
    error: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    entries: list[LedgerEntry] = field(default_factory=list)

    @property
    def asks(self) -> list[Ask]:
        return [told for told in self.story if isinstance(told, Ask)]

    @property
    def all_entries(self) -> list[LedgerEntry]:
        """What was paid here and inside."""
        return [*self.entries, *(entry for node in self.inner.values() for entry in node.all_entries)]

    @property
    def ledger(self) -> Ledger:
        return Ledger.of(self.all_entries)

    @property
    def cost_usd(self) -> Decimal:
        """What is known to have been spent here and inside."""
        return self.ledger.known_cost_usd

    def walk(self) -> Iterator[Node]:
        yield self
        for node in self.inner.values():
            yield from node.walk()


class RunTree:
    """Hand ``told`` to a runner as a listener, or call it with every event of a transcript."""

    def __init__(self) -> None:
        self.root = Node("", "")
        self.pipeline = ""
        self.resumes: list[Remark] = []

    def told(self, event: Event) -> None:
        tell = _TELL.get(type(event))
        if tell is not None:
            tell(self, event)

    def node(self, path: str) -> Node:
        """The place at a path, made with those around it if nothing was heard of it before."""
        node, done = self.root, ""
        for segment in path.split("/") if path else ():
            done = f"{done}/{segment}" if done else segment
            node = node.inner.setdefault(segment, Node(done, segment))
        return node

    def expect(self, pipeline: AnyPipeline) -> None:
        """Know the steps that a run will come to, in declared order, as far as their paths stand before it runs."""
        self.pipeline = pipeline.name
        for path, step in pipeline.walk():
            around = [self.node(path.rsplit("/", up)[0]).kind for up in range(1, path.count("/") + 1)]
            if "fallback:" not in path and _NUMBERED.isdisjoint(around):
                self.node(path).kind = step.kind

    # The run -----------------------------------------------------------------------------------------

    def run_started(self, event: RunStarted) -> None:
        self.pipeline = event.pipeline
        self.root.status, self.root.started_at, self.root.input = "running", event.at, event.input

    def run_ended(self, event: RunEnded) -> None:
        root = self.root
        root.status, root.output, root.error, root.ended_at = event.status, event.output, event.error, event.at

    def run_resumed(self, event: RunResumed) -> None:
        for path, answer in event.answers:
            self.resumes.append(Remark(f"answer at {path}", value=answer))
        self.resumes.append(Remark("resumed", f"after it had ended: {event.status}", "quiet"))

    # Steps -------------------------------------------------------------------------------------------

    def step_started(self, event: StepStarted) -> None:
        node = self.node(event.step)
        node.kind, node.input, node.started_at, node.status = event.kind, event.input, event.at, "running"
        self._begin_around(node, event.at)

    def step_ended(self, event: StepEnded) -> None:
        node = self.node(event.step)
        node.status, node.error, node.ended_at = event.status, event.error, event.at
        if event.status == "completed":
            node.output = event.output
            if node.kind == "branch":  # those that were not chosen are no part of the run
                node.inner = {segment: part for segment, part in node.inner.items() if part.status != "waiting"}
        for inside in node.walk():  # segments that have no end of their own end with what is around them
            if inside.status == "running":
                inside.status, inside.ended_at = event.status, event.at

    def branch_ended(self, event: BranchEnded) -> None:
        self._part_ended(f"{event.step}/branch:{event.branch}", event)

    def item_ended(self, event: ItemEnded) -> None:
        self._part_ended(f"{event.step}/item:{event.item}", event)

    def _part_ended(self, path: str, event: BranchEnded | ItemEnded) -> None:
        node = self.node(path)
        node.status, node.ended_at, node.error = event.status, event.at, event.error
        if event.status == "completed":
            node.output = event.output
        if isinstance(event, BranchEnded) and event.ignored:
            node.story.append(Remark("ignored", "the step goes on without this branch", "quiet"))

    def _begin_around(self, node: Node, at: float) -> None:
        around = node.path
        while around := around.rpartition("/")[0]:
            outer = self.node(around)
            if outer.started_at is None:
                outer.started_at, outer.status = at, "running"

    # Asks --------------------------------------------------------------------------------------------

    def asked(self, event: Asked) -> None:
        ask = Ask(event.attempt, event.hop, event.agent, event.input, event.feedback, started_at=event.at)
        self.node(event.step).story.append(ask)

    def answered(self, event: Answered) -> None:
        ask = self._ask(event)
        ask.state, ask.output, ask.ended_at = "answered", event.output, event.at

    def ask_failed(self, event: AskFailed) -> None:
        ask = self._ask(event)
        ask.state, ask.error, ask.ended_at = event.outcome, event.error, event.at

    def judged(self, event: Judged) -> None:
        ask = self._ask(event)
        if event.plugin == "output_type" and event.accepted:
            return  # that an answer has its declared type is no news
        label, feedback = event.plugin, event.feedback or ""
        if event.redirect_to is not None:
            ask.remarks.append(Remark(label, f"redirects to {event.redirect_to}: {feedback}".rstrip(": "), "warning"))
        elif event.accepted:
            value = event.new_solution if event.replaced else MISSING
            ask.remarks.append(Remark(label, "replaces the answer" if event.replaced else "accepts", "good", value))
        else:
            verb = "crashed" if event.crashed else "rejects"
            ask.remarks.append(Remark(label, f"{verb}: {feedback}".rstrip(": "), "bad"))

    def feedback_lost(self, event: FeedbackLost) -> None:
        self._ask(event).remarks.append(Remark("feedback", "its input can carry none: it does not know why", "warning"))

    def paid(self, event: Paid) -> None:
        node = self.node(event.step) if event.step else self.node(event.entry.step)
        node.entries.append(event.entry)
        for ask in reversed(node.asks):
            if event.entry.path.startswith(_path(node, ask)):
                ask.entries.append(event.entry)
                return

    def paid_before(self, event: PaidBefore) -> None:
        node = self.node(event.entry.step)
        node.entries.append(event.entry)
        node.story.append(Remark("paid before", "the run went on, and did not get here again", "quiet"))

    def _ask(self, event: AskEvent) -> Ask:
        node = self.node(event.step)
        for ask in reversed(node.asks):
            if (ask.attempt, ask.hop) == (event.attempt, event.hop):
                return ask
        ask = Ask(event.attempt, event.hop, "", MISSING)
        node.story.append(ask)
        return ask

    # Remarks -----------------------------------------------------------------------------------------

    def backed_off(self, event: BackedOff) -> None:
        self._remark(event, Remark("waits", f"{event.delay_s:g} s before attempt {event.attempt + 1}", "quiet"))

    def fell_back(self, event: FellBack) -> None:
        self._remark(event, Remark("falls back", f"after {counted(event.attempts, 'attempt')}", "warning"))

    def not_admitted(self, event: NotAdmitted) -> None:
        bound = "an unknown amount" if event.bound is None else f"{event.bound}"
        text = f"attempt {event.attempt} may take {bound}, {event.left} of {event.limit} left ({event.dimension})"
        self._remark(event, Remark("not admitted", text, "bad"))

    def limit_passed(self, event: LimitPassed) -> None:
        text = f"{event.spent}, at most {event.limit} ({event.dimension})"
        self._remark(event, Remark("limit passed", text, "bad"))

    def context_changed(self, event: ContextChanged) -> None:
        for name, before, after in event.changes:
            self._remark(event, Remark(f"context {name}", tone="value", value=Change(before, after)))

    def merged(self, event: Merged) -> None:
        sources = dict(event.sources)
        for name, before, after in event.changes:
            came = ", ".join(sources.get(name, ()))
            self._remark(
                event, Remark(f"merged {name}", f"from {came}" if came else "", "value", Change(before, after))
            )

    def decided(self, event: Decided) -> None:
        number = f" {event.number}" if event.number else ""
        self._remark(event, Remark(f"{event.what}{number}", tone="value", value=event.value))

    def cache_hit(self, event: CacheHit) -> None:
        self._remark(event, Remark("cache", "holds the result: nobody is asked", "good"))

    def questioned(self, event: Questioned) -> None:
        self._remark(event, Remark(QUESTION, event.message, "warning"))

    def replied(self, event: Replied) -> None:
        self._remark(event, Remark("answer", tone="value", value=event.answer))

    def _remark(self, event: Event, remark: Remark) -> None:
        self.node(event.step).story.append(remark)


@dataclass(frozen=True, slots=True)
class Change:
    """What a field of the context became; MISSING where there was or is none."""

    before: object
    after: object


def counted(number: int, what: str) -> str:
    """``1 attempt``, ``2 attempts``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _path(node: Node, ask: Ask) -> str:
    path = f"{node.path}/attempt:{ask.attempt}"
    return f"{path}/redirect:{ask.hop}" if ask.hop else path


_TELL: Final[dict[type[Event], Callable[[RunTree, Any], None]]] = {
    RunStarted: RunTree.run_started,
    RunEnded: RunTree.run_ended,
    RunResumed: RunTree.run_resumed,
    StepStarted: RunTree.step_started,
    StepEnded: RunTree.step_ended,
    BranchEnded: RunTree.branch_ended,
    ItemEnded: RunTree.item_ended,
    Asked: RunTree.asked,
    Answered: RunTree.answered,
    AskFailed: RunTree.ask_failed,
    Judged: RunTree.judged,
    FeedbackLost: RunTree.feedback_lost,
    Paid: RunTree.paid,
    PaidBefore: RunTree.paid_before,
    BackedOff: RunTree.backed_off,
    FellBack: RunTree.fell_back,
    NotAdmitted: RunTree.not_admitted,
    LimitPassed: RunTree.limit_passed,
    ContextChanged: RunTree.context_changed,
    Merged: RunTree.merged,
    Decided: RunTree.decided,
    CacheHit: RunTree.cache_hit,
    Questioned: RunTree.questioned,
    Replied: RunTree.replied,
}
