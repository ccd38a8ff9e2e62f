"""What the lint says to write holds the exact values of the run, where there is one run and it is known."""

from __future__ import annotations

import pytest

from flujo import Flujo, Step, Usage
from flujo_testing import ScriptedAgent, default_cost_model
from flujo_testing.lint.finding import Finding
from flujo_testing.lint.library import Library
from flujo_testing.lint.linter import lint_text
from flujo_testing.lint.origins import Origins
from flujo_testing.lint.values import filled_in, values_of
from tests.flujo_testing.lint.marked import NOWHERE, test_of

VALUES = {"status": '"failed"', "total_cost_usd": 'Decimal("0.00208")', "total_tokens": "320", "output": "None"}


def advised(body: str, *values: dict[str, str]) -> list[str]:
    def seen(findings: list[Finding], origins: Origins) -> list[Finding]:
        return filled_in(findings, {"test_rain": values}, origins)

    return [finding.write for finding in lint_text(test_of(body), NOWHERE, Library(), seen=seen).findings]


@pytest.mark.parametrize(
    ("claim", "write"),
    [
        ("result.total_cost_usd >= 0", 'assert result.total_cost_usd == Decimal("0.00208")'),
        ("result.total_tokens > 0", "assert result.total_tokens == 320"),
        ("result.status != 'completed'", 'assert result.status == "failed"'),
        ("not result.output", "assert result.output is None"),
    ],
)
def test_a_known_value_is_written_out(claim: str, write: str) -> None:
    assert advised(f"assert {claim}", VALUES, VALUES) == [write]


def test_a_value_that_passes_of_the_test_do_not_share_is_not() -> None:
    assert advised("assert result.total_tokens > 0", VALUES, {**VALUES, "total_tokens": "7"}) == [
        "assert result.total_tokens == <number>"
    ]


@pytest.mark.parametrize(
    "body",
    [
        "for result in [result]:\n    assert result.step_history[0].output",
        "step = result.step_history[0]\nassert step.output",
        "other = result\nassert other.output",
        "result = await flujo_run(PIPELINE, 'snow')\nassert result.output",
    ],
)
def test_a_value_of_something_else_is_not(body: str) -> None:
    (write,) = advised(body, VALUES)
    assert write.endswith('.output == "..."')


def test_the_values_are_those_of_the_run() -> None:
    writer = ScriptedAgent("it's rain", model="test:writer", usage=Usage(input_tokens=120, output_tokens=40))
    result = Flujo(Step("write", writer), cost_model=default_cost_model()).run("rain")
    assert values_of(result.transcript) == {
        "status": '"completed"',
        "output": '"it\'s rain"',
        "total_cost_usd": 'Decimal("0.00104")',
        "total_tokens": "160",
    }


def test_an_unknown_cost_and_a_long_output_are_left_out() -> None:
    agent = ScriptedAgent("rain " * 20, model="test:nobody", usage=Usage(input_tokens=7))
    result = Flujo(Step("write", agent)).run("rain")
    assert values_of(result.transcript) == {"status": '"completed"', "total_tokens": "7"}
