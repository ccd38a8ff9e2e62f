"""What a validation plugin must keep to, as tests to inherit: subclass ``PluginConformance``.

Each test says in its failure what the contract is.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import anyio
import pytest

from flujo import Draft, Flujo, PipelineContext, PipelineDefinitionError, PluginOutcome, Rejection, Step, Usage
from flujo.binding import OUTPUT_TYPE, NotAnAgent, bind_agent, bind_plugin
from flujo.events import Judged
from flujo.isolation import private_copy
from flujo.pipeline import name_problems
from flujo.structure import MISSING, Same
from flujo_testing.conformance.contract import broken, check_meter, counts, shown
from flujo_testing.conformance.interruption import went_on
from flujo_testing.conformance.sharing import shared_parts
from flujo_testing.conservation import check_conservation

JUDGES: Final = "a plugin awaits its verdict and returns it as a PluginOutcome, whose success is True or False"
FITS: Final = "a plugin fits into a step and judges every output there"
APART: Final = "a verdict depends on its draft alone, whatever the plugin judges before or meanwhile"


class PluginConformance:
    """The contract of plugins. Subclass it as ``class TestMyPlugin(PluginConformance)`` and define the makers.

    The plugins that ``make_plugin`` makes judge every output at least twice, at once or in virtual time, and never ask
    a real provider.
    """

    pytestmark = pytest.mark.anyio

    def make_plugin(self) -> Any:
        """A new plugin."""
        raise NotImplementedError(f"{type(self).__name__} must define make_plugin(self)")

    def accepts(self) -> Sequence[Any]:
        """New outputs that it accepts; an empty list says that it accepts none."""
        raise NotImplementedError(f"{type(self).__name__} must define accepts(self)")

    def rejects(self) -> Sequence[Any]:
        """New outputs that it rejects; an empty list says that it rejects none."""
        raise NotImplementedError(f"{type(self).__name__} must define rejects(self)")

    def usage_of(self, output: Any) -> Usage | None:
        """What judging this output uses; None where no model is asked."""
        return None

    def make_input(self) -> Any:
        """A new input of the step whose output is judged."""
        return {"topic": "rain"}

    def make_context(self) -> PipelineContext:
        """What a plugin that takes ``context`` is offered."""
        return PipelineContext()

    def make_resources(self) -> Any:
        """What a plugin that takes ``resources`` is offered."""
        return None

    async def test_it_can_be_asked(self) -> None:
        plugin = self.make_plugin()
        contract = "a plugin has 'async def validate(self, draft)', which may take context and resources by keyword"
        try:
            bound = bind_plugin(plugin)
            inspect.signature(bound.call).bind(None, **dict.fromkeys(bound.takes))
        except (NotAnAgent, TypeError) as error:
            raise broken(plugin, contract, str(error)) from error

    async def test_its_name_and_priority_are_sound(self) -> None:
        plugin, again = self.make_plugin(), self.make_plugin()
        name, priority = getattr(plugin, "name", None), getattr(plugin, "priority", None)
        contract = f"a plugin has a name that can stand in a path, without '/' and ':', and not '{OUTPUT_TYPE}'"
        if not isinstance(name, str) or name_problems(name) or name == OUTPUT_TYPE:
            raise broken(plugin, contract, f"its name is {shown(name)}")
        if type(priority) is not int:
            raise broken(plugin, "a plugin has a priority, a whole number", f"it is {shown(priority)}")
        for output in self._outputs():
            await self._outcome(plugin, output)
        contract = "name and priority never change: paths and the order of plugins are made of them"
        for changed in (plugin, again):
            if (changed.name, changed.priority) != (name, priority):
                text = f"{(name, priority)} became {(changed.name, changed.priority)}"
                raise broken(plugin, contract, text)

    async def test_it_judges_in_a_step_and_the_run_adds_up(self) -> None:
        for output in self._outputs():
            plugin, context = self.make_plugin(), self.make_context()
            try:
                step: Any = Step("agent", partial(_answer, output), plugins=[plugin], max_retries=0)
            except PipelineDefinitionError as error:
                raise broken(plugin, FITS, str(error)) from error
            runner = Flujo(step, context_model=type(context), resources=self.make_resources())
            result = await runner.run_async(self.make_input(), context_data=dict(context))
            for judged in result.transcript.of(Judged):
                if judged.crashed:
                    raise broken(plugin, FITS, f"on {shown(output)}: {judged.feedback}")
            check_conservation(result)

    async def test_it_answers_with_an_outcome(self) -> None:
        for output in self._outputs():
            plugin = self.make_plugin()
            outcome = await self._outcome(plugin, output)
            if type(outcome.success) is not bool:
                raise broken(plugin, JUDGES, f"success on {shown(output)} is {shown(outcome.success)}")
            if not isinstance(outcome.feedback, str | None):
                contract = "feedback is a text, or None: the next attempt is told it"
                raise broken(plugin, contract, f"on {shown(output)} it is {shown(outcome.feedback)}")

    async def test_it_accepts_and_rejects_what_it_should(self) -> None:
        for accepted, outputs in ((True, self.accepts()), (False, self.rejects())):
            for output in outputs:
                plugin = self.make_plugin()
                outcome = await self._outcome(plugin, output)
                if bool(outcome.success) is not accepted:
                    done = "rejects" if accepted else "accepts"
                    raise broken(plugin, "a plugin accepts and rejects as declared", f"it {done} {shown(output)}")

    async def test_a_rejection_says_why(self) -> None:
        for output in self.rejects():
            plugin = self.make_plugin()
            feedback = (await self._outcome(plugin, output)).feedback
            if not isinstance(feedback, str) or not feedback.strip():
                contract = "a rejection says why, because the next attempt is told nothing else"
                raise broken(plugin, contract, f"its feedback on {shown(output)} is {shown(feedback)}")

    async def test_a_new_solution_comes_with_an_acceptance(self) -> None:
        for output in self.rejects():
            plugin = self.make_plugin()
            outcome = await self._outcome(plugin, output)
            if outcome.replaces_output:
                contract = "a new solution belongs to an accepting outcome: that of a rejection is lost"
                raise broken(plugin, contract, f"it rejects {shown(output)} and offers {shown(outcome.new_solution)}")

    async def test_it_redirects_to_agents_only(self) -> None:
        for output in self._outputs():
            plugin = self.make_plugin()
            target = (await self._outcome(plugin, output)).redirect_to
            if target is None:
                continue
            try:
                bind_agent(target)
            except NotAnAgent as error:
                raise broken(plugin, "a plugin redirects to an agent, or to None", str(error)) from error

    async def test_it_leaves_its_draft_alone(self) -> None:
        for output in self._outputs():
            plugin, draft = self.make_plugin(), self._draft(output)
            before = copy.deepcopy(draft)
            await self._asked(plugin, draft)
            for part, was in before.items():
                if not Same()(was, now := draft.get(part, MISSING)):
                    contract = "a plugin changes nothing in its draft; what it would change is a new solution"
                    raise broken(plugin, contract, f"its {part} was {shown(was)} and became {shown(now)}")

    async def test_earlier_drafts_do_not_change_its_verdict(self) -> None:
        outputs = self._outputs()
        plugin = self.make_plugin()
        first = [verdict(await self._outcome(plugin, output)) for output in outputs]
        for output, before in zip(self._outputs(), first, strict=True):
            after = verdict(await self._outcome(plugin, output))
            if not Same()(before, after):
                raise broken(plugin, APART, f"on {shown(output)} it said {shown(before)}, later {shown(after)}")

    async def test_drafts_at_the_same_time_are_judged_apart(self) -> None:
        outputs = self._outputs()
        alone = [verdict(await self._outcome(self.make_plugin(), output)) for output in outputs]
        plugin = self.make_plugin()
        together: dict[int, Any] = {}

        async def judge(number: int, output: Any) -> None:
            together[number] = verdict(await self._outcome(plugin, output))

        if len(outputs) > 1:
            async with anyio.create_task_group() as tasks:
                for number, output in enumerate(self._outputs()):
                    tasks.start_soon(judge, number, output)
        for number, said in together.items():
            if not Same()(alone[number], said):
                text = f"on {shown(outputs[number])} it says {shown(alone[number])} alone, beside others {shown(said)}"
                raise broken(plugin, APART, text)

    async def test_its_outcomes_share_nothing(self) -> None:
        for output in self.accepts():
            plugin = self.make_plugin()
            first = (await self._outcome(plugin, output)).new_solution
            before = copy.deepcopy(first)
            second = (await self._outcome(plugin, copy.deepcopy(output))).new_solution
            contract = "a new solution belongs to the draft that it was given for, and no later call touches it"
            if not Same()(before, first):
                raise broken(plugin, contract, f"the second call changed {shown(before)} to {shown(first)}")
            if parts := shared_parts(first, second):
                raise broken(plugin, contract, f"two outcomes hold the same object: {shown(parts)}")

    async def test_its_usage_is_exact(self) -> None:
        for output in self._outputs():
            plugin = self.make_plugin()
            bound, used = bind_plugin(plugin), self.usage_of(output)
            outcome = await self._outcome(plugin, output)
            reported, model = outcome.usage, outcome.model
            if reported is not None and type(reported) is not Usage:
                raise broken(plugin, "usage is a flujo.Usage of whole numbers, or None", f"it is {shown(reported)}")
            if reported != used:
                contract = "a plugin reports what its verdict used, and None where it asked no model"
                text = f"on {shown(output)} it used {counts(used)} and reports {counts(reported)}"
                raise broken(plugin, contract, text)
            if used is not None and not (model or bound.meter is not None):
                raise broken(plugin, "usage comes with the model that it was paid for", f"its model is {shown(model)}")

    async def test_cancellation_gets_through(self) -> None:
        for output in self._outputs():
            plugin = self.make_plugin()
            outcome = await went_on(self._call(plugin, self._draft(output)))
            if outcome is not None:
                contract = "a plugin that is cancelled stops and lets the cancellation pass"
                raise broken(plugin, contract, outcome)

    async def test_what_it_declares_is_sound(self) -> None:
        plugin = self.make_plugin()
        check_meter(plugin, bind_plugin(plugin).meter, self._draft(self._outputs()[0]))

    def _outputs(self) -> list[Any]:
        outputs = [*self.accepts(), *self.rejects()]
        if not outputs:
            raise NotImplementedError(f"{type(self).__name__} must name an output that the plugin accepts or rejects")
        return outputs

    def _draft(self, output: Any) -> Draft:
        """The draft of a second attempt, so that there is feedback in it."""
        feedback = (Rejection("other", "too grey", 1),)
        return Draft(output=output, input=self.make_input(), attempt=2, feedback=feedback)

    async def _outcome(self, plugin: Any, output: Any) -> PluginOutcome:
        return await self._asked(plugin, self._draft(output))

    async def _asked(self, plugin: Any, draft: Draft) -> PluginOutcome:
        output = shown(draft["output"])
        try:
            outcome = await self._call(plugin, draft)
        except Exception as error:  # whatever a plugin raises
            raise broken(plugin, JUDGES, f"on {output} it raises {type(error).__name__}: {error}") from error
        if inspect.iscoroutine(outcome):
            outcome.close()
            raise broken(plugin, JUDGES, f"on {output} it returns a coroutine")
        if not isinstance(outcome, PluginOutcome):
            raise broken(plugin, JUDGES, f"on {output} it returns {shown(outcome)}")
        return outcome

    async def _call(self, plugin: Any, draft: Draft) -> Any:
        """What the plugin answers, asked as the engine does."""
        bound = bind_plugin(plugin)
        offers: dict[str, Any] = {"context": self.make_context(), "resources": self.make_resources()}
        return await bound.call(draft, **{name: offers[name] for name in bound.takes})


def verdict(outcome: PluginOutcome) -> tuple[object, ...]:
    """What of an outcome decides on the draft; who is redirected to counts by its kind."""
    return outcome.success, outcome.feedback, type(outcome.redirect_to), private_copy(outcome.new_solution)


async def _answer(output: Any, _: Any) -> Any:
    return output
