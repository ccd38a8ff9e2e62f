"""What an agent must keep to, as tests to inherit: subclass ``AgentConformance`` and say how to make your
agent.

Each test says in its failure what the contract is.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Generator, Mapping
from decimal import Decimal
from typing import Any, Final

import pytest

from flujo import AgentOutput, Flujo, PipelineContext, RequestUsage, Step, Usage
from flujo.binding import BoundAgent, NotAnAgent, bind_agent, takes_input
from flujo.structure import Same
from flujo_testing.conformance.contract import broken, check_meter, shown
from flujo_testing.conformance.interruption import went_on
from flujo_testing.conformance.sharing import shared_parts
from flujo_testing.conservation import check_conservation

IS_AWAITED: Final = "an agent awaits its answer and returns it as a value"
STOPS: Final = "an agent that is cancelled stops and lets the cancellation pass"


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

    def make_context(self) -> PipelineContext:
        """What an agent that takes ``context`` is offered."""
        return PipelineContext()

    def make_resources(self) -> Any:
        """What an agent that takes ``resources`` is offered."""
        return None

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
        agent, context = self.make_agent(), self.make_context()
        try:
            step: Any = Step("agent", agent, max_retries=0)
            runner = Flujo(step, context_model=type(context), resources=self.make_resources())
            result = await runner.run_async(self.make_input(), context_data=dict(context))
        except Exception as error:  # whatever the agent did to the run
            raise broken(agent, "an agent fits into a step", f"{type(error).__name__}: {error}") from error
        if result.status != "completed":
            raise broken(agent, IS_AWAITED, str(result.error))
        check_conservation(result)

    async def test_it_leaves_its_input_and_settings_alone(self) -> None:
        agent, given, settings = self.make_agent(), self.make_input(), {"temperature": 0, "stop": ["."]}
        before = copy.deepcopy((given, settings))
        await self._ask(agent, given, settings)
        if not Same()(before, (given, settings)):
            text = f"{before} became {(given, settings)}"
            raise broken(agent, "an agent changes neither its input nor its settings", text)

    async def test_its_answers_share_nothing(self) -> None:
        agent = self.make_agent()
        first = value_of(await self._ask(agent, self.make_input()))
        before = copy.deepcopy(first)
        second = value_of(await self._ask(agent, self.make_input()))
        contract = "an answer belongs to the call that it was given to, and no later call touches it"
        if not Same()(before, first):
            raise broken(agent, contract, f"the second call changed the first answer from {before} to {first}")
        if parts := shared_parts(first, second):
            raise broken(agent, contract, f"two answers hold the same object: {parts}")

    async def test_what_it_reports_is_exact(self) -> None:
        agent = self.make_agent()
        for what, problem in report_problems(await self._ask(agent, self.make_input())):
            raise broken(agent, f"{what}, because money is computed from it", problem)

    async def test_it_does_not_guess_usage(self) -> None:
        agent = self.make_silent_agent()
        answer = await self._ask(agent, self.make_input())
        reported = [request.usage for request in requests_of(answer) if request.usage_source == "provider"]
        if guessed := [usage for usage in reported if usage is not None]:
            contract = "usage that the provider does not report is None; zero is an answer of the provider"
            raise broken(agent, contract, f"it reports {guessed[0]}")

    async def test_cancellation_gets_through(self) -> None:
        agent = self.make_agent()
        outcome = await went_on(self._ask(agent, self.make_input()))
        if outcome is not None:
            raise broken(agent, STOPS, outcome)

    async def test_what_it_declares_is_sound(self) -> None:
        agent = self.make_agent()
        check_meter(agent, bind_agent(agent).meter, self.make_input())

    async def test_its_stream_is_text_with_the_answer_last(self) -> None:
        agent = self.make_agent()
        bound = bind_agent(agent)
        if bound.stream is None:
            return
        items = [item async for item in bound.stream(self.make_input(), **self._offered_to(bound, {}))]
        contract = "a stream is pieces of text; the last item may be an AgentOutput, which holds all of them"
        end = items.pop() if items and isinstance(items[-1], AgentOutput) else None
        if wrong := [item for item in items if not isinstance(item, str)]:
            raise broken(agent, contract, f"it streams {shown(wrong[0])}")
        if end is not None and items and "".join(items) != end.output:
            raise broken(agent, contract, f"its pieces are {shown(''.join(items))}, its answer {shown(end.output)}")

    async def _ask(self, agent: Any, given: Any, settings: Mapping[str, Any] | None = None) -> Any:
        """The answer, asked for as the engine does."""
        bound = bind_agent(agent)
        answer = await bound.call(given, **self._offered_to(bound, settings or {}))
        if inspect.iscoroutine(answer):
            answer.close()
            raise broken(agent, IS_AWAITED, "it returns a coroutine")
        return answer

    def _offered_to(self, bound: BoundAgent, settings: Mapping[str, Any]) -> dict[str, Any]:
        offers = {
            "context": self.make_context(),
            "resources": self.make_resources(),
            "feedback": (),
            "settings": settings,
        }
        return {name: offer for name, offer in offers.items() if name in bound.takes}


def value_of(answer: Any) -> Any:
    return answer.output if isinstance(answer, AgentOutput) else answer


# What can be wrong ------------------------------------------------------------------------------------------


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
