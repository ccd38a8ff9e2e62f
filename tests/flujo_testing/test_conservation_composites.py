"""Runs of loops, conditions and maps add up, and every log of them that was edited by hand is found out."""

from __future__ import annotations

import pytest

from flujo import Step, override
from flujo.events import Decided, Event, ItemEnded, Merged, RunEnded, RunStarted, StepEnded, StepStarted
from flujo_testing.agents import EchoAgent
from flujo_testing.conservation import ConservationError, check_conservation
from flujo_testing.conservation.reading import read
from tests.flujo_testing.composite_runs import COMPOSITES
from tests.flujo_testing.edited_logs import Change, add, alter, drop, moved, renamed, step_at, together, twice
from tests.flujo_testing.transcript_runs import run

# Honest runs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPOSITES)
async def test_an_honest_run_passes_as_a_result_and_in_the_order_of_arrival(name: str) -> None:
    arrived: list[Event] = []
    check_conservation(await COMPOSITES[name]())
    with override(listeners=[arrived.append]):
        check_conservation(await COMPOSITES[name]())
    starts = [index for index, event in enumerate(arrived) if isinstance(event, RunStarted)]
    check_conservation(arrived[starts[-1] :])


async def test_a_metered_step_is_found_in_every_iteration() -> None:
    loop = Step.loop_until("refine", Step("write", EchoAgent()), lambda text, *, iteration: iteration == 2)
    result = await run(loop)
    with pytest.raises(ConservationError) as caught:
        check_conservation(result, metered={"refine/write"})
    assert caught.value.violations == tuple(
        f"refine/iteration:{number}/write/attempt:1: a metered agent answered, but no entry says what was paid"
        for number in (1, 2)
    )


# Logs edited by hand ------------------------------------------------------------------------------------


LOOP_LIES: list[tuple[str, Change, list[str]]] = [
    (
        "looped", drop(Decided, number=1),
        [
            "refine/iteration:2: ran, although the exit condition of iteration 1 was None",
            "refine: completed after 2 iterations, but the last exit condition was True",
        ],
    ),
    (
        "looped", drop(Decided, number=2),
        ["refine: completed after 2 iterations, but the last exit condition was False"],
    ),
    ("looped", twice(Decided, number=1), ["refine: exit_condition of iteration 1 decided twice"]),
    (
        "looped", alter(Decided, {"value": True}, number=1),
        ["refine/iteration:2: ran, although the exit condition of iteration 1 was True"],
    ),
    (
        "looped", alter(Decided, {"value": False}, number=2),
        ["refine: completed after 2 iterations, but the last exit condition was False"],
    ),
    (
        "looped", alter(Decided, {"number": 3}, number=2),
        ["refine: exit_condition 3 decided, but iteration 3 has not completed"],
    ),
    (
        "looped", renamed("iteration:2", "iteration:3"),
        [
            "refine/iteration:3: ran after iteration 1: iterations must count 1, 2, 3, ...",
            "refine: exit_condition 2 decided, but iteration 2 has not completed",
        ],
    ),
    (
        "looped", add(StepEnded, step_at("refine/iteration:2/more"), step="refine"),
        [
            "refine/iteration:2: goes on after its exit condition was decided",
            "refine: its output is 'grey', 'refine/iteration:2/more' put out 'rain'",
        ],
    ),
    (
        "looped", alter(StepEnded, {"output": "odd"}, step="refine"),
        ["refine: its output is 'odd', 'refine/iteration:2/check' put out 'grey'"],
    ),
    (
        "loop_mapped", alter(Decided, {"value": "odd"}, what="loop_output_mapper"),
        ["refine: its output is 'Rain', loop_output_mapper made 'odd'"],
    ),
    (
        "loop_mapped", alter(Decided, {"number": 4}, what="iteration_input_mapper", number=3),
        ["refine: the input of iteration 4 was made, but iteration 2 was the last"],
    ),
    (
        "loop_mapped", alter(Decided, {"number": 1}, what="loop_output_mapper"),
        [
            "refine: loop_output_mapper decided of iteration 1",
            "refine: its output is 'Rain', 'refine/iteration:3/shorten' put out 'rain'",
        ],
    ),
    (
        "loop_failed", alter(StepEnded, {"status": "completed", "output": "x", "error": None}, step="refine"),
        [
            "refine: completed, but 'refine/iteration:2/write' in it ended failed",
            "refine: completed after 2 iterations, but the last exit condition was False",
            "refine: its output is 'x', 'refine/iteration:2/write' put out None",
        ],
    ),
    (
        "loop_failed", add(StepEnded, step_at("refine/iteration:2/more"), step="refine"),
        ["refine/iteration:2/more: ran, although 'refine/iteration:2/write' before it ended failed"],
    ),
    (
        "loop_paused", add(StepEnded, step_at("refine/iteration:2/more"), step="refine"),
        [
            "refine/iteration:2/more: ran, although 'refine/iteration:2/route' before it ended paused",
        ],
    ),
]  # fmt: skip

