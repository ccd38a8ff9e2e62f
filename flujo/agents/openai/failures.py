"""What went wrong between us and a provider, as an ``AgentError`` that says what to do next."""

from __future__ import annotations

from decimal import Decimal

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAIError

from flujo.agents.openai.wire import excerpt, json_or_none, table, text
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


def failure_of(error: OpenAIError, model: str, usage: Usage | None = None) -> AgentError:
    """What the SDK raised; ``usage`` is what the failed request reported all the same."""
    match error:
        case APIStatusError():
            told = _refusal(error)
        case APITimeoutError():
            told = f"gave no answer within the client's timeout{_causes(error)}. Raise the client's timeout"
        case APIConnectionError():
            why = f"{error}{_causes(error)}"
            told = f"could not be reached: {why}. Check base_url and the network, then retry"
        case APIError():
            told = f"failed: {excerpt(str(error))}. {AGAIN}"
        case _:  # no key, for one: nothing was sent, so nothing is booked
            return AgentError(f"{model} could not be asked: {error}", requests=())
    refused = isinstance(error, APIStatusError) and 400 <= error.status_code < 500 and usage is None
    return AgentError(f"{model} {told}", usage=usage, model=model, cost_usd=NOT_CHARGED if refused else None)


def in_stream(model: str, error: object) -> AgentError:
    """For an error that the provider reports in an answer that began well."""
    body = table(error)
    code = text(body.get("code")) or text(body.get("type"))
    message = excerpt(text(body.get("message")) or "no reason given")
    told = f"broke off its answer{f' ({excerpt(code, 80)})' if code else ''}: {message}. {AGAIN}"
    return AgentError(f"{model} {told}", model=model)


def broken_off(model: str, error: Exception) -> AgentError:
    """For a connection that was lost in the middle of an answer."""
    why = f"{type(error).__name__}: {error}{_causes(error)}"
    return AgentError(f"{model} broke off its answer: {why}. {AGAIN}", model=model)


def unreadable(model: str, content: str) -> AgentError:
    """For an answer that is no JSON object."""
    shown = excerpt(content) or "nothing"
    return AgentError(f"{model} answered no JSON object but: {shown}. Check the client's base_url", model=model)


def reported_usage(error: APIStatusError) -> object:
    """The ``usage`` in the whole error body; the SDK keeps only the part under ``error``."""
    if error.response.is_closed and not error.response.is_stream_consumed:
        return None  # closed before it was read, by a hook of the user's client
    return table(json_or_none(error.response.content)).get("usage")


def _refusal(error: APIStatusError) -> str:
    remedy = _REMEDIES.get(error.status_code, AGAIN)
    wait = error.response.headers.get("retry-after")
    after = f" (retry-after: {excerpt(wait, 40)})" if wait else ""
    return f"answered {error.status_code}{_code(error)}: {_message(error)}. {remedy}{after}"


def _code(error: APIError) -> str:
    code = error.code or text(error.type)
    where = f" at {error.param}" if text(error.param) else ""
    return f" ({excerpt(code, 80)}{where})" if code else ""


def _message(error: APIError) -> str:
    if isinstance(error.body, str):
        return excerpt(error.body) or "no body"
    return excerpt(text(table(error.body).get("message")) or error.message)


def _causes(error: BaseException) -> str:
    told: list[str] = []
    while (cause := error.__cause__) is not None and len(told) < 5:
        told.append(f", because of {type(cause).__name__}: {cause}")
        error = cause
    return "".join(told)
