"""Makes real steps of a pipeline that is data: agents and plugins that play their parts by the path of their ask."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import anyio

from flujo import (
    AgentError,
    AgentOutput,
    BranchFailureStrategy,
    Draft,
    MergeStrategy,
    Pipeline,
    PipelineContext,
    PluginOutcome,
    Price,
    PriceTable,
    Rejection,
    Step,
    Usage,
    UsageLimits,
)
from flujo.execution.budget import Budget
from flujo.execution.frame import Frame
from flujo.stores.memory import MemoryCache
from flujo.usage import RequestUsage
from tests.oracle import deeds
from tests.oracle.pipelines import (
    TIMEOUT_S,
    Agent,
    Cached,
    Conditional,
    Human,
    Limits,
    Loop,
    Map,
    Nested,
    Parallel,
    Part,
    Pay,
    Plain,
    Plugin,
    Rule,
)

PRICES = PriceTable({"m:a": Price(input="3", output="17"), "m:b": Price(input="5", output="11")})


class Ctx(PipelineContext):
    log: list[str] = []
    notes: dict[str, str] = {}
    pages: dict[str, list[str]] = {}
    winner: str = ""
    count: int = 0


def this_ask() -> tuple[str, Budget | None]:
    """The path at which whoever calls this was asked, and the budget that the ask draws on.

    Both are read off the stack, so that nobody needs to listen to the run.
    """
    above: Any = sys._getframe(1)
    while above.f_code is not Frame.ask.__code__:  # nobody else asks agents and plugins
        above = above.f_back
    return above.f_locals["place"].path, above.f_locals["purse"].budget


class Player:
    """An agent that does what its description says. ``run`` takes what the description takes."""

    def __init__(self, told: Agent, building: Building) -> None:
        self.name = told.name
        self.identity = repr(told)
        self.told = told
        self.building = building
        self.run = self._run()
        if told.metered is not None:
            self.model, self.max_requests = told.metered, told.requests
            if told.most is not None:
                most, self.max_output_tokens = told.most
                self.estimate_input = lambda x: most

    def _run(self) -> Callable[..., Any]:
        async def with_both(x: Any, *, context: Ctx, feedback: tuple[Rejection, ...]) -> Any:
            return await self._play(x, context, feedback)

        async def with_context(x: Any, *, context: Ctx) -> Any:
            return await self._play(x, context, None)

        async def with_feedback(x: Any, *, feedback: tuple[Rejection, ...]) -> Any:
            return await self._play(x, None, feedback)

        async def with_neither(x: Any) -> Any:
            return await self._play(x, None, None)

        if self.told.takes_context:
            return with_both if self.told.takes_feedback else with_context
        return with_feedback if self.told.takes_feedback else with_neither

    async def _play(self, x: Any, context: Ctx | None, feedback: tuple[Rejection, ...] | None) -> Any:
        path = self.building.path_of_this_ask()
        call = deeds.call_of(self.told, path)
        if context is not None:
            deeds.write(context, call.writes)
        await _last(deeds.seconds(call.lasts, path, self.building.tempo), call.end == "hang")
        reports = reports_of(call.pays)
        match call.end:
            case "value_error":
                raise ValueError("broke")
            case "key_error":
                raise KeyError("broke")
            case "agent_error":
                raise AgentError("cut off", **reports)
        told = None if feedback is None else tuple((r.plugin, r.feedback, r.attempt) for r in feedback)
        output = deeds.answer(self.told, call, x, context, told)
        return AgentOutput(output, **reports) if reports else output


class Judge:
    """A plugin that says what its description says. ``agents`` are those that it may redirect to."""

    def __init__(self, told: Plugin, agents: tuple[Player, ...]) -> None:
        self.name = told.name
        self.priority = told.priority
        self.identity = repr(told)
        self.told = told
        self.agents = agents
        self.building = agents[0].building
        self.validate = self._validate()

    def _validate(self) -> Callable[..., Any]:
        async def with_context(draft: Draft, *, context: Ctx) -> Any:
            return await self._judge(draft, context)

        async def without(draft: Draft) -> Any:
            return await self._judge(draft, None)

        return with_context if self.told.takes_context else without

    async def _judge(self, draft: Draft, context: Ctx | None) -> Any:
        path = self.building.path_of_this_ask()
        verdict = self.told.verdicts[deeds.turn(path) % len(self.told.verdicts)]
        if context is not None:
            deeds.write(context, verdict.writes)
        told = tuple((r.plugin, r.feedback, r.attempt) for r in draft["feedback"])
        feedback = deeds.feedback_of(verdict, draft["output"], draft["input"], draft["attempt"], told)
        deeds.spoil(draft["output"])
        deeds.spoil(draft["input"])
        await _last(deeds.seconds(verdict.lasts, path, self.building.tempo), verdict.end == "hang")
        if verdict.end == "nothing":
            return None
        if verdict.end not in ("accept", "reject"):
            raise ValueError("broke")
        options: dict[str, Any] = {} if verdict.solution is None else {"new_solution": deepcopy(verdict.solution[0])}
        if verdict.redirect is not None:
            options["redirect_to"] = self.agents[verdict.redirect]
        if verdict.pays is not None:
            options |= {"usage": usage_of(verdict.pays), "model": verdict.pays.model}
        return PluginOutcome(verdict.end == "accept", feedback, **options)


async def _last(seconds: float, hangs: bool) -> None:
    """Take virtual time (``virtual_clock`` is in force); no time at all is no pause either."""
    if hangs or seconds:
        await anyio.sleep(86_400 if hangs else seconds)


def usage_of(pay: Pay) -> Usage | None:
    return None if pay.tokens is None else Usage(input_tokens=pay.tokens[0], output_tokens=pay.tokens[1])


def reports_of(pays: tuple[Pay, ...]) -> dict[str, Any]:
    if len(pays) == 1 and not pays[0].lost:
        return {"usage": usage_of(pays[0]), "model": pays[0].model}
    return {"requests": tuple(map(request_of, pays))} if pays else {}


def request_of(pay: Pay) -> RequestUsage:
    return RequestUsage(usage=usage_of(pay), model=pay.model, outcome="in_doubt" if pay.lost else "ok")


class Decider:
    """A user function that decides as its rule says; ``call`` takes what the rule needs."""

    def __init__(self, rule: Rule) -> None:
        self.identity = repr(rule)
        self.rule = rule

    def call(self) -> Callable[..., Any]:
        rule = self.rule

        def with_context(value: Any, context: Ctx) -> Any:
            return deeds.decide(rule, value, context)

        def in_a_loop(value: Any, *, iteration: int, input: Any) -> Any:
            return deeds.decide(rule, value, None, iteration=iteration, input=input)

        def without(value: Any) -> Any:
            return deeds.decide(rule, value, None)

        if rule.how in ("told", "from"):
            return in_a_loop
        return with_context if rule.sees_context else without


def function_of(rule: Rule) -> Callable[..., Any]:
    return Decider(rule).call()


def mapper_of(rule: Rule | None) -> Callable[..., Any] | None:
    return None if rule is None else function_of(rule)


def processors_of(rule: Rule | None) -> tuple[Callable[..., Any], ...]:
    return () if rule is None else (lambda value: deeds.decide(rule, value, None),)


def limits_of(limits: Limits) -> UsageLimits | None:
    if not limits:
        return None
    names = {"cost_usd": "total_cost_usd_limit", "requests": "request_limit"}
    most: dict[str, Any] = {names.get(dimension, f"{dimension}_limit"): most for dimension, most in limits}
    return UsageLimits(**{name: most if name == names["cost_usd"] else int(most) for name, most in most.items()})


class Building:
    """Makes steps. All cached ones share one cache, whichever pipeline they are in."""

    def __init__(self, tempo: int = 0) -> None:
        self.tempo = tempo
        self.cache = MemoryCache()
        self.budgets: set[Budget] = set()

    def path_of_this_ask(self) -> str:
        path, budget = this_ask()
        if budget is not None:
            budget.check()
            self.budgets.update(budget.chain)
        return path

    @property
    def reserved(self) -> list[Budget]:
        """The budgets of which something is held."""
        return [budget for budget in self.budgets if budget.open_holds or any(budget.reserved.values())]

    def sequence(self, parts: tuple[Part, ...]) -> Pipeline[Any, Any]:
        return Pipeline.of(*map(self.step, parts))

    def step(self, part: Part) -> Any:
        made: Any = getattr(self, type(part).__name__.lower())(part)
        return made

    def plain(self, part: Plain) -> Any:
        agents = tuple(Player(agent, self) for agent in part.agents)
        return Step(
            part.name,
            agents[0],
            plugins=[Judge(plugin, agents) for plugin in part.plugins],
            input_processors=processors_of(part.input_processor),
            output_processors=processors_of(part.output_processor),
            max_retries=part.max_retries,
            retry_on=KeyError if part.retry_on == "KeyError" else Exception,
            backoff=None if part.backoff_s is None else lambda _: float(part.backoff_s or 0),
            timeout_s=TIMEOUT_S if part.timeout else None,
            fallback=None if part.fallback is None else self.step(part.fallback),
            updates_context=part.updates_context,
            usage_limits=limits_of(part.limits),
        )

    def parallel(self, part: Parallel) -> Any:
        failure = BranchFailureStrategy.IGNORE if part.ignores_failures else BranchFailureStrategy.PROPAGATE
        select = part.select
        return Step.parallel(
            part.name,
            {name: self.sequence(parts) for name, parts in part.branches},
            merge_strategy=merge_of(part.merge),
            on_branch_failure=failure,
            context_include_keys=part.include,
            max_concurrency=part.max_concurrency,
            select=self.step(select) if isinstance(select, Plain) else mapper_of(select),
            ignore_unknown=part.ignore_unknown,
        )

    def conditional(self, part: Conditional) -> Any:
        return Step.branch_on(
            part.name,
            function_of(part.condition),
            {key: self.sequence(parts) for key, parts in part.branches},
            default=None if part.default is None else self.sequence(part.default),
            branch_input_mapper=mapper_of(part.input_mapper),
            branch_output_mapper=mapper_of(part.output_mapper),
        )

    def loop(self, part: Loop) -> Any:
        return Step.loop_until(
            part.name,
            self.sequence(part.body),
            function_of(part.exit_condition),
            max_loops=part.max_loops,
            initial_input_mapper=mapper_of(part.initial_input_mapper),
            iteration_input_mapper=mapper_of(part.iteration_input_mapper),
            loop_output_mapper=mapper_of(part.output_mapper),
        )

    def map(self, part: Map) -> Any:
        items, merge = function_of(part.items), merge_of(part.merge)
        return Step.map_over(
            part.name, self.sequence(part.body), items, max_concurrency=part.max_concurrency, merge_strategy=merge
        )

    def human(self, part: Human) -> Any:
        message = part.message.value if part.message.how == "const" else function_of(part.message)
        return Step.human_in_the_loop(part.name, message, input_schema=int if part.wants_int else None)

    def nested(self, part: Nested) -> Any:
        return self.sequence(part.steps).as_step(part.name, usage_limits=limits_of(part.limits))

    def cached(self, part: Cached) -> Any:
        return Step.cached(self.step(part.step), self.cache)


def merge_of(name: str) -> Any:
    if name == "longest":
        return merge_longest
    return merge_broken if name == "broken" else MergeStrategy(name)


def merge_longest(base: Ctx, branches: Mapping[str, Ctx]) -> dict[str, Any]:
    made = deepcopy(deeds.longest(base, dict(branches)))
    base.log.append("spoilt")
    return made


def merge_broken(base: Ctx, branches: Mapping[str, Ctx]) -> dict[str, Any]:
    raise KeyError("winner")
