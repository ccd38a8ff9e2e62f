"""Steps are values: equal ones have equal hashes, and all of them can be copied and pickled."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

from flujo import MergeStrategy, Pipeline, Step
from flujo.steps.frozen import FrozenMapping
from flujo.stores.memory import MemoryCache
from tests.flujo.kinds.cast import Writer, echo, run
from tests.flujo.kinds.matrix import Critic, Router, always, always_a, listed

LEAF: Any = Step("leaf", Writer("leaf", 7), settings={"temperature": 0, "stop": ["."]}, meta={"owner": "us"})
OTHER: Any = Step("other", echo, fallback=LEAF)
PARTS: dict[str, Any] = {
    "plain": LEAF,
    "fallback": OTHER,
    "parallel": Step.parallel("p", {"a": LEAF, "b": LEAF >> OTHER}, context_include_keys=["notes"]),
    "selected": Step.parallel("p", {"a": LEAF}, select=Step("router", Router(13))),
    "branch": Step.branch_on("b", always_a, {"a": LEAF, 7: OTHER, True: LEAF}, default=LEAF),
    "loop": Step.loop_until("l", LEAF >> OTHER, always),
    "map": Step.map_over("m", LEAF, listed, max_concurrency=3, merge_strategy=MergeStrategy.KEEP_FIRST),
    "human": Step.human_in_the_loop("h", "well?", input_schema=int),
    "pipeline": (LEAF >> OTHER).as_step("n"),
    "refine": Step.refine_until("r", LEAF, Step("critic", Critic(17))),
}


@pytest.mark.parametrize("kind", PARTS)
def test_steps_and_their_copies_are_equal_and_have_equal_hashes(kind: str) -> None:
    part = PARTS[kind]
    assert Pipeline.of(part).validate() == ()  # what is read of a step then is no part of it
    for other in (copy.copy(part), copy.deepcopy(part), pickle.loads(pickle.dumps(part)), part.named(part.name)):
        assert other is not part
        assert (other, hash(other), repr(other)) == (part, hash(part), repr(part))
    assert len({part, copy.deepcopy(part), part.named("another")}) == 2


@pytest.mark.parametrize("kind", PARTS)
def test_pipelines_travel(kind: str) -> None:
    pipeline = Pipeline.of(PARTS[kind], PARTS[kind].named("again"))
    for other in (copy.deepcopy(pipeline), pickle.loads(pickle.dumps(pipeline))):
        assert (other, hash(other), other.fingerprint) == (pipeline, hash(pipeline), pipeline.fingerprint)
        assert (other.validate(), other.to_mermaid()) == ((), pipeline.to_mermaid())


def test_a_cached_step_is_copied_with_its_cache() -> None:
    part = Step.cached(LEAF, MemoryCache())
    copied = copy.deepcopy(part)
    assert (copied.name, copied.step, hash(copied)) == (part.name, part.step, hash(part))
    assert copied.cache is not part.cache


@dataclass
class Counter:
    """An agent that counts, and cannot be hashed."""

    asked: int = 0

    def run(self, x: object) -> int:
        self.asked += 1
        return self.asked


async def test_a_deep_copy_asks_an_agent_of_its_own() -> None:
    step = Step("count", Counter())
    assert [(await run(step)).output for _ in range(2)] == [1, 2]
    copied = copy.deepcopy(step)
    assert [(await run(part)).output for part in (copied, step, copied)] == [3, 3, 4]


def test_steps_have_hashes_whatever_is_written_into_them() -> None:
    assert {Step("a", Counter()), Step("a", Counter()), Step("a", Counter(3))} == {
        Step("a", Counter(3)),
        Step("a", Counter()),
    }


def test_one_agent_in_two_steps_is_one_agent_in_their_copies() -> None:
    agent = Counter()
    first, second = copy.deepcopy(Step("a", agent) >> Step("b", agent)).steps
    assert first.agent is second.agent  # type: ignore[attr-defined]


def test_what_a_step_was_made_of_may_change_later_without_changing_the_step() -> None:
    branches, settings, plugins = {"a": LEAF}, {"temperature": 0}, [Judge()]
    fan, step = Step.parallel("p", branches), Step("s", echo, settings=settings, plugins=plugins)
    branches["b"], settings["temperature"] = LEAF, 1
    plugins.clear()
    assert (fan.branches, step.settings, len(step.plugins)) == ({"a": LEAF}, {"temperature": 0}, 1)


class Judge:
    name, priority = "judge", 0

    async def validate(self, draft: Any) -> Any: ...


def test_a_frozen_mapping_is_a_mapping_in_its_order_and_no_more() -> None:
    frozen = FrozenMapping({"b": 1, "a": [2]})
    assert (list(frozen), list(frozen.values()), len(frozen)) == (["b", "a"], [1, [2]], 2)
    assert (frozen["b"], frozen.get("c"), "a" in frozen, "c" in frozen) == (1, None, True, False)
    assert frozen == {"a": [2], "b": 1} == frozen != {"b": 1}
    assert (hash(frozen), repr(frozen)) == (hash(FrozenMapping({"a": [3], "b": 1})), "{'b': 1, 'a': [2]}")
    copied = copy.deepcopy(frozen)
    assert (list(copied), copied) == (["b", "a"], frozen)
    assert copied["a"] is not frozen["a"]
    assert pickle.loads(pickle.dumps(frozen)) == frozen
    with pytest.raises(TypeError, match="does not support item assignment"):
        frozen["c"] = 3  # type: ignore[index]
