"""Faults of propagation: what attempts, plugins, fallbacks and steps are told, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from pydantic import ValidationError

from flujo import AgentError, AgentOutput, PipelineContext, laws
from flujo.events import RunStatus
from flujo.isolation import State
from flujo.ports import PluginOutcome, Rejection
from flujo_testing.faults.fault import Fault, Reach
from flujo_testing.faults.seams import Call, calling, is_agent, lying, noting, with_laws, with_output

GROUP = "propagation"
OUTPUT = "assert result.output == ..."
ATTEMPTS = "assert result.step_history[0].attempts == ..."
FEEDBACK = "assert agent.calls[1].feedback == (...)"
CONTEXT = "assert result.context == Context(...)"
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


A_DAY_S = 86_400


def _no_reason(outcome: PluginOutcome, plugin: str) -> str | None:
    return outcome.feedback if outcome.success else f"{plugin} gave no reason"


def _changed_input() -> tuple[Callable[..., str], Callable[[object], object]]:
    """What a retry was told, handed to the fallback of the same text."""
    told: dict[object, str] = {}

    def text_with_feedback(text: str, feedback: Sequence[Rejection]) -> str:
        told[text] = laws.text_with_feedback(text, feedback)
        return told[text]

    def input_for_fallback(original: object) -> object:
        return told.get(original, original) if isinstance(original, str) else original

    return text_with_feedback, input_for_fallback


def _fallback_told(reach: Reach) -> AbstractContextManager[object]:
    text, fallback = _changed_input()
    return with_laws({"text_with_feedback": text, "input_for_fallback": reach.counting(fallback)})


def _completed(reach: Reach) -> Callable[[RunStatus], RunStatus]:
    def status_of_run(status: RunStatus) -> RunStatus:
        if status != "failed":
            return status
        reach.note()
        return "completed"

    return status_of_run


def _none_for_errors(call: Call, reach: Reach) -> Call:
    async def asked(input: object, **offered: object) -> object:
        try:
            return await call(input, **offered)
        except AgentError as error:
            reach.note()
            return AgentOutput(None, error.usage, error.model, error.cost_usd, error.requests, error.price_context)
        except Exception:
            reach.note()
            return None

    return asked


def _input_as_output(call: Call, reach: Reach) -> Call:
    async def asked(input: object, **offered: object) -> object:
        answer = await call(input, **offered)
        reach.note()
        return with_output(answer, input)

    return asked


def _without_input(call: Call, reach: Reach) -> Call:
    async def asked(input: object, **offered: object) -> object:
        reach.note()
        return await call("" if isinstance(input, str) else None, **offered)

    return asked


def _fresh_context(state: State[Any]) -> PipelineContext:
    try:
        fresh: PipelineContext = State.begin(state.cls, {}).fork()
    except ValidationError:  # its model has no defaults to begin with
        fresh = state.fork()
    return fresh


PROPAGATION = (
    Fault(
        "swallow_feedback", GROUP, "P1", "The reason that a plugin gives for its rejection is lost.",
        "laws.feedback_of", FEEDBACK, lying(feedback_of=_no_reason),
    ),
    Fault(
        "feedback_not_sent", GROUP, "P1", "The next attempt is not told why the last one was rejected.",
        "laws.feedback_for_attempt", FEEDBACK, lying(feedback_for_attempt=lambda rejections: ()),
    ),
    Fault(
        "feedback_of_earlier_attempt", GROUP, "P1", "The next attempt is told why an earlier one was rejected.",
        "laws.feedback_for_attempt", FEEDBACK, lying(feedback_for_attempt=_latest_but_one),
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
        "laws.loop_of", "assert len(agent.calls) == ...", lying(loop_of=_hops_only),
    ),
    Fault(
        "retry_one_too_few", GROUP, "P1", "A step gives up one attempt too early.",
        "laws.attempts_allowed", 'assert result.status == "completed"',
        lying(attempts_allowed=lambda max_retries: max(max_retries, 1)),
    ),
    Fault(
        "retry_one_too_many", GROUP, "P1", "A step makes one attempt more than it may.",
        "laws.attempts_allowed", ATTEMPTS, lying(attempts_allowed=lambda max_retries: max_retries + 2),
    ),
    Fault(
        "plugin_exception_accepts", GROUP, "P5", "A plugin that raises, hangs or gives no outcome accepts.",
        "laws.verdict_of_crash", 'assert result.status == "failed"',
        lying(verdict_of_crash=lambda reason: PluginOutcome(True, reason)),
    ),
    Fault(
        "timeout_ignored", GROUP, "P6", "A call goes on after its timeout.",
        "laws.timeout_of", 'assert result.status == "failed"',
        lying(timeout_of=lambda timeout_s: timeout_s + A_DAY_S),
    ),
    Fault(
        "fallback_gets_changed_input", GROUP, "P7", "The fallback gets what the last attempt was told.",
        "laws.input_for_fallback", "assert [call.input for call in agent.calls] == [...]", _fallback_told,
    ),
    Fault(
        "success_always_true", GROUP, "P8", "A run that failed says that it completed.",
        "laws.status_of_run", 'assert result.status == "failed"', noting(status_of_run=_completed),
    ),
    Fault(
        "exception_becomes_none", GROUP, "P8", "What an agent raises is taken for the output None.",
        "door", 'assert result.status == "failed"', calling(is_agent, _none_for_errors),
    ),
    Fault(
        "previous_output_returned", GROUP, "C8", "A step hands on what the step before it returned.",
        "door", OUTPUT, calling(is_agent, _input_as_output),
    ),
    Fault(
        "context_not_forwarded", GROUP, "C2", "Each attempt begins with a fresh context.",
        "laws.context_for_attempt", CONTEXT, lying(context_for_attempt=_fresh_context),
    ),
    Fault(
        "input_not_forwarded", GROUP, "C8", "Agents are asked without their input.",
        "door", OUTPUT, calling(is_agent, _without_input),
    ),
    Fault(
        "branch_input_lost", GROUP, "P8", "Branches do not get the input of their parallel step.",
        "laws.input_of_branches", OUTPUT, lying(input_of_branches=lambda value: None),
    ),
    Fault(
        "retry_any_error", GROUP, "P1", "Errors that retry_on leaves out are retried, too.",
        "laws.retries_error", ATTEMPTS, lying(retries_error=lambda error, retry_on: True),
    ),
)  # fmt: skip
