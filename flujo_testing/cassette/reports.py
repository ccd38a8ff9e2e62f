"""What an answer or an error says that it cost, as plain data and back, exact to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from flujo import AgentError, AgentOutput, RequestUsage, Usage

_COUNTS = tuple(field.name for field in fields(Usage))


def report_of(paid: AgentOutput[Any] | AgentError) -> dict[str, Any]:
    """Its ``usage``, ``model``, ``cost_usd``, ``requests`` and ``price_context``, without those that are None."""
    told: dict[str, Any] = {
        "usage": usage_told(paid.usage),
        "model": paid.model,
        "cost_usd": _amount_told(paid.cost_usd),
        "requests": None if paid.requests is None else [_request_told(request) for request in paid.requests],
        "price_context": paid.price_context,
    }
    return {name: value for name, value in told.items() if value is not None}


def report_from(data: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for an AgentOutput or an AgentError that reports the same. Raises TypeError, ValueError."""
    requests = data.get("requests")
    return {
        "usage": usage_from(data.get("usage")),
        "model": data.get("model"),
        "cost_usd": _amount_from(data.get("cost_usd")),
        "requests": None if requests is None else tuple(_request_from(request) for request in requests),
        "price_context": data.get("price_context"),
    }


def usage_told(usage: Usage | None) -> dict[str, int] | None:
    """Every count that is not 0, and the number of requests."""
    if usage is None:
        return None
    counts = {name: getattr(usage, name) for name in _COUNTS}
    return {name: count for name, count in counts.items() if count or name == "requests"}


def usage_from(data: Mapping[str, int] | None) -> Usage | None:
    return None if data is None else Usage(**data)


def _amount_told(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _amount_from(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _request_told(request: RequestUsage) -> dict[str, Any]:
    return {
        "usage": usage_told(request.usage),
        "model": request.model,
        "cost_usd": _amount_told(request.cost_usd),
        "usage_source": request.usage_source,
        "outcome": request.outcome,
        "tool_calls": request.tool_calls,
    }


def _request_from(data: Mapping[str, Any]) -> RequestUsage:
    read = {"usage": usage_from(data["usage"]), "cost_usd": _amount_from(data["cost_usd"])}
    return RequestUsage(**{**data, **read})
