"""A run as spans of OpenTelemetry: ``Spans``. Needs the extra ``otel``; who exports them, and whereto, says the SDK.

::

    invoke_workflow support                   the run
      step reviews                            each step, inside the step or run that it is part of
        step check
          invoke_agent lawyer                 each attempt and each redirect
            chat gpt-x                        each paid request: usage and cost are here and nowhere else

So sums over all spans are those of the ledger. What steps and runs used altogether is in attributes of our own,
``flujo.total_...``. Verdicts of plugins, back-off, fallbacks, limits, caches and decisions are events of their step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import Final

try:
    from opentelemetry import context as otel
    from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider, get_tracer, set_span_in_context
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo.telemetry.spans needs OpenTelemetry: pip install 'flujo-pipelines[otel]'", name=missing.name
    ) from missing

from flujo.entries import LedgerEntry
from flujo.events import (
    Answered,
    Asked,
    AskFailed,
    Chunk,
    ContextChanged,
    Event,
    Paid,
    PaidBefore,
    RunEnded,
    RunResumed,
    RunStarted,
    StepEnded,
    StepStarted,
)
from flujo.money import ZERO, add
from flujo.overrides import current
from flujo.ports import Clock
from flujo.runner import SystemClock
from flujo.telemetry import conventions
from flujo.telemetry.conventions import inference, message, model_of
from flujo.telemetry.details import Details, Value, facts_of, path_of, texts_of
from flujo.telemetry.per_run import PerRun

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_BARELY: Final = timedelta(milliseconds=1)
"""How exactly two clocks of one machine agree."""
_NO_ERROR: Final = frozenset({"completed", "paused", "stopped", "cancelled"})


class Spans:
    """A listener that makes spans of what it is told.

    ``tracer_provider`` is where they go; None is the process's own. ``clock`` is that of the runner, if it has one of
    its own. With ``capture_content`` the spans hold what agents were asked and answered, and texts of feedback and
    errors: keep it off where these may be anybody's secrets. While an agent works its span is the current one, so that
    spans of an instrumented HTTP client, or of a run inside, are parts of it.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        *,
        clock: Clock | None = None,
        capture_content: bool = False,
    ) -> None:
        self.capture_content = capture_content
        self.clock = clock
        self.tracer = get_tracer("flujo", version("flujo-pipelines"), tracer_provider)
        self._runs: PerRun[_Run] = PerRun(self._begin)

    def __call__(self, event: Event) -> None:
        self._runs.of(event).tell(event)

    def _begin(self, event: RunStarted) -> _Run:
        clock = self.clock or current().clock or SystemClock()
        return _Run(self, clock.utc() - timedelta(seconds=clock.now()))


@dataclass(eq=False, slots=True)
class _Open:
    """A span that has not ended, what is open inside it, and what was paid inside it so far."""

    span: Span
    around: _Open | None
    inside: dict[str, _Open] = field(default_factory=dict)
    requests: int = 0
    unpriced: int = 0
    cost_usd: Decimal = ZERO
    input_tokens: int = 0
    output_tokens: int = 0

    def pay(self, entry: LedgerEntry) -> None:
        self.requests += 1
        self.unpriced += entry.uncertain
        self.cost_usd = add(self.cost_usd, entry.cost_usd or ZERO)
        if entry.usage is not None:
            self.input_tokens += entry.usage.input_tokens
            self.output_tokens += entry.usage.output_tokens

    def totals(self) -> Details:
        """Nothing if nothing was paid; no cost if a part of it is not known."""
        if not self.requests:
            return {}
        cost = {} if self.unpriced else {"flujo.total_cost_usd": float(self.cost_usd)}
        tokens = {
            "flujo.total_input_tokens": self.input_tokens,
            "flujo.total_output_tokens": self.output_tokens,
        }
        return {"flujo.total_requests": self.requests, **tokens, **cost}


