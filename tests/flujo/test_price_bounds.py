"""The most that a request may cost, before anybody knows its kinds of tokens."""

from __future__ import annotations

import pytest

from flujo.errors import MissingUnitPrice
from flujo.prices import Price, Tier
from tests.flujo.priced import EVERY_KIND, TIERED, most


def test_a_bound_is_the_input_and_all_of_the_output() -> None:
    assert most(Price(input="3", cache_read="2", output="17"), 41, 100) == 41 * 3 + 100 * 17


def test_a_bound_takes_the_dearest_kind_since_nobody_knows_the_kinds_beforehand() -> None:
    assert most(EVERY_KIND, 41, 100) == 41 * 307 + 100 * 503


def test_a_bound_is_at_the_tier_that_the_input_reaches() -> None:
    assert [most(TIERED, 200, 10), most(TIERED, 201, 10)] == [200 * 5 + 170, 201 * 7 + 290]


def test_a_bound_counts_a_dearer_tier_below() -> None:
    assert most(Price(input="7", tiers=[Tier(above_input_tokens=100, input="3")]), 101, 0) == 101 * 7


def test_a_bound_is_that_of_the_context() -> None:
    assert most(Price(input="3", contexts={"batch": Price(input="2")}), 100, 0, "batch") == 200


def test_a_bound_without_a_price_is_an_error() -> None:
    with pytest.raises(MissingUnitPrice, match="has 10 output tokens and no price for output"):
        most(Price(input="3"), 10, 10)


@pytest.mark.parametrize("counts", [(-1, 0), (0, -1)])
def test_a_bound_of_negative_tokens_is_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="put_tokens must be at least 0, not -1"):
        most(EVERY_KIND, *counts)
