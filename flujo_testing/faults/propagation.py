"""Faults of propagation: what attempts, plugins, fallbacks and steps are told, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flujo import laws
from flujo.ports import PluginOutcome, Rejection
from flujo_testing.faults.fault import Fault
from flujo_testing.faults.seams import lying

GROUP = "propagation"
OUTPUT = "assert result.output == ..."
CALLS = "assert agent.calls == [...]"
GOLDEN = "golden.check(result)"


def _latest_but_one(rejections: tuple[Rejection, ...]) -> tuple[Rejection, ...]:
    return rejections[-2:-1] or rejections


def _but_the_last(plugins: Sequence[Any], priority: Callable[[Any], int]) -> list[Any]:
    return laws.plugins_in_order(plugins, priority)[:-1]


def _reversed(plugins: Sequence[Any], priority: Callable[[Any], int]) -> list[Any]:
    return laws.plugins_in_order(plugins, priority)[::-1]


def _hops_only(asked: Sequence[object], target: object) -> str | None:
    """A circle goes unnoticed until it is too long."""
    return laws.loop_of([object() for _ in asked], target)


PROPAGATION = (
    Fault(
        "feedback_not_sent", GROUP, "P1", "The next attempt is not told why the last one was rejected.",
        "laws.feedback_for_attempt", CALLS, lying(feedback_for_attempt=lambda rejections: ()),
    ),
    Fault(
        "feedback_of_earlier_attempt", GROUP, "P1", "The next attempt is told why an earlier one was rejected.",
        "laws.feedback_for_attempt", CALLS, lying(feedback_for_attempt=_latest_but_one),
    ),
    Fault(
        "plugin_skipped", GROUP, "P2", "The last plugin of a step is not asked.",
        "laws.plugins_in_order", OUTPUT, lying(plugins_in_order=_but_the_last),
    ),
    Fault(
        "plugins_reversed", GROUP, "P2", "Plugins run in reverse order.",
        "laws.plugins_in_order", GOLDEN, lying(plugins_in_order=_reversed),
    ),
    Fault(
        "new_solution_ignored", GROUP, "P3", "The new solution of an accepting plugin does not replace the output.",
        "laws.output_after", OUTPUT, lying(output_after=lambda output, outcome: output),
    ),
    Fault(
        "redirect_ignored", GROUP, "P4", "A plugin's redirect is not followed.",
        "laws.redirect_of", OUTPUT, lying(redirect_of=lambda outcome: None),
    ),
    Fault(
        "redirect_loop_unchecked", GROUP, "P4", "Redirects in a circle go on until there are too many of them.",
        "laws.loop_of", "assert agent.calls == [...]", lying(loop_of=_hops_only),
    ),
    Fault(
        "retry_one_too_few", GROUP, "P1", "A step gives up one attempt too early.",
        "laws.attempts_allowed", 'assert result.status == "completed"',
        lying(attempts_allowed=lambda max_retries: max(max_retries, 1)),
    ),
    Fault(
        "retry_one_too_many", GROUP, "P1", "A step makes one attempt more than it may.",
        "laws.attempts_allowed", CALLS, lying(attempts_allowed=lambda max_retries: max_retries + 2),
    ),
    Fault(
        "plugin_exception_accepts", GROUP, "P5", "A plugin that raises, hangs or gives no outcome accepts.",
        "laws.verdict_of_crash", 'assert result.status == "failed"',
        lying(verdict_of_crash=lambda reason: PluginOutcome(True, reason)),
    ),
)  # fmt: skip
