"""What a call may use or has used, in every dimension that a limit can be set for. Plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from flujo.money import ZERO, add
from flujo.usage import Dimension, Usage, UsageLimits, count, not_negative

LIMIT_FIELDS: Mapping[Dimension, str] = {
    "cost_usd": "total_cost_usd_limit",
    "input_tokens": "input_tokens_limit",
    "output_tokens": "output_tokens_limit",
    "total_tokens": "total_tokens_limit",
    "requests": "request_limit",
    "tool_calls": "tool_calls_limit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What a call may use at most, or has used. None: unknown, which for a bound means unbounded, never 0."""

    cost_usd: Decimal | None
    input_tokens: int | None
    output_tokens: int | None
    requests: int | None = 1
    tool_calls: int | None = 0

    def __post_init__(self) -> None:
        if self.cost_usd is not None:
            not_negative("cost_usd", self.cost_usd)
        for field in ("input_tokens", "output_tokens", "requests", "tool_calls"):
            value = getattr(self, field)
            if value is not None:
                count(field, value)

    @classmethod
    def of(cls, usage: Usage | None, cost_usd: Decimal | None, tool_calls: int = 0) -> Amount:
        """What one request reported; without a usage its tokens are unknown."""
        if usage is None:
            return cls(cost_usd=cost_usd, input_tokens=None, output_tokens=None, tool_calls=tool_calls)
        return cls(
            cost_usd=cost_usd,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            requests=usage.requests,
            tool_calls=tool_calls,
        )

    @property
    def total_tokens(self) -> int | None:
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    def quantities(self) -> dict[Dimension, Decimal | None]:
        """The amount in each dimension."""
        return {
            "cost_usd": self.cost_usd,
            "input_tokens": _decimal(self.input_tokens),
            "output_tokens": _decimal(self.output_tokens),
            "total_tokens": _decimal(self.total_tokens),
            "requests": _decimal(self.requests),
            "tool_calls": _decimal(self.tool_calls),
        }


def known(amounts: Iterable[Amount]) -> tuple[dict[Dimension, Decimal], set[Dimension]]:
    """What is known of all together, and the dimensions that one of them does not know."""
    sums: dict[Dimension, Decimal] = {}
    unknown: set[Dimension] = set()
    for amount in amounts:
        for dimension, quantity in amount.quantities().items():
            if quantity is None:
                unknown.add(dimension)
            else:
                sums[dimension] = add(sums[dimension], quantity) if dimension in sums else quantity
    return {dimension: sums.get(dimension, ZERO) for dimension in LIMIT_FIELDS}, unknown


def limits_by_dimension(limits: UsageLimits) -> dict[Dimension, Decimal]:
    """The limits that are set."""
    given = {dimension: getattr(limits, field) for dimension, field in LIMIT_FIELDS.items()}
    return {dimension: Decimal(limit) for dimension, limit in given.items() if limit is not None}


def zeros() -> dict[Dimension, Decimal]:
    """A fresh 0 in every dimension."""
    return dict.fromkeys(LIMIT_FIELDS, ZERO)


def unit_of(dimension: Dimension, shown: str) -> str:
    """What is counted in ``dimension``, behind the number ``shown``."""
    if dimension == "cost_usd":
        return "USD"
    words = dimension.replace("_", " ")
    return words.removesuffix("s") if shown == "1" else words


def _decimal(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)
