"""What comes back from a model, and what it says of its price."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

from flujo.agents.openai.failures import AGAIN
from flujo.agents.openai.wire import Json, charged_usd, excerpt, table, text
from flujo.errors import AgentError
from flujo.ports import AgentOutput
from flujo.usage import RequestUsage, Usage

# The tiers that are billed at the standard price: OpenAI's names and Groq's.
# https://platform.openai.com/docs/api-reference/chat/object, https://console.groq.com/docs/service-tiers
STANDARD_TIERS = frozenset({"auto", "default", "standard", "on_demand"})


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that the model asks for; ``arguments`` is what it wrote, unchecked (JSON for functions)."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """The output of an agent whose model asks for tools instead of (or besides) answering.

    ``text`` is what it said besides. ``items`` are the wire's own records of this turn: appended to the
    conversation that was sent, followed by the tools' results, they make the next request.
    """

    calls: tuple[ToolCall, ...]
    text: str
    items: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Bill:
    """What an answer says of its price; ``model`` is the one that answered."""

    model: str
    usage: Usage | None
    cost_usd: Decimal | None
    price_context: str | None

    def output(self, value: object, tool_calls: int = 0) -> AgentOutput[object]:
        request = RequestUsage(usage=self.usage, model=self.model, cost_usd=self.cost_usd, tool_calls=tool_calls)
        return AgentOutput(
            value,
            usage=self.usage,
            model=self.model,
            cost_usd=self.cost_usd,
            requests=(request,) if tool_calls else None,
            price_context=self.price_context,
        )

    def failure(self, message: str) -> AgentError:
        """An error that books what the answer cost all the same."""
        return self.on(AgentError(f"{self.model} {message}", model=self.model))

    def half_a_stream(self) -> AgentError:
        return self.failure(f"broke off its stream before the answer was finished. {AGAIN}")

    def on(self, error: AgentError) -> AgentError:
        """``error`` with what was reported before it; unchanged if nothing was."""
        if self.usage is None:
            return error
        return AgentError(str(error), usage=self.usage, model=self.model, cost_usd=self.cost_usd)


def bill_of(answer: Json, declared: str, usage: Usage | None) -> Bill:
    """``declared`` is the agent's own ``provider:model``, which counts where the answer names no model."""
    provider = declared.partition(":")[0]
    model, tier = text(answer.get("model")), text(answer.get("service_tier"))
    return Bill(
        model=f"{provider}:{model}" if model else declared,
        usage=usage,
        cost_usd=charged_usd(table(answer.get("usage"))),
        price_context=None if tier in STANDARD_TIERS else tier,
    )


def asks_for_json(form: object) -> bool:
    """Whether ``response_format``, or ``text.format``, asks for JSON."""
    return table(form).get("type") in ("json_schema", "json_object")


def spoken(said: str, *, as_json: bool, forgiving: bool, bill: Bill) -> object:
    """The model's text, or the data in it where JSON was asked for.

    ``forgiving`` hands broken JSON on as text, for an output type to reject it with the reason.
    """
    if not as_json:
        return said
    try:
        return json.loads(said)
    except (ValueError, RecursionError) as error:
        if forgiving:
            return said
        raise bill.failure(
            f"was asked for JSON and wrote something else ({error}): {excerpt(said)}. "
            "Declare an output_type to have such an answer rejected and asked again"
        ) from error
