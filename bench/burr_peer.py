"""burr: one graph for all runs, one application per run, as its state belongs to the application.

Loops and retries are transitions back, conditions are expressions of the state, as its guide writes them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from burr.core import ApplicationBuilder, State, action, default, expr, when
from burr.core.graph import GraphBuilder
from burr.core.parallelism import MapStates
from workloads import CHOICES, Flaky, Runner, context_data


@action(reads=["v"], writes=["v"])
async def inc(state: State) -> State:
    return state.update(v=state["v"] + 1)


@action(reads=[], writes=[])
async def nothing(state: State) -> State:
    return state


@action(reads=["i"], writes=["r"])
async def branch(state: State) -> State:
    return state.update(r=1 + state["i"])


@action(reads=["count"], writes=["count"])
async def count(state: State) -> State:
    return state.update(count=state["count"] + 1)


def chooser(result: int) -> Any:
    @action(reads=["v"], writes=["v"])
    async def choose(state: State) -> State:
        return state.update(v=result)

    return choose


def make(workload: str, n: int) -> Runner:
    if workload == "W4":
        return _choices(n)
    graph, entry, last = {"W1": _line, "W2": _fan, "W3": _loop, "W5": _retries}[workload](n)
    told = "count" if workload == "W3" else "v"

    async def run() -> Any:
        return (await _state_after(graph, entry, [last], v=0, ok=True))[told]

    return run


async def _state_after(graph: Any, entry: str, last: list[str], **more: Any) -> Any:
    state = {**context_data(), **more}
    app = ApplicationBuilder().with_graph(graph).with_state(**state).with_entrypoint(entry).build()
    _, _, after = await app.arun(halt_after=last)
    return after


def _line(n: int) -> tuple[Any, str, str]:
    names = [f"s{i}" for i in range(n)]
    actions = dict.fromkeys(names, inc)
    graph = GraphBuilder().with_actions(**actions).with_transitions(*pairwise(names)).build()
    return graph, "s0", names[-1]


def _fan(n: int) -> tuple[Any, str, str]:
    class Fan(MapStates):  # type: ignore[misc]
        def is_async(self) -> bool:
            return True

        def tracker(self, **_: object) -> None:
            return None

        def action(self, state: State, inputs: object) -> Any:
            return branch

        async def states(self, state: State, context: object, inputs: object) -> Any:
            for i in range(n):
                yield state.update(i=i)

        async def reduce(self, state: State, states: Any) -> State:
            total = 0
            async for one in states:
                total += one["r"]
            return state.update(v=total)

        @property
        def reads(self) -> list[str]:
            return []

        @property
        def writes(self) -> list[str]:
            return ["v"]

    graph = GraphBuilder().with_actions(start=nothing, fan=Fan()).with_transitions(("start", "fan")).build()
    return graph, "start", "fan"


def _loop(n: int) -> tuple[Any, str, str]:
    edges = (("inc", "count"), ("count", "end", expr(f"count >= {n}")), ("count", "inc", default))
    graph = GraphBuilder().with_actions(inc=inc, count=count, end=nothing).with_transitions(*edges).build()
    return graph, "inc", "end"


def _choices(n: int) -> Runner:
    names = [f"choice{i}" for i in range(len(CHOICES))]
    actions = {name: chooser(result) for name, result in zip(names, CHOICES, strict=True)}
    edges: list[Any] = [("start", name, expr(f"v % {len(CHOICES)} == {i}")) for i, name in enumerate(names[:-1])]
    edges.append(("start", names[-1], default))
    graph = GraphBuilder().with_actions(start=nothing, **actions).with_transitions(*edges).build()

    async def run() -> Any:
        total = 0
        for i in range(n):
            total += (await _state_after(graph, "start", names, v=i))["v"]
        return total

    return run


def _retries(n: int) -> tuple[Any, str, str]:
    def flaky() -> Any:
        work = Flaky()

        @action(reads=["v"], writes=["v", "ok"])
        async def attempt(state: State) -> State:
            try:
                return state.update(v=await work(state["v"]), ok=True)
            except ValueError:
                return state.update(v=state["v"], ok=False)

        return attempt

    actions = {**{f"s{i}": flaky() for i in range(n)}, "end": nothing}
    edges: list[Any] = []
    for i in range(n):
        after = f"s{i + 1}" if i < n - 1 else "end"
        edges += [(f"s{i}", f"s{i}", when(ok=False)), (f"s{i}", after, default)]
    return GraphBuilder().with_actions(**actions).with_transitions(*edges).build(), "s0", "end"
