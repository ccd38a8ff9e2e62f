"""Events and results as JSON data, for ``--json`` and ``export``. Nothing is read back from it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flujo.canonical import NotRepresentable, to_data
from flujo.errors import shown_value
from flujo.events import Event
from flujo.money import show_usd
from flujo.stores.forms import Foreign
from flujo.structure import MISSING

if TYPE_CHECKING:
    from flujo.results import PipelineResult

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class Facts:
    """Tells the events of one run. Times count in seconds from its first event: a clock's own zero says nothing."""

    def __init__(self) -> None:
        self._zero: float | None = None

    def of(self, event: Event) -> dict[str, Any]:
        """``event`` is the kind (``step_started``), ``step`` the path, ``at_s`` the time, then what the kind has."""
        if self._zero is None:
            self._zero = event.at
        told: dict[str, Any] = {"event": kind_of(event), "step": event.step, "at_s": round(event.at - self._zero, 6)}
        for field in fields(event):
            if field.name not in ("step", "at"):
                told[field.name] = data_of(getattr(event, field.name))
        return told


def kind_of(event: Event) -> str:
    """``StepStarted`` is ``step_started``."""
    return _CAPITAL.sub("_", type(event).__name__).lower()


def result_data(result: PipelineResult) -> dict[str, Any]:
    """How a run ended, what it brought and what it cost."""
    ledger, usage = result.ledger, result.usage
    return {
        "result": result.status,
        "run_id": result.run_id,
        "output": data_of(result.output),
        "error": None if result.error is None else str(result.error),
        "questions": [
            {"path": question.path, "message": question.message, "input": data_of(question.input)}
            for question in (result.questions if result.is_whole else ())
        ],
        "cost_usd": usd_data(ledger.total_cost_usd),
        "known_cost_usd": usd_data(ledger.known_cost_usd),
        "possible_cost_usd": usd_data(ledger.possible_cost_usd),
        "requests": usage.requests,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
    }


def usd_data(amount: Decimal | None) -> str | None:
    """Money is a text: a number of JSON would be read as a float."""
    return None if amount is None else show_usd(amount)


def data_of(value: object) -> Any:
    """A value as strict JSON data: records by their fields, money as text; what has no JSON form is shown as text."""
    if value is MISSING:
        return {"$missing": True}
    if isinstance(value, Decimal):
        return show_usd(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Foreign):  # its class is not imported here; what it holds is the same
        return data_of(value.data)
    if is_dataclass(value) and not isinstance(value, type) and type(value).__module__.startswith("flujo."):
        return {field.name: data_of(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [data_of(item) for item in value]
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return {key: data_of(item) for key, item in value.items()}
    try:
        return finite(to_data(value))
    except NotRepresentable:
        return {"$shown": shown_value(value)}


def finite(data: Any) -> Any:
    """Data with texts for the floats that JSON does not have: ``{"$float": "nan"}``."""
    if isinstance(data, float) and not math.isfinite(data):
        return {"$float": str(data)}
    if isinstance(data, list):
        return [finite(item) for item in data]
    if isinstance(data, Mapping):
        return {key: finite(item) for key, item in data.items()}
    return data
