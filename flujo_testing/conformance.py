"""What an agent must keep to, as tests to inherit: subclass ``AgentConformance`` and say how to make your
agent.

Each test says in its failure what the contract is. Needs pytest; the tests run on the backends of anyio's
plugin.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Coroutine, Generator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

import anyio
import pytest

from flujo import AgentOutput, Flujo, PipelineContext, RequestUsage, Step, Usage
from flujo.binding import BoundAgent, NotAnAgent, bind_agent, takes_input
from flujo.structure import ATOMS, Same
from flujo_testing.conservation import check_conservation

IS_AWAITED: Final = "an agent awaits its answer and returns it as a value"
STOPS: Final = "an agent that is cancelled stops and lets the cancellation pass"


class ConformanceError(AssertionError):
    """An agent breaks the contract; the message says which sentence of it, and how."""


class AgentConformance:
    """The contract of agents. Subclass it as ``class TestMyAgent(AgentConformance)`` and define the two
    makers.

    The agents that they make answer at least twice, at once or in virtual time, and never ask a real
    provider.
    """

    pytestmark = pytest.mark.anyio

    def make_agent(self) -> Any:
        """A new agent that reports usage, if it ever does."""
        raise NotImplementedError(f"{type(self).__name__} must define make_agent(self)")

    def make_silent_agent(self) -> Any:
        """A new agent of the same kind whose provider reports no usage."""
        raise NotImplementedError(f"{type(self).__name__} must define make_silent_agent(self)")

    def make_input(self) -> Any:
        """A new input that the agent can answer; one that can be changed in place tests more than a text."""
        return "rain"

    async def test_it_can_be_asked(self) -> None:
        agent = self.make_agent()
        contract = "an agent is an object with 'async run(input)' or a function of one input"
        try:
            bound = bind_agent(agent)
        except NotAnAgent as error:
            raise broken(agent, contract, str(error)) from error
        if why := takes_input(bound.call):
            raise broken(agent, contract, why)

    async def test_it_answers_in_a_step_and_the_run_adds_up(self) -> None:
        agent = self.make_agent()
        try:
            result = await Flujo(Step("agent", agent, max_retries=0)).run_async(self.make_input())
        except Exception as error:  # whatever the agent did to the run
            raise broken(agent, "an agent fits into a step", f"{type(error).__name__}: {error}") from error
        if result.status != "completed":
            raise broken(agent, IS_AWAITED, str(result.error))
        check_conservation(result)

    async def test_it_leaves_its_input_and_settings_alone(self) -> None:
        agent, given, settings = self.make_agent(), self.make_input(), {"temperature": 0, "stop": ["."]}
        before = copy.deepcopy((given, settings))
        await ask(bind_agent(agent), given, settings)
        if not Same()(before, (given, settings)):
            text = f"{before} became {(given, settings)}"
            raise broken(agent, "an agent changes neither its input nor its settings", text)

    async def test_its_answers_share_nothing(self) -> None:
        agent = self.make_agent()
        bound = bind_agent(agent)
        first = value_of(await ask(bound, self.make_input()))
        before = copy.deepcopy(first)
        second = value_of(await ask(bound, self.make_input()))
        contract = "an answer belongs to the call that it was given to, and no later call touches it"
        if not Same()(before, first):
            raise broken(agent, contract, f"the second call changed the first answer from {before} to {first}")
        if shared := mutable_parts(first).keys() & mutable_parts(second).keys():
            parts = [mutable_parts(first)[part] for part in shared]
            raise broken(agent, contract, f"two answers hold the same object: {parts}")

    async def test_what_it_reports_is_exact(self) -> None:
        agent = self.make_agent()
        for what, problem in report_problems(await ask(bind_agent(agent), self.make_input())):
            raise broken(agent, f"{what}, because money is computed from it", problem)

    async def test_it_does_not_guess_usage(self) -> None:
        agent = self.make_silent_agent()
        answer = await ask(bind_agent(agent), self.make_input())
        reported = [request.usage for request in requests_of(answer) if request.usage_source == "provider"]
        if guessed := [usage for usage in reported if usage is not None]:
            contract = "usage that the provider does not report is None; zero is an answer of the provider"
            raise broken(agent, contract, f"it reports {guessed[0]}")

    async def test_cancellation_gets_through(self) -> None:
        agent = self.make_agent()
        call = InterruptedCall(ask(bind_agent(agent), self.make_input()))
        outcome = None
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                outcome = f"it went on and answered {shown(await call)}"
            except ConformanceError:
                raise
            except Exception as error:  # whatever an agent makes of its cancellation
                outcome = f"it raised {type(error).__name__}: {error}"
        if call.interruptions and outcome is not None:
            raise broken(agent, STOPS, outcome)

    async def test_what_it_declares_is_sound(self) -> None:
        agent = self.make_agent()
        meter = bind_agent(agent).meter
        if meter is None:
            return
        contract = "a metered agent declares what its calls may use at most, in whole numbers"
        limits: dict[str, object] = {"max_requests": meter.max_requests}
        if meter.max_output_tokens is not None:
            limits["max_output_tokens"] = meter.max_output_tokens
        if meter.estimate_input is not None:
            limits["estimate_input(input)"] = meter.estimate_input(self.make_input())
        for name, limit in limits.items():
            if type(limit) is not int or limit < 0:
                raise broken(agent, contract, f"{name} is {shown(limit)}")
        if not meter.model:
            raise broken(agent, contract, "its model has no name")

    async def test_its_stream_is_text_with_the_answer_last(self) -> None:
        agent = self.make_agent()
        bound = bind_agent(agent)
        if bound.stream is None:
            return
        items = [item async for item in bound.stream(self.make_input(), **offered_to(bound, {}))]
        contract = "a stream is pieces of text; the last item may be an AgentOutput, which holds all of them"
        end = items.pop() if items and isinstance(items[-1], AgentOutput) else None
        if wrong := [item for item in items if not isinstance(item, str)]:
            raise broken(agent, contract, f"it streams {shown(wrong[0])}")
        if end is not None and items and "".join(items) != end.output:
            raise broken(agent, contract, f"its pieces are {shown(''.join(items))}, its answer {shown(end.output)}")


# Asking an agent as the engine does -----------------------------------------------------------------------


async def ask(bound: BoundAgent, given: Any, settings: Mapping[str, Any] | None = None) -> Any:
    answer = await bound.call(given, **offered_to(bound, settings or {}))
    if inspect.iscoroutine(answer):
        answer.close()
        raise broken(bound.source, IS_AWAITED, "it returns a coroutine")
    return answer


def offered_to(bound: BoundAgent, settings: Mapping[str, Any]) -> dict[str, Any]:
    offers = {"context": PipelineContext(), "resources": None, "feedback": (), "settings": settings}
    return {name: offer for name, offer in offers.items() if name in bound.takes}


def value_of(answer: Any) -> Any:
    return answer.output if isinstance(answer, AgentOutput) else answer


class InterruptedCall:
    """Awaits a call and counts how often a cancellation arrives in it."""

    def __init__(self, call: Coroutine[Any, Any, Any]) -> None:
        self.call = call
        self.interruptions = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        go_on: Callable[[], Any] = partial(self.call.send, None)
        while True:
            try:
                waiting_for = go_on()
            except StopIteration as end:
                return end.value
            try:
                reply = yield waiting_for
            except BaseException as thrown:  # so asyncio tells it
                self.interruptions += 1
                go_on = partial(self.call.throw, thrown)
            else:
                self.interruptions += isinstance(getattr(reply, "error", None), BaseException)  # so trio does
                go_on = partial(self.call.send, reply)


# What can be wrong ------------------------------------------------------------------------------------------


def broken(agent: object, contract: str, how: str) -> ConformanceError:
    return ConformanceError(f"{contract}; but with {shown(agent)}: {how}")


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def requests_of(answer: Any) -> tuple[RequestUsage, ...]:
    if not isinstance(answer, AgentOutput):
        return ()
    return (RequestUsage(usage=answer.usage),) if answer.requests is None else answer.requests


def report_problems(answer: Any) -> Generator[tuple[str, str]]:
    """What is wrong with the usage, model and cost that an answer reports, and the contract it breaks."""
    if not isinstance(answer, AgentOutput):
        return
    if type(answer.requests) not in (tuple, type(None)):
        yield "requests are a tuple of RequestUsage", f"they are {shown(answer.requests)}"
        return
    for request in answer.requests or ():
        if type(request) is not RequestUsage:
            yield "requests are a tuple of RequestUsage", f"one is {shown(request)}"
            return
    reports: tuple[AgentOutput[Any] | RequestUsage, ...] = (answer, *(answer.requests or ()))
    for report in reports:
        if report.usage is not None and type(report.usage) is not Usage:
            yield "usage is a flujo.Usage of whole numbers, or None", f"it is {shown(report.usage)}"
        if report.model is not None and not (type(report.model) is str and report.model):
            yield "a model is a text such as 'provider:model', or None", f"it is {shown(report.model)}"
        if report.cost_usd is not None and type(report.cost_usd) is not Decimal:
            yield "a cost is a Decimal, or None", f"it is {shown(report.cost_usd)}"


def mutable_parts(value: Any) -> dict[int, Any]:
    """Every list, dict, set and object with attributes within a value that copies are made of, by its id."""
    parts: dict[int, Any] = {}
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if type(part) in ATOMS or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            waiting += part
        elif is_copied(part):
            waiting += vars(part).values()
        else:
            continue
        if not isinstance(part, tuple | frozenset):
            parts[id(part)] = part
    return parts


def is_copied(part: object) -> bool:
    """Whether it has attributes and a deep copy of its own: an enum's member has none, nor has a lock."""
    try:
        return hasattr(part, "__dict__") and copy.deepcopy(part) is not part
    except Exception:  # whatever a user's __deepcopy__ raises
        return False
