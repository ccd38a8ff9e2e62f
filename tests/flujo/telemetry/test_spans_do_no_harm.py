"""What spans keep to themselves, and that a run is none the worse for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from flujo import (
    Flujo,
    Step,
    validator,
)
from flujo.errors import MisuseError
from flujo.events import Asked, RunEnded, RunStarted, StepEnded, StepStarted
from flujo.telemetry.spans import Spans
from flujo_testing import VirtualClock
from tests.flujo.telemetry.cast import PRICES, Slow, runner, short
from tests.flujo.telemetry.seen import Seen, about

ROOT = Path(__file__).parents[3]


SECRET = "rain-and-hail"


async def everything_secret(seen: Seen) -> None:
    """A run whose input, outputs, feedback, errors, decisions and answers hold the secret."""

    @validator
    def strict(text: str) -> bool | str:
        return "again" in text or f"no {text}"

    write = Step("write", Slow(SECRET, f"{SECRET} again"), plugins=[strict])
    fails = Step("fail", Slow(ValueError(SECRET)), max_retries=0, fallback=Step("small", Slow(SECRET, name="small")))
    loop = Step.loop_until("loop", Step("turn", Slow(SECRET)), lambda output, context: True)
    human = Step.human_in_the_loop("approve", SECRET)
    flow = runner(write >> fails >> loop >> human, seen)
    paused = await flow.run_async(SECRET)
    await flow.resume_async(paused, {"approve": SECRET})
    await runner(Step("fail", Slow(ValueError(SECRET)), max_retries=0), seen).run_async(SECRET)


async def test_what_was_asked_and_answered_is_told_only_on_request(virtual_clock: VirtualClock) -> None:
    quiet, open_ = Seen(), Seen(capture_content=True)
    await everything_secret(quiet)
    await everything_secret(open_)
    assert (quiet.texts().count(SECRET), [span.name for span in quiet.finished]) == (
        0,
        [span.name for span in open_.finished],
    )
    asked = about(next(span for span in open_.finished if span.name == "invoke_agent small"))
    assert asked["gen_ai.input.messages"] == (
        f'[{{"role": "user", "parts": [{{"type": "text", "content": "{SECRET} again"}}]}}]'
    )
    assert asked["gen_ai.output.messages"] == (
        f'[{{"role": "assistant", "parts": [{{"type": "text", "content": "{SECRET}"}}]}}]'
    )
    told = {
        event.name: {name for name, value in (event.attributes or {}).items() if SECRET in str(value)}
        for span in open_.finished
        for event in span.events
        if SECRET in str(dict(event.attributes or {}))
    }
    assert told == {
        "flujo.Judged": {"flujo.feedback"},
        "flujo.FellBack": {"flujo.error"},
        "flujo.Questioned": {"flujo.message"},
        "flujo.Replied": {"flujo.answer"},
    }
    failed = [span.status.description for span in open_.finished if span.name == "invoke_workflow support"]
    assert failed[-1] == f"step 'fail' failed after 1 attempt: ValueError: {SECRET}"


class Failing(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise ConnectionError("nobody collects spans here")


class Refusing(TracerProvider):
    """Gives tracers that cannot even start a span."""

    def get_tracer(self, *arguments: Any, **options: Any) -> Any:
        class Tracer:
            def start_span(self, *arguments: Any, **options: Any) -> Any:
                raise RuntimeError("no span today")

        return Tracer()


async def test_spans_that_cannot_be_made_or_exported_change_nothing_in_a_run(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    failing = TracerProvider()
    failing.add_span_processor(SimpleSpanProcessor(Failing()))
    results = []
    for listeners in ([], [Spans(failing)], [Spans(Refusing())]):
        write = Step("write", Slow("a much longer text", "short", seconds=0), plugins=[short])
        flow = Flujo(write, cost_model=PRICES, listeners=listeners)
        results.append(await flow.run_async("rain", run_id="run-1"))
    plain, unexported, unmade = results
    for result in (unexported, unmade):
        assert tuple(result.transcript) == tuple(plain.transcript)
        assert (result.status, result.output, result.total_cost_usd) == ("completed", "short", Decimal("0.00208"))
    assert unexported.listener_errors == ()
    assert [str(told.error) for told in unmade.listener_errors] == ["no span today"]
    assert [record.message for record in caplog.records][:1] == ["Exception while exporting Span."]


class Choosy(TracerProvider):
    """Starts no span of a step, or of an agent."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def get_tracer(self, *arguments: Any, **options: Any) -> Any:
        tracer, prefix = super().get_tracer(*arguments, **options), self.prefix

        class Tracer:
            def start_span(self, name: str, *arguments: Any, **options: Any) -> Any:
                if name.startswith(prefix):
                    raise RuntimeError(f"no {prefix} today")
                return tracer.start_span(name, *arguments, **options)

        return Tracer()


