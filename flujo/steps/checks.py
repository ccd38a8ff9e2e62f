"""What is wrong with a plain step by itself; what is wrong between steps is found by ``Pipeline.validate``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flujo.binding import OUTPUT_TYPE, NotAnAgent, bind_plugin, takes_input
from flujo.errors import Problem
from flujo.functions import why_not_plain
from flujo.pipeline import Part, limits_problems, name_problems
from flujo.steps.frozen import flag_problems, shape_problems

if TYPE_CHECKING:
    from flujo.steps.plain import Step

    AnyStep = Step[Any, Any]


ROWS = ("plugins", "input_processors", "output_processors")
MAPPINGS = ("settings", "meta")


def step_problems(step: AnyStep) -> Iterator[Problem]:
    path = str(step.name)
    yield from shape_problems(step, ROWS, MAPPINGS)
    yield from _agent_problems(path, step)
    yield from _plugin_problems(path, _row(step.plugins))
    yield from _number_problems(step)
    for processor in (*_row(step.input_processors), *_row(step.output_processors)):
        if why := why_not_plain(processor):
            text = f"the processor {processor!r} {why}"
            yield Problem("processor-not-plain", path, text, "Pass plain functions of one value.")
    if step.fallback is not None and not isinstance(step.fallback, Part):
        text = f"the fallback {step.fallback!r} is no step"
        yield Problem("fallback-not-a-step", path, text, "Pass fallback=Step(name, agent).")
    yield from flag_problems(path, "updates_context", step.updates_context)
    yield from limits_problems(path, step.usage_limits)


def _row(option: object) -> tuple[object, ...]:
    return option if isinstance(option, tuple) else ()


def _agent_problems(path: str, step: AnyStep) -> list[Problem]:
    fix = "Pass an async function, or an object with 'async def run(self, input)'."
    agent = step.agent
    if agent is None:
        return [Problem("agent-missing", path, "the step has no agent", fix)]
    try:
        bound = step.bound
    except NotAnAgent as error:
        return [Problem("agent-not-an-agent", path, str(error), fix)]
    except Exception as error:  # pydantic says in many ways that it cannot validate a type
        text = f"its output type cannot be validated ({error})"
        return [Problem("output-type-invalid", path, text, "Declare a type that pydantic can validate.")]
    call = getattr(agent, "run", None)
    if why := takes_input(call if callable(call) else agent):
        text = f"agent '{bound.name}' cannot be called with one input ({why})"
        return [Problem("agent-signature", path, text, "Let it take the input first and the rest by keyword.")]
    return []


def _plugin_problems(path: str, plugins: Sequence[object]) -> list[Problem]:
    problems, names = [], set()
    for plugin in plugins:
        try:
            bind_plugin(plugin)
        except NotAnAgent as error:
            problems.append(Problem("plugin-not-a-plugin", path, str(error), "Use @validator, or define validate."))
            continue
        name = getattr(plugin, "name", None)
        if not isinstance(name, str) or name_problems(name):
            text = f"plugin {plugin!r} has the name {name!r}"
            problems.append(Problem("plugin-name", path, text, "Give it a name without '/' and ':'."))
        elif name == OUTPUT_TYPE:
            text = f"a plugin is named '{OUTPUT_TYPE}', as the check of the agent's output type"
            problems.append(Problem("plugin-name", path, text, "Give it another name."))
        elif name in names:
            text = f"two plugins are named '{name}'"
            problems.append(
                Problem("plugin-duplicate", path, text, "Name them apart, or verdicts can't be told apart.")
            )
        if not isinstance(getattr(plugin, "priority", None), int):
            text = f"plugin '{name}' has no priority"
            problems.append(Problem("plugin-priority", path, text, "Give it 'priority: int = 0'."))
        names.add(name)
    return problems


def _number_problems(step: AnyStep) -> list[Problem]:
    problems = []
    if not isinstance(step.max_retries, int) or isinstance(step.max_retries, bool) or step.max_retries < 0:
        text = f"max_retries is {step.max_retries!r}"
        problems.append(Problem("retries-invalid", step.name, text, "Use a whole number from 0 up."))
    if step.timeout_s is not None and not (_is_number(step.timeout_s) and 0 < step.timeout_s < float("inf")):
        text = f"timeout_s is {step.timeout_s!r}"
        problems.append(Problem("timeout-invalid", step.name, text, "Use seconds above 0, or None for no limit."))
    kinds = step.retry_on if isinstance(step.retry_on, tuple) else (step.retry_on,)
    if not all(isinstance(kind, type) and issubclass(kind, Exception) for kind in kinds):
        text = f"retry_on is {step.retry_on!r}"
        problems.append(Problem("retry-on-invalid", step.name, text, "Use an exception class or a tuple of them."))
    if step.on_doubt not in ("retry", "ask", "fail"):
        text = f"on_doubt is {step.on_doubt!r}"
        problems.append(Problem("on-doubt-invalid", step.name, text, "Use 'retry', 'ask' or 'fail'."))
    if step.backoff is not None and (why := why_not_plain(step.backoff)):
        text = f"backoff {step.backoff!r} {why}"
        problems.append(Problem("backoff-invalid", step.name, text, "Use Backoff(initial_s=...) or a function."))
    return problems


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
