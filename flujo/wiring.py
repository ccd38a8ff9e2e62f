"""What can be wrong with what a runner is given, apart from its pipeline: told when it is made, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flujo.context import PipelineContext
from flujo.errors import Problem
from flujo.functions import can, why_not_plain
from flujo.pipeline import Pipeline
from flujo.steps import HumanStep

_PORTS = {
    "cost_model": (("quote", "max_cost"), "Pass cost_model=PriceTable({...})."),
    "store": (("recall", "intend", "commit"), "Pass a journal."),
    "clock": (("now", "utc", "sleep"), "Pass an object with 'now', 'utc' and 'async sleep'."),
}
"""What the runner calls of what it is given, and what to give it."""


def port_problems(ports: Mapping[str, object]) -> Iterator[Problem]:
    for option, given in ports.items():
        calls, fix = _PORTS[option]
        if given is not None and not can(given, *calls):
            text = f"{option} is {given!r}, which does not offer {', '.join(calls)}"
            yield Problem(f"{option}-invalid", "", text, fix)


def listener_problems(listeners: object) -> Iterator[Problem]:
    fix = "Pass a list of plain functions of one event."
    if not isinstance(listeners, Sequence) or isinstance(listeners, str | bytes):
        yield Problem("listener-not-plain", "", f"listeners is {listeners!r}", fix)
        return
    for listener in listeners:
        if why := why_not_plain(listener):
            yield Problem("listener-not-plain", "", f"the listener {listener!r} {why}", fix)


def human_problems(pipeline: Pipeline) -> Iterator[Problem]:
    for path, step in pipeline.walk():
        if isinstance(step, HumanStep):
            text, fix = "a run without a transcript cannot go on after a pause", "Leave keep_transcript=False out."
            yield Problem("transcript-needed", path, text, fix)


def runner_name_problems(name: object) -> Iterator[Problem]:
    if name is not None and not (isinstance(name, str) and name.strip()):
        yield Problem("name-empty", "", f"name is {name!r}, which is no text", "Pass a name, or leave it out.")


def include_problems(path: str, keys: Sequence[str], model: type[PipelineContext]) -> Iterator[Problem]:
    for key in keys:
        if key not in model.model_fields:
            text = f"context_include_keys names {key!r}, but {model.__name__} has: {', '.join(model.model_fields)}"
            yield Problem("include-unknown", path, text, "Name fields of the context model.")
    left_out = [name for name, field in model.model_fields.items() if field.is_required() and name not in keys]
    if left_out:
        text = f"context_include_keys leaves out {', '.join(left_out)}, which {model.__name__} requires"
        yield Problem("include-required", path, text, "Include them, or give them defaults.")
