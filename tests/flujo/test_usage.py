"""Counts of a request: what is refused, what includes what, and how counts add up. Limits: what is one."""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flujo import AgentError, AgentOutput
from flujo.usage import NO_USAGE, RequestUsage, Usage, UsageLimits, added

FIELDS = [
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "output_reasoning_tokens",
    "input_audio_tokens",
    "cache_audio_read_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "requests",
]
FULL = Usage(
    input_tokens=1009,
    cache_read_tokens=101,
    cache_write_tokens=59,
    cache_write_1h_tokens=23,
    output_tokens=401,
    output_reasoning_tokens=37,
    input_audio_tokens=71,
    cache_audio_read_tokens=13,
    output_audio_tokens=29,
    input_image_tokens=43,
    requests=2,
)
LIMITS = [
    "total_cost_usd_limit",
    "input_tokens_limit",
    "output_tokens_limit",
    "total_tokens_limit",
    "request_limit",
    "tool_calls_limit",
]


def usages() -> st.SearchStrategy[Usage]:
    """Any consistent usage, built from parts that do not overlap."""
    parts = st.tuples(*[st.integers(0, 10**6)] * 10)

    def whole(part: tuple[int, ...]) -> Usage:
        plain, cached, cached_audio, write, write_1h, audio, image, text, reasoning, spoken = part
        return Usage(
            input_tokens=plain + cached + cached_audio + write + write_1h + audio + image,
            cache_read_tokens=cached + cached_audio,
            cache_write_tokens=write + write_1h,
            cache_write_1h_tokens=write_1h,
            input_audio_tokens=audio + cached_audio,
            cache_audio_read_tokens=cached_audio,
            input_image_tokens=image,
            output_tokens=text + reasoning + spoken,
            output_reasoning_tokens=reasoning,
            output_audio_tokens=spoken,
        )

    return parts.map(whole)


def test_the_counts_are_those_of_the_data_model() -> None:
    assert [field.name for field in dataclasses.fields(Usage)] == FIELDS


def test_a_usage_is_one_request_of_no_tokens_unless_it_says_otherwise() -> None:
    assert {field: getattr(Usage(), field) for field in FIELDS} == {**dict.fromkeys(FIELDS, 0), "requests": 1}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [True, 1.0, "1", None, Decimal(1)])
def test_a_count_that_is_no_int_is_refused_with_its_name_and_value(field: str, value: object) -> None:
    with pytest.raises(TypeError) as refused:
        Usage(**{field: value})  # type: ignore[arg-type]
    assert str(refused.value) == f"{field} must be an int, not {type(value).__name__} {value!r}"


