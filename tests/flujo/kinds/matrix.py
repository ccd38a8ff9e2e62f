"""Every kind of step as something that can be put around a step, with what that means for paths, outputs and costs.

Data for ``test_matrix`` and others; no tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flujo import AgentOutput, MergeStrategy, Pipeline, Step
from flujo.stores.memory import MemoryCache
from tests.flujo.kinds.cast import Breaker, Writer, paid

MERGED = MergeStrategy.CONTEXT_UPDATE


def listed(x: object) -> list[object]:
    return [x]


def always_a(x: object) -> str:
    return "a"


def always(x: object) -> bool:
    return True


@dataclass(frozen=True)
class Router:
    """Chooses the branch ``a``, for ``tokens``."""

    tokens: int

    async def run(self, x: object) -> AgentOutput[list[str]]:
        return AgentOutput(["a"], **paid(self.tokens))


@dataclass(frozen=True)
class Critic:
    """Finds every draft complete, for ``tokens``."""

    tokens: int

    async def run(self, draft: object) -> AgentOutput[dict[str, object]]:
        return AgentOutput({"is_complete": True}, **paid(self.tokens))


def same(x: Any) -> Any:
    return x


@dataclass(frozen=True)
class Kind:
    """``around(name, part)`` is a step with ``part`` inside, at ``segment`` behind its own path.

    ``output`` makes its output of the part's. ``before`` and ``after`` are the tokens that it takes itself, by path
    behind its own. ``asks`` are the paths of its own questions, behind its own path; they are answered with what it is
    given. What the part changes in the context goes out of all of them.
    """

    around: Callable[[str, Any], Any]
    segment: str
    output: Callable[[Any], Any] = same
    before: Mapping[str, int] = field(default_factory=dict)
    after: Mapping[str, int] = field(default_factory=dict)
    asks: tuple[str, ...] = ()


def saved(name: str, part: Any) -> Any:
    return Step(name, Breaker("primary", 11), max_retries=0, fallback=part)


def selected(name: str, part: Any) -> Any:
    branches = {"b": Step("unused", Writer("unused", 97)), "a": part}
    return Step.parallel(name, branches, merge_strategy=MERGED, select=Step("router", Router(13)))


def mapped_at_once(name: str, part: Any) -> Any:
    return Step.map_over(name, part, listed, max_concurrency=None, merge_strategy=MERGED)


def asked_first(name: str, part: Any) -> Any:
    return (Step.human_in_the_loop("ask", "go on?") >> part).as_step(name)


def refined(name: str, part: Any) -> Any:
    return Step.refine_until(name, part, Step("critic", Critic(17)))


def by_branch(output: Any) -> Any:
    return {"a": output}


KINDS: Mapping[str, Kind] = {
    "fallback": Kind(saved, "/fallback:", before={"": 11}),
    "parallel": Kind(lambda n, p: Step.parallel(n, {"a": p}, merge_strategy=MERGED), "/branch:a/", by_branch),
    "selected": Kind(selected, "/branch:a/", by_branch, before={"/router": 13}),
    "branch": Kind(lambda n, p: Step.branch_on(n, always_a, {"a": p}), "/branch:a/"),
    "loop": Kind(lambda n, p: Step.loop_until(n, p, always), "/iteration:1/"),
    "map": Kind(lambda n, p: Step.map_over(n, p, listed), "/item:1/", listed),
    "map_at_once": Kind(mapped_at_once, "/item:1/", listed),
    "cached": Kind(lambda n, p: Step.cached(p, MemoryCache()).named(n), "/"),
    "pipeline": Kind(lambda n, p: Pipeline.of(p).as_step(n), "/"),
    "human": Kind(asked_first, "/", asks=("/ask",)),
    "refine": Kind(refined, "/iteration:1/", after={"/iteration:1/review/branch:check/critic": 17}),
}
