"""What went wrong between us and a provider, as an ``AgentError`` that says what to do next."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal

from flujo.agents.wire.reading import Json, excerpt, table, text
from flujo.errors import AgentError
from flujo.usage import Usage

AGAIN = "Retry, or give the step a fallback"
# A request that the provider refuses (4xx) has not run and is not billed; of one that broke (5xx) nobody knows.
NOT_CHARGED = Decimal(0)
_REMEDIES = {
    400: "Correct the request",
    401: "Check the client's API key",
    403: "Check what the API key may use",
    404: "Check the model's name and the client's base_url",
    413: "Send less",
    422: "Correct the request",
    429: "Give the step a backoff, or let fewer steps run at once",
}


def not_asked(message: str) -> AgentError:
    """For a request that was never sent: nothing is booked."""
    return AgentError(message, requests=())


def refused(
    model: str,
    status: int,
    body: object,
    *,
    otherwise: str,
    retry_after: str | None = None,
    usage: Usage | None = None,
) -> AgentError:
    """For an answer that is an HTTP error; ``otherwise`` is what is said of one whose ``body`` gives no reason."""
    remedy = _REMEDIES.get(status, AGAIN)
    after = f" (retry-after: {excerpt(retry_after, 40)})" if retry_after else ""
    told = f"answered {status}{_code(_error_in(body))}: {_reason(body, otherwise)}. {remedy}{after}"
    free = 400 <= status < 500 and usage is None
    return AgentError(f"{model} {told}", usage=usage, model=model, cost_usd=NOT_CHARGED if free else None)


def timed_out(model: str, error: BaseException) -> AgentError:
    told = f"gave no answer within the client's timeout{causes(error)}. Raise the client's timeout"
    return AgentError(f"{model} {told}", model=model)


def unreachable(model: str, error: BaseException) -> AgentError:
    why = f"{str(error) or type(error).__name__}{causes(error)}"
    told = f"could not be reached: {why}. Check base_url and the network, then retry"
    return AgentError(f"{model} {told}", model=model)


def failed(model: str, error: BaseException) -> AgentError:
    return AgentError(f"{model} failed: {excerpt(str(error))}. {AGAIN}", model=model)


def in_stream(model: str, error: object) -> AgentError:
    """For an error that the provider reports in an answer that began well."""
    body = table(error)
    code = text(body.get("code")) or text(body.get("type"))
    message = excerpt(text(body.get("message")) or "no reason given")
    told = f"broke off its answer{f' ({excerpt(code, 80)})' if code else ''}: {message}. {AGAIN}"
    return AgentError(f"{model} {told}", model=model)


def broken_off(model: str, error: Exception) -> AgentError:
    """For a connection that was lost in the middle of an answer."""
    why = f"{type(error).__name__}: {error}{causes(error)}"
    return AgentError(f"{model} broke off its answer: {why}. {AGAIN}", model=model)


def unreadable(model: str, content: str) -> AgentError:
    """For an answer that is no JSON object."""
    shown = excerpt(content) or "nothing"
    return AgentError(f"{model} answered no JSON object but: {shown}. Check the client's base_url", model=model)


def causes(error: BaseException) -> str:
    told: list[str] = []
    while (cause := error.__cause__) is not None and len(told) < 5:
        told.append(f", because of {type(cause).__name__}: {cause}")
        error = cause
    return "".join(told)


def _error_in(body: object) -> Json:
    """The table that holds the reason: most providers put it under ``error``, some SDKs take it out of there."""
    return table(table(body).get("error")) or table(body)


def _code(error: Json) -> str:
    code = _first(error.get(key) for key in ("code", "status", "type"))
    where = f" at {error['param']}" if text(error.get("param")) else ""
    return f" ({excerpt(code, 80)}{where})" if code else ""


def _reason(body: object, otherwise: str) -> str:
    if isinstance(body, str):
        return excerpt(body) or "no body"
    error = _error_in(body)
    said = _first((error.get("message"), error.get("detail"), error.get("error")))
    return excerpt(said or (json.dumps(body, ensure_ascii=False, default=str) if body else otherwise))


def _first(values: Iterable[object]) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)