@pytest.mark.parametrize("field", FIELDS)
def test_a_negative_count_is_refused_with_its_name_and_value(field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field} must be at least 0, not -1$"):
        Usage(**{field: -1})


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"cache_read_tokens": 1}, "cache_read_tokens 1 + cache_write_tokens 0 is more than input_tokens 0"),
        ({"cache_write_tokens": 1}, "cache_read_tokens 0 + cache_write_tokens 1 is more than input_tokens 0"),
        (
            {"input_tokens": 5, "cache_read_tokens": 3, "cache_write_tokens": 3},
            "cache_read_tokens 3 + cache_write_tokens 3 is more than input_tokens 5",
        ),
        (
            {"input_tokens": 5, "cache_write_tokens": 2, "cache_write_1h_tokens": 3},
            "cache_write_1h_tokens 3 is more than cache_write_tokens 2",
        ),
        ({"input_tokens": 2, "input_audio_tokens": 3}, "input_audio_tokens 3 + input_image_tokens 0 is more"),
        ({"input_tokens": 2, "input_image_tokens": 3}, "input_audio_tokens 0 + input_image_tokens 3 is more"),
        (
            {
                "input_tokens": 9,
                "input_audio_tokens": 9,
                "cache_read_tokens": 2,
                "cache_audio_read_tokens": 3,
            },
            "cache_audio_read_tokens 3 is more than cache_read_tokens 2",
        ),
        (
            {
                "input_tokens": 9,
                "input_audio_tokens": 2,
                "cache_read_tokens": 9,
                "cache_audio_read_tokens": 3,
            },
            "cache_audio_read_tokens 3 is more than input_audio_tokens 2",
        ),
        (
            {"output_tokens": 2, "output_reasoning_tokens": 3},
            "output_reasoning_tokens 3 is more than output_tokens 2",
        ),
        (
            {"output_tokens": 2, "output_audio_tokens": 3},
            "output_audio_tokens 3 is more than output_tokens 2",
        ),
    ],
)
def test_a_child_larger_than_its_parent_is_refused(counts: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        Usage(**counts)
    assert str(refused.value).startswith(told)


def test_children_may_be_all_of_their_parent() -> None:
    usage = Usage(input_tokens=9, cache_read_tokens=4, cache_write_tokens=5, output_tokens=3, output_reasoning_tokens=3)
    assert usage.total_tokens == 12


def test_a_sum_has_every_count_of_both() -> None:
    doubled = FULL + FULL
    assert {field: getattr(doubled, field) for field in FIELDS} == {field: 2 * getattr(FULL, field) for field in FIELDS}


def test_one_usage_alone_is_its_own_sum_and_none_is_no_usage() -> None:
    assert (added([FULL]), added([])) == (FULL, NO_USAGE)


class Tokens(int):
    """A user's own kind of int."""


def test_a_kind_of_int_is_a_count() -> None:
    assert Usage(input_tokens=Tokens(3)) == Usage(input_tokens=3)


def test_total_tokens_count_a_child_only_once() -> None:
    assert FULL.total_tokens == 1009 + 401


@given(st.lists(usages(), max_size=20))
def test_usages_add_up_in_any_order(parts: list[Usage]) -> None:
    assert sum(parts, NO_USAGE) == sum(reversed(parts), NO_USAGE)


def test_adding_no_usage_changes_nothing() -> None:
    assert FULL + NO_USAGE == FULL


def test_a_usage_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.input_tokens = 0  # type: ignore[misc]


def test_a_request_without_usage_says_that_it_is_absent() -> None:
    assert RequestUsage(usage=None).usage_source == "absent"


def test_a_request_that_used_nothing_is_not_absent() -> None:
    assert RequestUsage(usage=Usage()).usage_source == "provider"


def test_a_usage_that_is_there_cannot_be_absent() -> None:
    with pytest.raises(ValueError, match=r"^usage_source is 'absent', but there is a usage: Usage"):
        RequestUsage(usage=Usage(), usage_source="absent")


def test_the_cost_that_a_provider_reports_is_kept_exactly() -> None:
    assert RequestUsage(usage=None, cost_usd=Decimal("0.10")).cost_usd == Decimal("0.1")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"cost_usd": 0.1}, "cost_usd must be a Decimal, .* not float 0.1"),
        ({"cost_usd": Decimal(-1)}, "cost_usd must be at least 0, not -1"),
        ({"tool_calls": -1}, "tool_calls must be at least 0, not -1"),
        ({"other_usage": (("searches", Decimal(-1)),)}, "other_usage 'searches' must be at least 0, not -1"),
        ({"other_usage": (("searches", 0.5),)}, "other_usage 'searches' must be a Decimal, .* not float 0.5"),
    ],
)
def test_what_a_request_cannot_have_cost_is_refused(fields: dict[str, object], error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        RequestUsage(usage=None, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [Decimal("0.50"), "0.5", "0.50"])
def test_a_cost_limit_is_exact(value: Decimal | str) -> None:
    assert UsageLimits(total_cost_usd_limit=value).total_cost_usd_limit == Decimal("0.5")


def test_no_limit_is_set_unless_given() -> None:
    assert [getattr(UsageLimits(), field) for field in LIMITS] == [None] * 6


@pytest.mark.parametrize("field", LIMITS)
def test_a_limit_of_0_is_a_limit(field: str) -> None:
    assert getattr(UsageLimits(**{field: 0}), field) == 0


@pytest.mark.parametrize("field", LIMITS)
@pytest.mark.parametrize("value", [0.5, True])
def test_a_limit_that_is_a_float_or_a_bool_is_refused(field: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{field} must be .* not {type(value).__name__} {value}"):
        UsageLimits(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", LIMITS)
def test_a_negative_limit_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field} must be at least 0, not -1$"):
        UsageLimits(**{field: -1})


def test_equal_limits_are_equal_and_can_be_varied() -> None:
    limits = UsageLimits(total_cost_usd_limit="0.50", request_limit=3)
    assert dataclasses.replace(limits, request_limit=5) == UsageLimits(total_cost_usd_limit="0.5", request_limit=5)


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ({"usage": {"input_tokens": 3}}, "usage must be a Usage, not dict {'input_tokens': 3}"),
        ({"model": 3}, "model must be text such as 'openai:gpt-4o', not 3"),
        ({"cost_usd": 0.1}, "cost_usd must be a Decimal, not float 0.1"),
        ({"requests": ("one",)}, "requests must be a tuple of RequestUsage, not 'one'"),
        ({"requests": 3}, "requests must be a tuple of RequestUsage, not 3"),
    ],
)
def test_a_report_that_could_not_be_booked_is_refused(report: dict[str, Any], message: str) -> None:
    for kind in (AgentOutput, AgentError):
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            kind("x", **report)
