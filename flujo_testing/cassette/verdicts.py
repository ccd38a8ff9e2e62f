"""What a plugin that calls a model said, as plain data and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flujo import PluginOutcome
from flujo.canonical import NotRepresentable, to_data
from flujo.structure import Same
from flujo_testing.cassette.errors import NotRecordable
from flujo_testing.cassette.reports import usage_from, usage_told


def told_outcome(at: str, outcome: object) -> dict[str, Any]:
    """A verdict as data. Raises NotRecordable for one that no file can hold."""
    if not isinstance(outcome, PluginOutcome):
        raise NotRecordable(at, "its verdict", f"it is a {type(outcome).__name__} and no PluginOutcome")
    if outcome.redirect_to is not None:
        raise NotRecordable(at, "its verdict", "it redirects to an agent, which no file can hold")
    told: dict[str, Any] = {"success": outcome.success, "feedback": outcome.feedback, "model": outcome.model}
    told["usage"] = usage_told(outcome.usage)
    if outcome.replaces_output:
        told["new_solution"] = _data(at, outcome.new_solution)
    return told


def outcome_from(data: Mapping[str, Any]) -> PluginOutcome:
    """The verdict that was recorded. Raises KeyError, TypeError or ValueError for data that is none."""
    replaced = {"new_solution": data["new_solution"]} if "new_solution" in data else {}
    return PluginOutcome(
        data["success"], data["feedback"], usage=usage_from(data["usage"]), model=data["model"], **replaced
    )


def _data(at: str, value: object) -> Any:
    try:
        data = to_data(value)
    except NotRepresentable as error:
        raise NotRecordable(at, error.path.replace("$", "its new solution", 1), error.reason) from None
    if not Same()(value, data):
        raise NotRecordable(at, "its new solution", f"JSON would not bring this {type(value).__name__} back")
    return data
