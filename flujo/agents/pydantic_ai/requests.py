"""The model requests of one run, seen where Pydantic AI makes them: https://ai.pydantic.dev/capabilities/."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.usage import RequestUsage as Reported

from flujo.agents.outgoing import about_to_send
from flujo.agents.wire.failures import NOT_CHARGED
from flujo.agents.wire.reading import table, text
from flujo.agents.wire.usage import charged_usd, others_in, usage_of
from flujo.usage import RequestUsage, Usage

_KINDS = tuple(field.name for field in fields(Usage) if field.name != "requests")
_STANDARD_TIERS = ("auto", "default", "standard", "on_demand")


@runtime_checkable
class _SDKClient(Protocol):
    """The client of an SDK that Stainless generated: OpenAI's, Anthropic's, Groq's."""

    _client: Any

    @property
    def base_url(self) -> Any: ...


class Requests(AbstractCapability[Any]):
    """Keeps what each model request used, whatever becomes of its answer. One belongs to one run."""

    def __init__(self) -> None:
        self._made: list[RequestUsage] = []
        self._tiers: set[str] = set()

    @property
    def made(self) -> tuple[RequestUsage, ...]:
        return tuple(self._made)

    @property
    def price_context(self) -> str | None:
        return "+".join(sorted(self._tiers)) or None

    async def before_model_request(self, ctx: Any, request_context: ModelRequestContext) -> ModelRequestContext:
        model = request_context.model
        if model.base_url is not None:  # those that answer in process have none
            sdk = None if model.provider is None else model.provider.client
            goes_to = (sdk.base_url, sdk._client) if isinstance(sdk, _SDKClient) else (None, None)
            about_to_send(named(model.system, model.model_name), *goes_to)
        return request_context

    async def after_model_request(
        self, ctx: Any, *, request_context: ModelRequestContext, response: ModelResponse
    ) -> ModelResponse:
        details = table(response.provider_details)
        provider, model = response.provider_name, response.model_name
        own_tools = {tool.name for tool in request_context.model_request_parameters.output_tools}
        calls = [part for part in response.parts if isinstance(part, ToolCallPart) and part.tool_name not in own_tools]
        tier = text(details.get("service_tier"))
        if tier and tier not in _STANDARD_TIERS:
            self._tiers.add(tier)
        self._made.append(
            RequestUsage(
                usage=_usage(response.usage),
                model=named(provider or request_context.model.system, model or request_context.model.model_name),
                cost_usd=charged_usd(details),
                tool_calls=len(calls),
                other_usage=others_in(_besides(response.usage), ()),
            )
        )
        return response

    async def on_model_request_error(
        self, ctx: Any, *, request_context: ModelRequestContext, error: Exception
    ) -> ModelResponse:
        refused = isinstance(error, ModelHTTPError) and 400 <= error.status_code < 500
        model = request_context.model
        self._made.append(
            RequestUsage(
                usage=None,
                model=named(model.system, model.model_name),
                cost_usd=NOT_CHARGED if refused else None,
                outcome="error",
            )
        )
        raise error


def named(provider: str, model: str) -> str:
    return f"{provider}:{model}"


def _usage(reported: Reported) -> Usage | None:
    """Pydantic AI counts as we do. It has zeros where a provider reports nothing."""
    counts = {kind: vars(reported).get(kind) for kind in _KINDS}
    return usage_of(counts) if any(counts.values()) else None


def _besides(reported: Reported) -> dict[str, int | float | Decimal]:
    """What is no kind of token: details about tokens are parts of the counts."""
    details = {key: number for key, number in reported.details.items() if not key.endswith("_tokens")}
    return {**details, "audio_seconds": reported.audio_seconds}