class _Run:
    """The spans of one run, by path; that of the run itself has the empty path."""

    def __init__(self, listener: Spans, zero: datetime) -> None:
        self.listener = listener
        self.zero = zero
        """What time it was in UTC when the run's clock would have shown 0."""
        self.around = otel.get_current()
        self.open: dict[str, _Open] = {}
        self.resumed_at: datetime | None = None

    def tell(self, event: Event) -> None:
        if "" not in self.open and not isinstance(event, RunStarted):
            return  # not even the span of the run could be made: that error is told, and enough
        match event:
            case RunStarted():
                about = {conventions.OPERATION: "invoke_workflow", conventions.AGENT: event.pipeline}
                self._start("", f"invoke_workflow {event.pipeline}", event.at, about)
            case StepStarted():
                name = event.step.rpartition("/")[2]
                self._start(event.step, f"step {name}", event.at, {"flujo.step_kind": event.kind})
            case Asked():
                self._start(event.path, f"invoke_agent {event.agent}", event.at, self._about_ask(event))
            case Answered() | AskFailed() if event.path in self.open:
                self._ask_ended(event)
            case StepEnded() | RunEnded():
                self._part_ended(event)
            case Paid() if self._is_new(event):
                self._paid(event)
            case Paid():
                self._add(event, "PaidBefore", {"entry_id": event.entry.entry_id})
            case Answered() | Chunk() | ContextChanged():
                return
            case _:
                if isinstance(event, RunResumed):
                    self.resumed_at = self._moment(event.at)
                texts = texts_of(event) if self.listener.capture_content else {}
                self._add(event, type(event).__name__, {**facts_of(event), **texts})

    def _start(self, path: str, name: str, at: float, about: Details) -> None:
        around = self._nearest(path.rpartition("/")[0]) if path else None
        context = self.around if around is None else set_span_in_context(around.span, self.around)
        span = self.listener.tracer.start_span(
            name, context, SpanKind.INTERNAL, {**about, "flujo.path": path}, start_time=self._time(at)
        )
        self.open[path] = _Open(span, around)
        if around is not None:
            around.inside[path] = self.open[path]
        otel.attach(set_span_in_context(span, self.around))

    def _end(self, path: str, at: float) -> None:
        """End a span; the current one is that around it, as before it started."""
        ended = self.open.pop(path)
        ended.span.end(self._time(at))
        if ended.around is None:
            otel.attach(self.around)
        else:
            del ended.around.inside[path]
            otel.attach(set_span_in_context(ended.around.span, self.around))

    def _about_ask(self, event: Asked) -> Details:
        about: dict[str, Value] = {
            conventions.OPERATION: "invoke_agent",
            conventions.AGENT: event.agent,
            "flujo.attempt": event.attempt,
            "flujo.redirect": event.hop,
            "flujo.rejections": len(event.feedback),
        }
        if self.listener.capture_content:
            about[conventions.INPUT_MESSAGES] = message("user", event.input)
        return about

    def _ask_ended(self, event: Answered | AskFailed) -> None:
        span = self.open[event.path].span
        if isinstance(event, AskFailed):
            span.set_attribute("flujo.outcome", event.outcome)
            self._judge(span, event.outcome, event.error)
        elif self.listener.capture_content:
            span.set_attribute(conventions.OUTPUT_MESSAGES, message("assistant", event.output))
        self._end(event.path, event.at)

    def _part_ended(self, event: StepEnded | RunEnded) -> None:
        """A step or the run, and with it what was cut off inside."""
        if event.step not in self.open:
            return
        part = self.open[event.step]
        for path in reversed(list(_all_inside(part))):
            self._judge(self.open[path].span, event.status, event.error)
            self._end(path, event.at)
        part.span.set_attributes({"flujo.status": event.status, **part.totals()})
        self._judge(part.span, event.status, event.error)
        self._end(event.step, event.at)

    def _is_new(self, event: Paid) -> bool:
        """Whether a request was paid by this run, and not before it went on: that has a span already, elsewhere."""
        if isinstance(event, PaidBefore):
            return False
        return self.resumed_at is None or event.entry.requested_at >= self.resumed_at - _BARELY

    def _paid(self, event: Paid) -> None:
        entry = event.entry
        around: _Open | None = self._nearest(entry.path)
        assert around is not None  # the run's own span is open until the run ends
        span = self.listener.tracer.start_span(
            " ".join(filter(None, ("chat", model_of(entry)))),
            set_span_in_context(around.span, self.around),
            SpanKind.CLIENT,
            inference(entry),
            start_time=_nanoseconds(entry.requested_at),
        )
        if entry.outcome != "ok":
            span.set_attribute(conventions.ERROR, entry.outcome)
            span.set_status(Status(StatusCode.ERROR, entry.outcome))
        span.end(self._time(event.at))
        self.open[""].span.set_attribute("flujo.run_id", entry.entry_id.removesuffix(_within_run(entry)))
        while around is not None:
            around.pay(entry)
            around = around.around

    def _judge(self, span: Span, outcome: str, error: str | None) -> None:
        if outcome not in _NO_ERROR:
            text = error if self.listener.capture_content and error is not None else outcome
            span.set_attribute(conventions.ERROR, outcome)
            span.set_status(Status(StatusCode.ERROR, text))

    def _add(self, event: Event, name: str, details: Mapping[str, Value]) -> None:
        about = {f"flujo.{key}": value for key, value in {"path": path_of(event), **details}.items()}
        self._nearest(event.step).span.add_event(f"flujo.{name}", about, self._time(event.at))

    def _nearest(self, path: str) -> _Open:
        """The innermost open span that a path is part of."""
        while path not in self.open:
            path = path.rpartition("/")[0]
        return self.open[path]

    def _moment(self, at: float) -> datetime:
        return self.zero + timedelta(seconds=at)

    def _time(self, at: float) -> int:
        return _nanoseconds(self._moment(at))


def _all_inside(part: _Open) -> Iterator[str]:
    for path, inner in part.inside.items():
        yield path
        yield from _all_inside(inner)


def _within_run(entry: LedgerEntry) -> str:
    """What an entry's id has behind that of its run: the path of the ask, and the number of the request."""
    return f"/{entry.path}/{entry.entry_id.rpartition('/')[2]}"


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1000
