"""The cached step: a result that was accepted once is taken again where nothing that bears on it has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from flujo.errors import Problem
from flujo.functions import can
from flujo.identity import NoIdentity, told
from flujo.pipeline import AnyPart, In, Out, Part, joined, walk_of
from flujo.ports import Cache


@dataclass(frozen=True, eq=False, repr=False)
class CachedStep(Part[In, Out]):
    """Runs ``step``, or takes its result from ``cache``; see ``Step.cached``. It has the name of its step."""

    step: Any
    cache: Cache

    def faults(self) -> Iterator[Problem]:
        path = str(self.name)
        if not isinstance(self.step, Part):
            yield Problem("part-not-a-step", path, f"{self.step!r} is no step", "Use pipeline.as_step(name) first.")
        if not can(self.cache, "find", "keep"):
            yield Problem("cache-not-a-cache", path, f"{self.cache!r} is no cache", "Pass MemoryCache().")

    @property
    def kind(self) -> str:
        return "cached"

    def inside(self) -> Iterator[tuple[str, Sequence[AnyPart]]]:
        yield "", (self.step,)

    def with_agents(self, here: str, agents: Mapping[str, object]) -> Self:
        return replace(self, step=self.step.with_agents(joined(here, self.step.name), agents))

    def shape(self) -> list[object]:
        return ["cached"]

    def problems(self, here: str) -> Iterator[Problem]:
        for path, step in walk_of(joined(here, self.step.name), self.step):
            for written in step.written():
                try:
                    told(written)
                except NoIdentity as error:
                    fix = "Use a module-level function, give it 'identity: str', or don't cache this step."
                    yield Problem("cache-identity", path, f"{error}, so nothing of it can be cached ({written!r})", fix)

    def accepts(self) -> object | None:
        accepted: object | None = self.step.accepts()
        return accepted

    def returns(self) -> object | None:
        returned: object | None = self.step.returns()
        return returned
