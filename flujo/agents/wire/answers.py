"""What comes back from a model, and what it says of its price."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from flujo.agents.wire.failures import AGAIN
from flujo.agents.wire.reading import Json, excerpt
from flujo.agents.wire.usage import Report
from flujo.errors import AgentError
from flujo.ports import AgentOutput
from flujo.usage import RequestOutcome, RequestUsage, Usage


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
    """What an answer says of its price; ``model`` is the one that answered.

    ``besides`` are requests that the provider made to other models for this answer.
    """

    model: str
    report: Report
    cost_usd: Decimal | None = None
    price_context: str | None = None
    besides: tuple[RequestUsage, ...] = ()

    @property
    def usage(self) -> Usage | None:
        return self.report.usage

    def output(self, value: object, tool_calls: int = 0) -> AgentOutput[object]:
        return AgentOutput(
            value,
            usage=self.usage,
            model=self.model,
            cost_usd=self.cost_usd,
            requests=self._requests("ok", tool_calls),
            price_context=self.price_context,
        )

    def failure(self, message: str) -> AgentError:
        """An error that books what the answer cost all the same."""
        return self.on(AgentError(f"{self.model} {message}", model=self.model))

    def half_a_stream(self) -> AgentError:
        return self.failure(f"broke off its stream before the answer was finished. {AGAIN}")

    def on(self, error: AgentError) -> AgentError:
        """``error`` with what was reported before it; unchanged if nothing was."""
        if self.usage is None and not self.report.others:
            return error
        return AgentError(
            str(error),
            usage=self.usage,
            model=self.model,
            cost_usd=self.cost_usd,
            requests=self._requests("error"),
            price_context=self.price_context,
        )

    def _requests(self, outcome: RequestOutcome, tool_calls: int = 0) -> tuple[RequestUsage, ...] | None:
        """None where usage, model and cost say it all."""
        if not (tool_calls or self.report.others or self.besides):
            return None
        request = RequestUsage(
            usage=self.usage,
            model=self.model,
            cost_usd=self.cost_usd,
            outcome=outcome,
            tool_calls=tool_calls,
            other_usage=self.report.others,
        )
        return (request, *self.besides)


def named(declared: str, model: str | None) -> str:
    """The model that answered; ``declared`` is the agent's ``provider:model``, for an answer that names none."""
    return f"{declared.partition(':')[0]}:{model}" if model else declared


def answered(
    texts: Sequence[str], calls: Sequence[ToolCall], items: Sequence[Json], speech: Speech, bill: Bill
) -> AgentOutput[object]:
    """A turn as an output: its tool calls, else what it said, else its own items (a file, an unfinished search)."""
    if calls:
        return bill.output(ToolCalls(tuple(calls), "".join(texts), tuple(items)), len(calls))
    if texts:
        return bill.output(speech.read("".join(texts), bill))
    if items:
        return bill.output(list(items))
    raise bill.failure(f"answered nothing. {AGAIN}")


@dataclass(frozen=True, slots=True)
class Speech:
    """How a model's text is read: as it is, or as the data that was asked for.

    ``forgiving`` hands broken JSON on as text, for an output type to reject it with the reason.
    """

    as_json: bool
    forgiving: bool

    def read(self, said: str, bill: Bill) -> object:
        if not self.as_json:
            return said
        try:
            return json.loads(said)
        except (ValueError, RecursionError) as error:
            if self.forgiving:
                return said
            raise bill.failure(
                f"was asked for JSON and wrote something else ({error}): {excerpt(said)}. "
                "Declare an output_type to have such an answer rejected and asked again"
            ) from error
