"""What a call brought, as plain data and back: an answer with its cost, an error, or nothing within its deadline.

What is read back is what was there: a value that JSON would change (a tuple, a model without a declared type) is
refused when it is recorded, with its path. Nothing is imported by a name that stands in a file.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from flujo import AgentError, AgentOutput
from flujo.canonical import NotRepresentable, canonical_json, to_data
from flujo.structure import Same
from flujo_testing.cassette.errors import NotRecordable
from flujo_testing.cassette.reports import report_from, report_of

NO_ANSWER = {"nothing": "no answer before the call was given up"}


class RecordedError(AgentError):
    """An error that an agent once raised, of a class that a cassette does not know; its class has the same name."""


def told_answer(
    at: str, answer: object, adapter: TypeAdapter[Any] | None, chunks: Sequence[str] | None
) -> dict[str, Any]:
    """An answer as data. ``adapter`` reads the declared type of its output. Raises NotRecordable."""
    told: dict[str, Any] = {}
    output = answer
    if isinstance(answer, AgentOutput):
        told["reported"], output = report_of(answer), answer.output
    told["output"] = _data(at, output)
    if chunks is not None:
        told["chunks"] = list(chunks)
    if not Same()(output, told["output"]):
        told["typed"] = True
        _refuse_what_changes(at, output, told["output"], adapter)
    return told


def told_error(error: Exception) -> dict[str, Any]:
    """An error as data: its class by name, its words, and what it says was paid."""
    told: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, AgentError):
        told["reported"] = report_of(error)
    return told


def answer_from(data: Mapping[str, Any], adapter: TypeAdapter[Any] | None) -> object:
    """The answer that was recorded. Raises ValueError, KeyError or TypeError for data that is none."""
    output = data["output"]
    if data.get("typed"):
        if adapter is None:
            raise ValueError("the output was of a declared type, and the agent declares none any more")
        output = _typed(adapter, output)
    return AgentOutput(output, **report_from(data["reported"])) if "reported" in data else output


def error_from(data: Mapping[str, Any]) -> Exception:
    """The error that was recorded: AgentError and Python's own as such, others as a RecordedError of that name."""
    name, message = str(data["error"]), str(data["message"])
    if name == "AgentError":
        return AgentError(message, **report_from(data.get("reported", {})))
    known = vars(builtins).get(name)
    if isinstance(known, type) and issubclass(known, Exception) and "reported" not in data:
        return known(message)
    named: type[RecordedError] = type(name, (RecordedError,), {"__module__": __name__})
    return named(message, **report_from(data.get("reported", {})))


def _data(at: str, value: object) -> Any:
    try:
        return to_data(value)
    except NotRepresentable as error:
        raise NotRecordable(at, error.path.replace("$", "its answer", 1), error.reason) from None


def _refuse_what_changes(at: str, output: object, data: object, adapter: TypeAdapter[Any] | None) -> None:
    kind = type(output).__name__
    if adapter is None:
        reason = f"it is a {kind}, and JSON would not bring it back: declare the agent's output_type"
        raise NotRecordable(at, "its answer", reason)
    if not Same()(output, _typed(adapter, data)):
        raise NotRecordable(at, "its answer", f"its declared type does not bring this {kind} back from JSON")


def _typed(adapter: TypeAdapter[Any], data: object) -> object:
    return adapter.validate_json(canonical_json(data))
