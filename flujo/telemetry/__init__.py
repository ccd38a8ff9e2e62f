"""Listeners that tell what a run does: spans for OpenTelemetry, lines for a log, progress for a terminal.

Each is given to ``Flujo(listeners=[...])`` and may serve any number of runs at once. None of them can change a run:
what goes wrong in one is in ``result.listener_errors``. They tell what happened, when, and at what cost; of what people
and models wrote they tell nothing, unless they are told to.

* ``flujo.telemetry.spans.Spans``: OpenTelemetry (extra ``otel``)
* ``flujo.telemetry.lines.LogLines``: the standard library's logging
* ``flujo.telemetry.progress.Progress``: a line per step, for whoever waits
"""