@pytest.mark.parametrize(
    ("prefix", "inside"),
    [
        ("step", ["  invoke_agent writer 0-2 s", "    chat writer 0-2 s"]),
        ("invoke_agent", ["  step write 0-2 s", "    chat writer 0-2 s"]),
    ],
)
async def test_what_belongs_to_a_span_that_could_not_be_made_belongs_to_the_next_one_around(
    virtual_clock: VirtualClock, prefix: str, inside: list[str]
) -> None:
    seen = Seen()
    choosy = Choosy(prefix)
    choosy.add_span_processor(SimpleSpanProcessor(seen.exporter))
    flow = Flujo(Step("write", Slow("fine")), cost_model=PRICES, listeners=[Spans(choosy)], name="support")
    result = await flow.run_async("rain")
    assert [str(told.error) for told in result.listener_errors] == [f"no {prefix} today"]
    assert seen.tree() == ["invoke_workflow support 0-2 s", *inside]


def test_what_was_not_told_to_have_ended_ends_with_what_is_around_it() -> None:
    seen = Seen()
    for event in (
        RunStarted("", 0.0, "support", "rain", None),
        StepStarted("outer", 1.0, "pipeline", "rain"),
        StepStarted("outer/write", 2.0, "step", "rain"),
        Asked("outer/write", 3.0, 1, 0, "writer", "rain", ()),
        StepEnded("outer", 4.0, "failed", None, "it broke"),
        RunEnded("", 5.0, "cancelled", None, "it was stopped"),
    ):
        seen.spans(event)
    assert seen.tree() == [
        "invoke_workflow support 0-5 s",
        "  step outer 1-4 s ERROR: failed",
        "    step write 2-4 s ERROR: failed",
        "      invoke_agent writer 3-4 s ERROR: failed",
    ]


def test_a_listener_that_was_told_no_start_says_so() -> None:
    with pytest.raises(MisuseError, match=r"^this listener was told RunEnded before any RunStarted$"):
        Seen().spans(RunEnded("", 0.0, "completed", None, None))


def test_a_finished_transcript_can_be_told_later(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    result = Flujo(Step("write", Slow("fine", seconds=0)), cost_model=PRICES, name="support").run("rain")
    for event in result.transcript:
        seen.spans(event)
    assert [span.name for span in seen.finished] == [
        "chat writer",
        "invoke_agent writer",
        "step write",
        "invoke_workflow support",
    ]


def test_nothing_is_loaded_unless_it_is_used() -> None:
    code = (
        "import sys\nfrom flujo import *\nimport flujo.telemetry, flujo.telemetry.lines, flujo.telemetry.progress\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_the_package_the_extra_is_named() -> None:
    code = (
        "import sys\nsys.modules['opentelemetry'] = None\n"
        "try:\n    import flujo.telemetry.spans\nexcept ModuleNotFoundError as missing:\n    print(missing)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "flujo.telemetry.spans needs OpenTelemetry: pip install 'flujo-pipelines[otel]'\n"
