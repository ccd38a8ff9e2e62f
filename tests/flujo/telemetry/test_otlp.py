"""Spans over the wire: the real exporter of OpenTelemetry's protocol, and a receiver on loopback that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from flujo import Flujo, PipelineResult, Step, Usage, validator
from flujo.telemetry.spans import Spans
from flujo_testing import ScriptedAgent, default_cost_model


class Receiver(HTTPServer):
    """Keeps what is posted to it, and answers with ``status``."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.posted: list[tuple[str, ExportTraceServiceRequest]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"

    def spans(self) -> dict[str, Span]:
        """By name, of all posts."""
        return {
            span.name: span
            for _, request in self.posted
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, ExportTraceServiceRequest.FromString(body)))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""


@contextmanager
def receiving(status: int = 200) -> Iterator[Receiver]:
    with Receiver(status) as receiver:
        thread = Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


@validator
def short(text: str) -> bool | str:
    return len(text) < 10 or "too long"


def exported(receiver: Receiver) -> PipelineResult[Any]:
    """A run with two attempts whose spans were all posted."""
    exporter = OTLPSpanExporter(endpoint=receiver.endpoint, compression=Compression.NoCompression, timeout=5)
    provider = TracerProvider(resource=Resource({"service.name": "triage"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    writer = ScriptedAgent(
        "a much longer text", "short", name="writer", model="test:writer",
        usage=Usage(input_tokens=120, output_tokens=40),
    )  # fmt: skip
    step = Step("write", writer, plugins=[short])
    flow: Flujo[Any, Any] = Flujo(step, cost_model=default_cost_model(), listeners=[Spans(provider)], name="support")
    result = flow.run("rain", run_id="run-1")
    provider.shutdown()
    return result


def told(span: Span) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}


def test_spans_arrive_with_parents_attributes_and_events() -> None:
    with receiving() as receiver:
        exported(receiver)
    ((path, request),) = receiver.posted
    (resource,) = request.resource_spans
    (scope,) = resource.scope_spans
    named = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert (path, named["service.name"], scope.scope.name) == ("/v1/traces", "triage", "flujo")
    names = [span.name for span in scope.spans]
    assert names == [
        "chat writer", "invoke_agent writer", "chat writer", "invoke_agent writer", "step write",
        "invoke_workflow support",
    ]  # fmt: skip
    by_id = {span.span_id: span.name for span in scope.spans}
    assert [by_id.get(span.parent_span_id) for span in scope.spans] == [
        "invoke_agent writer", "step write", "invoke_agent writer", "step write", "invoke_workflow support", None,
    ]  # fmt: skip
    assert len({span.trace_id for span in scope.spans}) == 1
    chats = [span for span in scope.spans if span.name == "chat writer"]
    assert [(span.kind, told(span)["gen_ai.usage.input_tokens"]) for span in chats] == [
        (Span.SPAN_KIND_CLIENT, 120)
    ] * 2
    assert [told(span)["flujo.cost_usd_exact"] for span in chats] == ["0.001040", "0.001040"]
    assert [told(span)["flujo.cost_usd"] for span in chats] == [0.00104, 0.00104]
    root = told(receiver.spans()["invoke_workflow support"])
    assert (root["flujo.total_cost_usd"], root["flujo.run_id"]) == (0.00208, "run-1")
    events = [event.name for event in receiver.spans()["step write"].events]
    assert events == ["flujo.Judged", "flujo.Judged"]
    assert {span.status.code for span in scope.spans} == {Status.STATUS_CODE_UNSET}
    assert "too long" not in str(request)


def test_a_receiver_that_refuses_changes_nothing_in_a_run(caplog: pytest.LogCaptureFixture) -> None:
    with receiving(status=400) as receiver:
        result = exported(receiver)
    assert (result.status, result.output, result.listener_errors) == ("completed", "short", ())
    assert len(receiver.posted) == 1
    assert [record.levelname for record in caplog.records if "400" in record.getMessage()] == ["ERROR"]


def test_a_receiver_that_is_not_there_changes_nothing_in_a_run() -> None:
    with receiving() as receiver:
        gone = receiver.endpoint
    exporter = OTLPSpanExporter(endpoint=gone, timeout=0.001)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    result = Flujo(Step("write", ScriptedAgent("fine")), listeners=[Spans(provider)]).run("rain")
    provider.shutdown()
    assert (result.status, result.output, result.listener_errors) == ("completed", "fine", ())
