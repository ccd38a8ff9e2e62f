"""The fixtures, with every run of a test in view: those they start and those that the application starts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import anyio
import pytest

from flujo import Flujo, Laws, MisuseError, PipelineContext, Step, Usage, UsageLimits, override
from flujo_testing import fixtures
from flujo_testing.agents import (
    EchoAgent,
    RunNotEnded,
    ScriptedAgent,
    ScriptedPlugin,
    ScriptExhausted,
    ScriptLeftOver,
    SlowAgent,
)
from flujo_testing.conservation import ConservationError
from flujo_testing.costs import FixedCost
from flujo_testing.fixtures import AgentNotFound, FlujoRun, UseAgents
from flujo_testing.following import CALL_FAILED, pass_of

pytestmark = pytest.mark.anyio
USAGE = Usage(input_tokens=120, output_tokens=40)

flujo_run = pytest.fixture(fixtures.flujo_run)
flujo_agents = pytest.fixture(fixtures.flujo_agents)


@dataclass
class Test:
    """A test as the fixtures see it, so that their teardown can be looked at."""

    __test__ = False
    nodeid: str = "tests/test_rain.py::test_grey"
    stash: pytest.Stash = field(default_factory=pytest.Stash)


@dataclass
class Request:
    node: Test = field(default_factory=Test)


@contextmanager
def fixture(name: str, request: Request) -> Iterator[Any]:
    """Set up and tear down as pytest does it: what the test raises, the fixture does not see."""
    running = getattr(fixtures, name)(request)
    yield next(running)
    next(running, None)


def application(input: str = "rain") -> Any:
    """A pipeline that lives in the application, with an agent of production."""
    return Flujo(PRODUCTION).run(input)


async def live(input: str) -> str:
    raise AssertionError(f"a live agent was asked {input!r}")


PRODUCTION = Step("write", live) >> Step("check", EchoAgent(), max_retries=0)


# flujo_run ------------------------------------------------------------------------------------------------


async def test_a_run_is_priced_with_primes_unless_told_otherwise(flujo_run: FlujoRun) -> None:
    step = Step("write", ScriptedAgent("a", "b", model="test:writer", usage=USAGE))
    assert (await flujo_run(step, "rain")).total_cost_usd == Decimal("0.00104")
    assert (await flujo_run(step, "rain", cost_model=FixedCost("0.31"))).total_cost_usd == Decimal("0.31")


async def test_a_run_is_told_what_a_runner_can_be_told(flujo_run: FlujoRun) -> None:
    class Context(PipelineContext):
        topic: str = ""

    agent = EchoAgent(model="test:writer", usage=USAGE, takes=("context",))
    result = await flujo_run(
        Step("write", agent, max_retries=0) >> Step("check", EchoAgent()),
        "rain",
        context_model=Context,
        context_data={"topic": "grey"},
        usage_limits=UsageLimits(request_limit=0),
        run_id="run-7",
    )
    assert (result.status, result.run_id, result.context) == ("limited", "run-7", Context(topic="grey"))


async def test_agents_are_replaced_by_path(flujo_run: FlujoRun) -> None:
    assert (await flujo_run(PRODUCTION, "rain", agents={"write": ScriptedAgent("grey")})).output == "grey"
    with pytest.raises(MisuseError, match="no step at 'draft'; there are: 'write', 'check'"):
        await flujo_run(PRODUCTION, "rain", agents={"draft": ScriptedAgent("grey")})


async def test_a_runner_runs_as_it_was_built(flujo_run: FlujoRun) -> None:
    runner = Flujo(PRODUCTION, cost_model=FixedCost("0.31"), name="rain")
    agent = ScriptedAgent("grey", model="test:writer", usage=USAGE)
    result = await flujo_run(runner, "rain", agents={"write": agent})
    assert result.total_cost_usd == Decimal("0.31")
    with pytest.raises(MisuseError, match="flujo_run was given a Flujo and usage_limits, name: say that to the"):
        await flujo_run(runner, "rain", usage_limits=UsageLimits(), name="snow")


def test_plain_functions_run_synchronously(flujo_run: FlujoRun) -> None:
    assert flujo_run.sync(Step("write", ScriptedAgent("grey")), "rain").output == "grey"


async def test_misuse_that_a_fallback_hid_is_raised_after_the_run_and_only_once(flujo_run: FlujoRun) -> None:
    step = Step("write", ScriptedAgent(), max_retries=0, fallback=Step("small", EchoAgent()))
    with pytest.raises(ScriptExhausted, match="was asked at 'write/attempt:1' for answer 1, but its script has 0"):
        await flujo_run(step, "rain")


async def test_a_run_that_does_not_add_up_is_raised_after_it(flujo_run: FlujoRun) -> None:
    step = Step("write", ScriptedAgent("long", model="test:writer", usage=USAGE))
    with override(laws=Laws(entries_to_book=lambda entries: ())), pytest.raises(ConservationError) as caught:
        await flujo_run(step, "rain")
    assert caught.value.violations == ("write/attempt:1: a metered agent answered, but no entry says what was paid",)


# What is left, and what other code runs -------------------------------------------------------------------


def test_a_script_left_over_is_an_error_of_the_teardown_also_of_a_step_never_reached() -> None:
    broken = Step("write", ScriptedAgent(KeyError("a"), "b", name="writer"), max_retries=0)
    with pytest.raises(ScriptLeftOver) as caught, fixture("flujo_run", Request()) as flujo_run:
        flujo_run.sync(broken >> Step("check", ScriptedAgent("c", name="checker")), "rain")
    assert str(caught.value) == (
        "ScriptedAgent 'writer' at write/attempt:1 still has 1 of 2 answers when the test ends ('b'): "
        "remove what is too much, or find out why the pipeline asked less"
    )
    assert caught.value.__notes__ == [
        "and ScriptLeftOver: ScriptedAgent 'checker' at check still has 1 of 1 answers when the test ends "
        "('c'): remove what is too much, or find out why the pipeline asked less"
    ]


def test_a_plugin_of_which_nobody_asked_is_left_over() -> None:
    step = Step("write", EchoAgent(), plugins=[ScriptedPlugin("no", True, True)])
    with (
        pytest.raises(ScriptLeftOver, match="ScriptedPlugin 'scripted_plugin' at write/attempt:1, write/attempt:2"),
        fixture("flujo_run", Request()) as flujo_run,
    ):
        flujo_run.sync(step, "rain")


def test_after_a_failed_test_nothing_is_left_over() -> None:
    request = Request()
    with fixture("flujo_run", request) as flujo_run:
        flujo_run.sync(Step("write", ScriptedAgent("a", "b")), "rain")
        request.node.stash[CALL_FAILED] = True
    assert len(request.node.stash) == 1


def test_misuse_in_a_run_of_the_application_is_raised_at_the_teardown() -> None:
    with pytest.raises(ScriptExhausted), fixture("flujo_agents", Request()) as flujo_agents:  # noqa: PT012
        flujo_agents({"write": ScriptedAgent()})
        assert application().status == "failed"


def test_a_run_of_the_application_that_does_not_add_up_is_raised_at_the_teardown() -> None:
    def doubled(entries: Any) -> Any:
        return [*entries, *entries]

    with pytest.raises(ConservationError) as caught, fixture("flujo_agents", Request()) as flujo_agents:  # noqa: PT012
        flujo_agents({"write": ScriptedAgent("grey", model="test:writer", usage=USAGE)})
        with override(laws=Laws(entries_to_book=doubled)):
            run_id = application().run_id
    assert caught.value.violations == (
        f"{run_id}/write/attempt:1/request:1: two entries of this id",
        f"{run_id}/write/attempt:1/request:1: is request 2 of 'write/attempt:1'",
    )


async def test_a_run_that_has_not_ended_when_the_test_does_is_told() -> None:
    runner = Flujo(Step("write", SlowAgent(3600)), name="rain")
    async with anyio.create_task_group() as tasks:
        with pytest.raises(RunNotEnded) as caught, fixture("flujo_run", Request()):  # noqa: PT012
            tasks.start_soon(runner.run_async, "rain")
            await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert (caught.value.path, str(caught.value)) == (
        "write/attempt:1",
        "the run of 'rain' has not ended when the test does; it waits for an answer at 'write/attempt:1': "
        "await the run, join its thread, or cancel it",
    )


# flujo_agents ---------------------------------------------------------------------------------------------


def test_agents_are_in_force_in_application_code_and_in_other_threads(flujo_agents: UseAgents) -> None:
    agent = ScriptedAgent("grey", "blue")
    flujo_agents({"write": agent})
    outputs = [application().output]
    thread = threading.Thread(target=lambda: outputs.append(application("snow").output))
    thread.start()
    thread.join()
    assert outputs == ["grey", "blue"]
    assert [(call.input, call.path) for call in agent.calls] == [
        ("rain", "write/attempt:1"),
        ("snow", "write/attempt:1"),
    ]


def test_agents_given_later_win_and_all_go_with_the_test() -> None:
    with fixture("flujo_agents", Request()) as flujo_agents:
        flujo_agents({"write": EchoAgent()})
        flujo_agents({"write": ScriptedAgent("grey")})
        assert application().output == "grey"
    assert str(application().error) == (
        "step 'write' failed after 2 attempts: AssertionError: a live agent was asked 'rain'"
    )


def test_a_path_that_no_run_had_is_an_error_that_lists_those_that_runs_had() -> None:
    with pytest.raises(AgentNotFound) as caught, fixture("flujo_agents", Request()) as flujo_agents:  # noqa: PT012
        flujo_agents({"write": EchoAgent(), "wirte": EchoAgent()})
        application()
    assert str(caught.value) == (
        "flujo_agents replaced 'wirte', but no run of the test has such a step; its 1 runs had: 'check', 'write'"
    )


def test_agents_and_no_run_at_all_are_an_error() -> None:
    told = pytest.raises(AgentNotFound, match="no run of the test has such a step; its 0 runs had: no steps")
    with told, fixture("flujo_agents", Request()) as flujo_agents:
        flujo_agents({"write": EchoAgent()})


def test_a_step_that_was_never_reached_is_a_step_all_the_same() -> None:
    with fixture("flujo_agents", Request()) as flujo_agents:
        flujo_agents({"check": EchoAgent()})
        assert application().status == "failed"


# Both together --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("flujo_run", "flujo_agents"), ("flujo_agents", "flujo_run")])
def test_both_fixtures_share_one_pass_of_the_test_in_either_order(order: tuple[str, str]) -> None:
    request = Request()
    left = pytest.raises(ScriptLeftOver, match="still has 1 of 3 answers")
    with left, fixture(order[0], request) as first, fixture(order[1], request) as second:
        flujo_run, use = (first, second) if order[0] == "flujo_run" else (second, first)
        use({"write": ScriptedAgent("grey", "blue", "green")})
        assert [flujo_run.sync(PRODUCTION, "rain").output, application().output] == ["grey", "blue"]


def test_a_test_without_our_fixtures_can_be_put_into_a_pass() -> None:
    agent = ScriptedAgent("a", "b")
    with pytest.raises(ScriptLeftOver), pass_of(Test()):  # type: ignore[arg-type]
        Flujo(Step("write", agent)).run("rain")


SHARED = ScriptedAgent("first", "second")


@pytest.mark.parametrize("time", [1, 2])
async def test_a_script_at_module_level_starts_afresh_in_every_test_and_backend(flujo_run: FlujoRun, time: int) -> None:
    outputs = [(await flujo_run(Step("write", SHARED), time)).output for _ in range(2)]
    assert outputs == ["first", "second"]
    assert [call.input for call in SHARED.calls] == [time, time]


def test_the_cost_model_of_tests_has_prime_prices() -> None:
    assert fixtures.cost_model().table_id == fixtures.PRIME_PRICES.table_id