BRANCH_LIES: list[tuple[str, Change, list[str]]] = [
    (
        "branched", drop(Decided),
        [
            "route/branch:sales: ran, but the condition decided nothing",
            "route/branch:sales: ran, but the condition decided nothing",
        ],
    ),
    (
        "branched", alter(Decided, {"value": "legal"}),
        [
            "route/branch:sales: ran, but the condition decided 'legal'",
            "route/branch:sales: ran, but the condition decided 'legal'",
        ],
    ),
    (
        "branched", add(StepEnded, step_at("route/branch:legal/legal"), step="route"),
        [
            "route/branch:legal: ran, but the condition decided 'sales'",
            "route/branch:legal: ran after branch:sales",
            "route: its output is 'rain: fine', 'route/branch:legal/legal' put out 'rain'",
        ],
    ),
    (
        "branched", alter(Decided, {"what": "items"}),
        [
            "route: items decided, but a step of kind branch has no such function",
            "route/branch:sales: ran, but the condition decided nothing",
            "route/branch:sales: ran, but the condition decided nothing",
        ],
    ),
    (
        "branched", moved(Decided, StepStarted, step="route"),
        [
            "route: condition decided while its step was not running",
            "route/branch:sales: ran, but the condition decided nothing",
            "route/branch:sales: ran, but the condition decided nothing",
        ],
    ),
    (
        "branch_mapped", alter(StepEnded, {"output": "odd"}, step="route"),
        ["route: its output is 'odd', branch_output_mapper made {'text': 'RAIN'}"],
    ),
    (
        "branch_unknown", alter(StepEnded, {"status": "completed", "error": None}, step="route"),
        ["route: completed, but none of its branches ran"],
    ),
    (
        "branch_paused", add(StepEnded, step_at("route/branch:True/more"), step="route"),
        ["route/branch:True/more: ran, although 'route/branch:True/approve' before it ended paused"],
    ),
    (
        "branch_failed",
        together(
            alter(StepEnded, {"status": "paused", "error": None}, step="route"),
            alter(RunEnded, {"status": "paused", "error": None}),
        ),
        [
            "route: paused, but 'route/branch:True/write' in it ended failed",
            "route: paused, but nothing in it waits for an answer",
        ],
    ),
]  # fmt: skip

MAP_LIES: list[tuple[str, Change, list[str]]] = [
    (
        "mapped", drop(Decided),
        [
            *["each/item:1: ran, but there are 0 items"] * 2,
            "each/item:1: ended, but there are 0 items",
            *["each/item:2: ran, but there are 0 items"] * 2,
            "each/item:2: ended, but there are 0 items",
            "each: completed, but its items were never decided",
            "each: completed with 2 of 0 items",
        ],
    ),
    ("mapped", alter(Decided, {"value": ("rain", "hail", "fog")}), ["each: completed with 2 of 3 items"]),
    (
        "mapped", twice(ItemEnded, item=1),
        [
            "each/item:1: ended as number 2: items must count 1, 2, 3, ...",
            "each/item:2: ended as number 3: items must count 1, 2, 3, ...",
            "each: completed with 3 of 2 items",
            "each: its output is ['RAIN: fine', 'HAIL: fine'], its items put out "
            "['RAIN: fine', 'RAIN: fine', 'HAIL: fine']",
        ],
    ),
    (
        "mapped", drop(ItemEnded, item=2),
        [
            "each: completed with 1 of 2 items",
            "each: its output is ['RAIN: fine', 'HAIL: fine'], its items put out ['RAIN: fine']",
            "each/item:2: 10 events, but no ItemEnded accounts for the item",
        ],
    ),
    (
        "mapped", alter(ItemEnded, {"output": "odd"}, item=1),
        [
            "each/item:1: its output is 'odd', 'each/item:1/polish' put out 'RAIN: fine'",
            "each: its output is ['RAIN: fine', 'HAIL: fine'], its items put out ['odd', 'HAIL: fine']",
        ],
    ),
    (
        "mapped", alter(ItemEnded, {"status": "failed", "output": None, "error": "odd"}, item=2),
        [
            "each/item:2: failed, but its last step ended completed",
            "each/item:2: failed, but the map step completed",
            "each: its output is ['RAIN: fine', 'HAIL: fine'], its items put out ['RAIN: fine', None]",
        ],
    ),
    (
        "map_failed", alter(ItemEnded, {"status": "completed", "output": "x", "error": None}, item=2),
        ["each/item:2: completed, but its last step ended failed"],
    ),
    (
        "map_failed", alter(ItemEnded, {"output": "x"}, item=2),
        ["each/item:2: failed, but its output is 'x', not None"],
    ),
    (
        "mapped_at_once", moved(Merged, ItemEnded, item=2),
        ["each/item:2: ended after the contexts were merged"],
    ),
    ("mapped_at_once", twice(Merged), ["each: merged twice"]),
    (
        "mapped_nothing", add(StepEnded, [ItemEnded("each", 0.0, 1, "stopped", None, None)], step="each"),
        [
            "each/item:1: ended, but there are 0 items",
            "each: completed with 1 of 0 items",
            "each/item:1: stopped, but the map step completed",
            "each: its output is [], its items put out [None]",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "said"), [*LOOP_LIES, *BRANCH_LIES, *MAP_LIES])
async def test_what_cannot_be_is_named(name: str, change: Change, said: list[str]) -> None:
    events = list((await COMPOSITES[name]()).transcript)
    change(events)
    assert read(events).violations == said
