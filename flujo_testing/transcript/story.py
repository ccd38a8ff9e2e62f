"""From the events of a run to its story: nested plain data, as a golden file shows it. It renders nothing.

Every event leaves its mark, at the place where it belongs: left out is only what follows from the rest of the
story, so that a fact which is missing, doubled, or out of its order makes another story. Not told: times,
ids, latency, and streamed chunks (the answer holds them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, Final

from flujo.context import PipelineContext
from flujo.entries import LedgerEntry
from flujo.events import (
    Answered,
    Asked,
    AskEvent,
    AskFailed,
    BackedOff,
    Chunk,
    ContextChanged,
    Event,
    FeedbackLost,
    FellBack,
    Judged,
    LimitPassed,
    Merged,
    NotAdmitted,
    Paid,
    PaidBefore,
    RunEnded,
    RunResumed,
    RunStarted,
    StepEnded,
    StepStarted,
)
from flujo.execution.ledger import Ledger
from flujo.ports import Rejection
from flujo.results import PipelineResult
from flujo_testing.transcript.changes import changes_of, difference_of, field_name
from flujo_testing.transcript.inside import TELL
from flujo_testing.transcript.outline import FELL_BACK, OpenStep, Outline, Sequence
from flujo_testing.transcript.payments import ASK, limit_passed, not_admitted, payment, spent
from flujo_testing.transcript.plain import fields_of, plain
from flujo_testing.transcript.redaction import Replacement, redacted, refuse_unrepresentable
from flujo_testing.transcript.sections import (
    Section,
    is_judging,
    judging,
    put,
    put_before_paid,
    put_payment,
    put_value,
    unwrapped,
)
from flujo_testing.transcript.sources import RUN, STEP, Sources, place_of, same_value, seen_from, source_name
from flujo_testing.transcript.verdicts import told_rejection, told_verdict

FORMAT: Final = "flujo-golden/1"

GATHERING: Final[dict[str, object]] = {"map": [], "map_at_once": [], "parallel": {}}
"""The steps that tell how each sequence inside ended, and their output if there is none."""


def story_of(
    result: PipelineResult, *, owner: str | None = None, redact: Mapping[str, Replacement] | None = None
) -> Section:
    """The run as nested plain data: its header, how it ended (``result``), what every step did (``steps``).

    ``owner`` names the test that it belongs to. ``redact`` replaces values by path, see ``redacted``. Raises
    NotTellable for a value without plain form that is not redacted, RedactionError for a path that leads
    nowhere.
    """
    story = _Narration(result.transcript, result.ledger, result.context).story(owner)
    if redact:
        story = redacted(story, redact)
    refuse_unrepresentable(story)
    return story


def story_of_events(events: Iterable[Event]) -> Section:
    """The story of a run of which only the events are known, in the order of a transcript.

    It is that of the result, but for changes of the context that no event tells. Raises NotTellable.
    """
    told = tuple(events)
    story = _Narration(told, Ledger(tuple(event.entry for event in told if isinstance(event, Paid)))).story(None)
    refuse_unrepresentable(story)
    return story


class _Narration:
    """Reads the events of one run, once and in order."""

    def __init__(self, events: Iterable[Event], ledger: Ledger, context: PipelineContext | None = None) -> None:
        self.events = tuple(events)
        self.ledger = ledger
        self.context = context
        self.head: Section = {}
        self.end: Section = {}
        self.paid_earlier: Section = {}
        self.outline = Outline()
        self.error: str | None = next((e.error for e in reversed(self.events) if isinstance(e, RunEnded)), None)
        self.sources = Sources()
        self.requests: dict[str, int] = {}

    def story(self, owner: str | None) -> Section:
        for event in self.events:
            if (tell_inside := TELL.get(type(event))) is not None:
                tell_inside(self.outline, self.sources, event)
            else:
                tell = _TELL.get(type(event), _Narration.unknown)
                tell(self, event)
        self.outline.finish()
        story: Section = {"format": FORMAT}
        if owner is not None:
            story["owner"] = owner
        return story | self.head | {"result": self.ending(), "steps": self.outline.steps}

    def ending(self) -> Section:
        if self.ledger.entries:
            self.end["spent"] = spent(self.ledger)
        if self.paid_earlier:
            self.end["paid_before"] = self.paid_earlier
        if self.context is not None:
            followed, final = self.outline.sequence("").context, _plain_fields(self.context)
            if unexplained := difference_of(followed, final):
                self.end["context"] = unexplained
        return self.end

    # The run ---------------------------------------------------------------------------------------------

    def run_started(self, event: RunStarted) -> None:
        if event.pipeline != "pipeline":
            put(self.head, "pipeline", event.pipeline)
        put(self.head, "input", plain(event.input))
        first = self.outline.sequence("")
        first.value, first.context = event.input, _plain_fields(event.context)
        if first.context:
            put(self.head, "context", first.context)
        self.sources.add(RUN, event.input)

    def run_resumed(self, event: RunResumed) -> None:
        answers: Section = {}
        for path, answer in event.answers:
            put(answers, path, plain(answer))
        told: Section = {"after": event.status} | ({"answers": answers} if answers else {})
        if self.outline.steps:
            told["too_late"] = True
        self.head.setdefault("resumed", []).append(told)

    def run_ended(self, event: RunEnded) -> None:
        put(self.end, "status", event.status)
        if event.status == "completed" or event.output is not None:
            put(self.end, "output", plain(event.output))
        if event.error is not None:
            put(self.end, "error", plain(event.error))

    # Steps -----------------------------------------------------------------------------------------------

    def step_started(self, event: StepStarted) -> None:
        step = self.outline.start(event.step)
        if event.kind not in ("step", "parallel"):
            put(step.section, "kind", event.kind)
        sequence = self.outline.sequence_of(event.step)
        if same_value(event.input, sequence.value):
            step.given(event.input, sequence.source)
        else:
            source = self.sources.name_of(event.input)
            put_value(step.section, "input", source, event.input)
            step.given(event.input, source or STEP)
        step.kind = event.kind
        if event.kind in GATHERING:
            step.output = GATHERING[event.kind]
            step.at_once = event.kind != "map"

    def step_ended(self, event: StepEnded) -> None:
        step = self.outline.step(event.step)
        self.parts_ended(step)
        if event.status != "completed":
            put(step.section, "status", event.status)
        if self.output_is_news(step, event):
            put(step.section, "output", plain(event.output))
        if self.error_is_news(step, event):
            put(step.section, "error", plain(event.error))
        self.outline.end()
        sequence, source = self.outline.sequence_of(event.step), source_name(event.step)
        sequence.source, sequence.value = source, event.output
        sequence.status, sequence.error = event.status, event.error
        self.sources.add(source, event.output)
        if self.outline.open:
            self.ended_inside(self.outline.open[-1], sequence, event)

    def parts_ended(self, step: OpenStep) -> None:
        """What the sequences inside a step that has ended leave behind."""
        self.outline.hand_on(step)
        for segment, inner in step.inner.items():
            if step.kind in GATHERING and segment and not inner.ended:
                put(inner.section, "unfinished", True)
            elif step.kind == "branch":
                unwrapped(inner.section, f"step {segment.removeprefix('branch:')}")

    def ended_inside(self, around: OpenStep, sequence: Sequence, event: StepEnded) -> None:
        """What the end of a step means for the one around it."""
        if event.status != "cancelled":
            around.error = around.error or event.error
        place = event.step.rpartition("/")[0]
        if place == around.path or (around.kind == "branch" and place.rpartition("/")[0] == around.path):
            around.output = event.output
        if place == around.path:  # it changes the context of the step around it as it goes, whether it completes or not
            self.outline.sequence_of(around.path).context = sequence.context

    def output_is_news(self, step: OpenStep, event: StepEnded) -> bool:
        if event.status != "completed":
            return event.output is not None
        return not same_value(event.output, step.output)

    def error_is_news(self, step: OpenStep, event: StepEnded) -> bool:
        """An error is told once: by a step inside, by the step's last attempt, or by the run it ended."""
        if event.status in ("completed", "paused"):
            return event.error is not None
        return event.status != "cancelled" and event.error != (step.error or step.failure(event.status) or self.error)

    def context_changed(self, event: ContextChanged) -> None:
        step, sequence = self.outline.step(event.step), self.outline.sequence_of(event.step)
        told, sequence.context = changes_of(event.changes, sequence.context)
        put(step.section, "context", told)

    def merged(self, event: Merged) -> None:
        step, sequence = self.outline.step(event.step), self.outline.sequence_of(event.step)
        changes, sequence.context = changes_of(event.changes, sequence.context)
        told: Section = {"by": event.strategy, **changes}
        for name, branches in event.sources:
            told[field_name(name)] = {**told.get(field_name(name), {}), "from": list(branches)}
        put(step.section, "merged", told)

    def backed_off(self, event: BackedOff) -> None:
        put(
            self.outline.step(event.step).section,
            f"backoff {event.attempt}",
            {"delay_s": plain(event.delay_s)},
        )

    def fell_back(self, event: FellBack) -> None:
        step = self.outline.step(event.step)
        told = {} if event.attempts == step.attempts else {"after_attempts": event.attempts}
        put(step.section, FELL_BACK, {"original_error": plain(event.error), **told})

    def limit_passed(self, event: LimitPassed) -> None:
        step = self.outline.step(event.step)
        section = step.section if step.last_ask is None else step.last_ask.section
        put(section, "limit_passed", limit_passed(event))

    # Asks ------------------------------------------------------------------------------------------------

    def asked(self, event: Asked) -> None:
        step, section = self.step_and_ask(event)
        step.attempts, step.why_failed = max(step.attempts, event.attempt), None
        if event.hop and event.agent != step.redirected_to:
            put(section, "agent", event.agent)
        if same_value(event.input, step.input):
            source: str | None = seen_from(step.source, place_of(event.step))
        else:
            source = self.sources.name_of(event.input)
        put_value(section, "input", source, event.input)
        if event.feedback:
            known = list(event.feedback) == step.rejections
            put(section, "feedback", [told_rejection(rejection, known=known) for rejection in event.feedback])

    def answered(self, event: Answered) -> None:
        step = self.outline.step(event.step)
        ask = step.ask(event.attempt, event.hop)
        put_before_paid(ask.section, "output", plain(event.output))
        ask.ended = True
        step.output = event.output

    def ask_failed(self, event: AskFailed) -> None:
        step = self.outline.step(event.step)
        ask = step.ask(event.attempt, event.hop)
        step.why_failed = event.error
        # What a cancellation says differs between backends and runs.
        untold = event.outcome == "cancelled" or (event.outcome == "limited" and event.error == self.error)
        put_before_paid(ask.section, event.outcome, True if untold else plain(event.error))
        ask.ended = True

    def feedback_lost(self, event: FeedbackLost) -> None:
        put(self.step_and_ask(event)[1], "feedback_lost", True)

    def judged(self, event: Judged) -> None:
        step, section = self.step_and_ask(event)
        key = f"plugin {event.plugin}"
        paid = section.pop(key) if is_judging(section, key) else {}
        retyped = event.replaced and event.plugin == "output_type" and same_value(event.new_solution, step.output)
        verdict = told_verdict(event, unchanged=retyped)
        put(section, key, "accepted" if verdict == {"accepted": True} and not paid else paid | verdict)
        step.redirected_to = event.redirect_to
        if event.replaced:
            step.output = event.new_solution
        if not event.accepted and event.redirect_to is None:
            step.rejections.append(Rejection(event.plugin, event.feedback or "", event.attempt))
            step.why_failed = f"plugin '{event.plugin}' rejected the last draft: {event.feedback}"

    def paid(self, event: Paid) -> None:
        step, entry = self.outline.step(event.step), event.entry
        told, place = self.payment(entry), ASK.fullmatch(entry.path)
        if place is None or place["step"] != event.step:
            put_payment(step.section, "paid", {"path": entry.path, **told})
            return
        ask = step.ask(int(place["attempt"]), int(place["hop"] or 0))
        if place["plugin"] is None:
            put_payment(ask.section, "paid_too_late" if ask.ended else "paid", told)
        else:
            put_payment(judging(ask.section, f"plugin {place['plugin']}"), "paid", told)

    def paid_before(self, event: PaidBefore) -> None:
        put_payment(self.paid_earlier, event.entry.path, self.payment(event.entry))

    def payment(self, entry: LedgerEntry) -> Section:
        number = self.requests[entry.path] = self.requests.get(entry.path, 0) + 1
        return payment(entry, number)

    def not_admitted(self, event: NotAdmitted) -> None:
        put(self.step_and_ask(event)[1], "not_admitted", not_admitted(event))

    def untold(self, event: Chunk) -> None:
        """The answer holds it."""

    def unknown(self, event: Event) -> None:
        """An event that this format has no words for is told by its fields."""
        named = [item.name for item in fields(event) if item.name not in ("step", "at", "attempt", "hop")]
        section = self.end
        if isinstance(event, AskEvent):
            section = self.step_and_ask(event)[1]
        elif event.step:
            section = self.outline.step(event.step).section
        put(section, f"event {type(event).__name__}", {name: plain(getattr(event, name)) for name in named})

    def step_and_ask(self, event: AskEvent) -> tuple[OpenStep, Section]:
        step = self.outline.step(event.step)
        return step, step.ask(event.attempt, event.hop).section


def _plain_fields(context: object) -> Section:
    """A context as plain data, field by field."""
    return {name: plain(value) for name, value in (fields_of(context) or {}).items()}


_TELL: dict[type[Event], Callable[[_Narration, Any], None]] = {
    RunStarted: _Narration.run_started,
    RunResumed: _Narration.run_resumed,
    RunEnded: _Narration.run_ended,
    StepStarted: _Narration.step_started,
    StepEnded: _Narration.step_ended,
    Asked: _Narration.asked,
    Answered: _Narration.answered,
    AskFailed: _Narration.ask_failed,
    FeedbackLost: _Narration.feedback_lost,
    Judged: _Narration.judged,
    BackedOff: _Narration.backed_off,
    FellBack: _Narration.fell_back,
    Paid: _Narration.paid,
    PaidBefore: _Narration.paid_before,
    NotAdmitted: _Narration.not_admitted,
    LimitPassed: _Narration.limit_passed,
    ContextChanged: _Narration.context_changed,
    Merged: _Narration.merged,
    Chunk: _Narration.untold,
}
