"""What an exporter was given, as lines to compare: the tree of spans with times, status and events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flujo.telemetry.spans import Spans


class Seen:
    """A listener whose spans stay in memory."""

    def __init__(self, *, capture_content: bool = False) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.spans = Spans(self.provider, capture_content=capture_content)

    @property
    def finished(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def one(self, name: str) -> ReadableSpan:
        (span,) = [span for span in self.finished if span.name == name]
        return span

    def tree(self) -> list[str]:
        """Each span below its parent, in order of beginning: ``  step write 0-2 s failed``."""
        return list(_lines(self.finished, None, ""))

    def events(self, name: str) -> list[str]:
        """The events of a span: ``Judged plugin=length accepted=False``, without their path."""
        return events_of(self.one(name))

    def events_at(self, path: str) -> list[str]:
        """Those of the step at a path."""
        (span,) = [span for span in self.finished if about(span)["flujo.path"] == path]
        return events_of(span)

    def texts(self) -> str:
        """Everything that a span holds, in one text."""
        return "\n".join(span.to_json() for span in self.finished)


def events_of(span: ReadableSpan) -> list[str]:
    return [_told(event.name, event.attributes or {}) for event in span.events]


def about(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def identity(span: ReadableSpan) -> int:
    """The number that spans inside it name as their parent's."""
    return span.get_span_context().span_id  # type: ignore[union-attr]


def trace_of(span: ReadableSpan) -> int:
    return span.get_span_context().trace_id  # type: ignore[union-attr]


def _lines(spans: Sequence[ReadableSpan], parent: int | None, indent: str) -> Iterator[str]:
    inside = [span for span in spans if (span.parent and span.parent.span_id) == parent]
    for span in sorted(inside, key=lambda span: span.start_time or 0):  # of two, what ended first
        yield f"{indent}{span.name} {_seconds(span, spans)}{_status(span)}"
        yield from _lines(spans, identity(span), f"{indent}  ")


def _seconds(span: ReadableSpan, spans: Sequence[ReadableSpan]) -> str:
    zero = min(span.start_time or 0 for span in spans)
    begun, ended = ((moment or 0) - zero for moment in (span.start_time, span.end_time))
    return f"{begun / 1e9:g}-{ended / 1e9:g} s"


def _status(span: ReadableSpan) -> str:
    return "" if span.status.is_unset else f" {span.status.status_code.name}: {span.status.description}"


def _told(name: str, attributes: object) -> str:
    words = [f"{key.removeprefix('flujo.')}={value}" for key, value in dict(attributes).items()]  # type: ignore[call-overload]
    return " ".join([name.removeprefix("flujo."), *(word for word in words if not word.startswith("path="))])
