"""Amounts: what cannot be is refused, and what is unknown is told beside what is known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flujo.execution.amount import Amount, known
from flujo.usage import Usage
from tests.flujo.execution.budgets import UNBOUNDED


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"cost_usd": 0.1}, "cost_usd must be a Decimal, a text or an int, not float 0.1"),
        ({"cost_usd": Decimal(-1)}, "cost_usd must be at least 0, not -1"),
        ({"input_tokens": -1}, "input_tokens must be at least 0, not -1"),
        ({"tool_calls": True}, "tool_calls must be an int, not bool True"),
    ],
)
def test_an_amount_that_cannot_be_is_refused(fields: dict[str, object], told: str) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        Amount(**{"cost_usd": None, "input_tokens": 0, "output_tokens": 0, **fields})  # type: ignore[arg-type]
    assert str(refused.value).startswith(told)


def test_what_is_known_of_amounts_adds_up_and_what_one_does_not_know_is_named() -> None:
    amount = Amount.of(Usage(input_tokens=3, output_tokens=5, requests=2), Decimal("0.7"), tool_calls=11)
    lost = Amount.of(None, None)
    sums = {"input_tokens": 6, "output_tokens": 10, "total_tokens": 16, "requests": 5, "tool_calls": 22}
    lacking = {"cost_usd", "input_tokens", "output_tokens", "total_tokens"}
    assert known((amount, lost, amount)) == ({"cost_usd": Decimal("1.4"), **sums}, lacking)
    assert known((amount,)) == (amount.quantities(), set())
    assert known(()) == (dict.fromkeys(sums | {"cost_usd": 0}, Decimal(0)), set())
    assert (amount.total_tokens, UNBOUNDED.total_tokens) == (8, None)


def test_of_a_request_without_a_usage_its_cost_and_its_tools_are_known() -> None:
    amount = Amount.of(None, Decimal("0.7"), tool_calls=11)
    assert amount == Amount(cost_usd=Decimal("0.7"), input_tokens=None, output_tokens=None, requests=1, tool_calls=11)
