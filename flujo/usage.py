"""What a model request used, and the limits a user sets. Plain data: no prices, no sums of money, no state.

The names of the counts are those of pydantic-ai and genai-prices. A parent includes its children
(``input_tokens`` includes ``cache_read_tokens``); adapters bring a provider's own way of counting into this
shape.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Literal

from flujo.money import usd

OtherUsage = tuple[tuple[str, Decimal], ...]
"""What was used besides the known kinds of tokens: the provider's name of it, and how much."""

UsageSource = Literal["provider", "estimate", "absent"]
Dimension = Literal["cost_usd", "input_tokens", "output_tokens", "total_tokens", "requests", "tool_calls"]
"""What a limit can be set for."""
RequestOutcome = Literal["ok", "error", "timeout", "cancelled", "in_doubt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Counts of one model request, or of several added up; all of them ints of at least 0.

    No usage at all is ``None`` where a Usage is expected; ``Usage()`` says that a request used nothing.
    TypeError for a bool or a float, ValueError for a negative count or a child larger than its parent.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    output_reasoning_tokens: int = 0
    input_audio_tokens: int = 0
    cache_audio_read_tokens: int = 0
    output_audio_tokens: int = 0
    input_image_tokens: int = 0
    requests: int = 1

    def __post_init__(self) -> None:
        counts = _counts_of(self)
        if set(map(type, counts)) != {int} or min(counts) < 0:
            for field, value in zip(_COUNTS, counts, strict=True):
                count(field, value)
        if any(_children_of(self)):
            for parent, children in _PARTS:
                self._check_parts(parent, children)

    def _check_parts(self, parent: str, children: tuple[str, ...]) -> None:
        whole = getattr(self, parent)
        parts = [getattr(self, child) for child in children]
        if sum(parts) > whole:
            told = " + ".join(f"{child} {part}" for child, part in zip(children, parts, strict=True))
            raise ValueError(f"{told} is more than {parent} {whole}: a parent count includes its children")

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """Every count added. Add up to show, never to price: tiers hold per request."""
        return added((self, other))


_COUNTS = tuple(Usage.__dataclass_fields__)
_counts_of = attrgetter(*_COUNTS)
_PARTS = (
    ("input_tokens", ("cache_read_tokens", "cache_write_tokens")),
    ("input_tokens", ("input_audio_tokens", "input_image_tokens")),
    ("cache_write_tokens", ("cache_write_1h_tokens",)),
    ("cache_read_tokens", ("cache_audio_read_tokens",)),
    ("input_audio_tokens", ("cache_audio_read_tokens",)),
    ("output_tokens", ("output_reasoning_tokens",)),
    ("output_tokens", ("output_audio_tokens",)),
)
_children_of = attrgetter(*sorted({child for _, children in _PARTS for child in children}))


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestUsage:
    """One of the model requests that an agent made within one call, in the order it made them.

    ``cost_usd`` is what the provider says it charged, where it says so. ``usage_source`` becomes ``absent``
    where there is no usage. ``other_usage`` is kept and told, but never priced: no table has prices for it.
    """

    usage: Usage | None
    model: str | None = None
    cost_usd: Decimal | None = None
    usage_source: UsageSource = "provider"
    outcome: RequestOutcome = "ok"
    tool_calls: int = 0
    other_usage: OtherUsage = ()

    def __post_init__(self) -> None:
        count("tool_calls", self.tool_calls)
        for name, amount in self.other_usage:
            not_negative(f"other_usage {name!r}", amount)
        check_report(self.usage, self.model)
        if self.usage is None:
            object.__setattr__(self, "usage_source", "absent")
        elif self.usage_source == "absent":
            raise ValueError(f"usage_source is 'absent', but there is a usage: {self.usage}")
        if self.cost_usd is not None:
            object.__setattr__(self, "cost_usd", not_negative("cost_usd", self.cost_usd))


@dataclass(frozen=True, slots=True, init=False)
class UsageLimits:
    """What one run, or one execution of a step, may use at most. None is no limit; 0 is a limit.

    TypeError for a float or a bool, ValueError for a negative limit.
    """

    total_cost_usd_limit: Decimal | None
    input_tokens_limit: int | None
    output_tokens_limit: int | None
    total_tokens_limit: int | None
    request_limit: int | None
    tool_calls_limit: int | None

    def __init__(
        self,
        *,
        total_cost_usd_limit: Decimal | str | int | None = None,
        input_tokens_limit: int | None = None,
        output_tokens_limit: int | None = None,
        total_tokens_limit: int | None = None,
        request_limit: int | None = None,
        tool_calls_limit: int | None = None,
    ) -> None:
        cost = total_cost_usd_limit
        counts = {
            "input_tokens_limit": input_tokens_limit,
            "output_tokens_limit": output_tokens_limit,
            "total_tokens_limit": total_tokens_limit,
            "request_limit": request_limit,
            "tool_calls_limit": tool_calls_limit,
        }
        exact = None if cost is None else not_negative("total_cost_usd_limit", cost)
        object.__setattr__(self, "total_cost_usd_limit", exact)
        for field, value in counts.items():
            object.__setattr__(self, field, None if value is None else count(field, value))


def count(field: str, value: object) -> int:
    """``value`` if it is an int of at least 0; TypeError or ValueError naming ``field`` if not."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{field} must be an int, not {type(value).__name__} {value!r}")
    if value < 0:
        raise ValueError(f"{field} must be at least 0, not {value}")
    return value


def not_negative(field: str, value: Decimal | str | int) -> Decimal:
    """The exact amount of ``value`` if it is at least 0; TypeError or ValueError naming ``field`` if not."""
    amount = usd(value, field)
    if amount < 0:
        raise ValueError(f"{field} must be at least 0, not {value}")
    return amount


NO_USAGE = Usage(requests=0)


def added(usages: Iterable[Usage]) -> Usage:
    """Every count of all of them added up; one alone is its own sum."""
    first, *others = [*usages] or [NO_USAGE]
    if not others:
        return first
    sums = map(sum, zip(_counts_of(first), *map(_counts_of, others), strict=True))
    return Usage(**dict(zip(_COUNTS, sums, strict=True)))


def check_report(usage: object, model: object, cost_usd: object = None, requests: object = None) -> None:
    """TypeError for a report of usage that could not be booked: it would be paid and never counted."""
    if usage is not None and not isinstance(usage, Usage):
        raise TypeError(f"usage must be a Usage, not {type(usage).__name__} {usage!r}")
    if model is not None and not isinstance(model, str):
        raise TypeError(f"model must be text such as 'openai:gpt-4o', not {model!r}")
    if cost_usd is not None and not isinstance(cost_usd, Decimal):
        raise TypeError(f"cost_usd must be a Decimal, not {type(cost_usd).__name__} {cost_usd!r}")
    if cost_usd is not None:
        not_negative("cost_usd", cost_usd)
    many = requests if isinstance(requests, tuple | list) else ([] if requests is None else [requests])
    if strangers := [request for request in many if not isinstance(request, RequestUsage)]:
        raise TypeError(f"requests must be a tuple of RequestUsage, not {strangers[0]!r}")
