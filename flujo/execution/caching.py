"""How a cached step runs: it takes an accepted result that nothing has changed for, or makes one and keeps it (C9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flujo.canonical import digest
from flujo.errors import DecisionError, StepFailedError, told
from flujo.events import CacheHit, CacheMissed, Carried, ContextChanged, Scope
from flujo.execution.composite import CompositeNode
from flujo.identity import key_of
from flujo.isolation import changed, delta, digests_of, private_copy
from flujo.pipeline import walk_of
from flujo.ports import CachedResult
from flujo.steps.cached import CachedStep
from flujo.structure import MISSING

if TYPE_CHECKING:
    from flujo.execution.frame import Frame
    from flujo.execution.plan import Node

CACHE = "cache"


class CachedNode(CompositeNode):
    """A cached step, compiled; what is written into it has been hashed."""

    __slots__ = ("cache", "identity", "node")

    def __init__(self, step: CachedStep[Any, Any], name: str, node: Node) -> None:
        super().__init__(step, name)
        self.cache = step.cache
        self.identity = key_of(walk_of(step.step.name, step.step))
        self.node = node

    async def inside(self, frame: Frame, value: object) -> object:
        key = self._key(frame, value)
        journaled = frame.run.journal is not None
        result = await frame.decision(self.name, CACHE, 0) if journaled else MISSING
        if result is MISSING:
            result = await self._found(frame, key)
            if journaled:
                await frame.keep_decision(self.name, CACHE, 0, result)
        if result is None:
            return await self._made(frame, key, value)
        assert isinstance(result, CachedResult)
        frame.log.extend((CacheHit, frame.run.now(), frame.scope, self.name, Carried(key, result)))
        before = frame.state
        frame.state = before.with_delta(result.context_delta)
        if changes := changed(before, frame.state):
            frame.log.extend((ContextChanged, frame.run.now(), frame.scope, self.name, changes))
        return private_copy(result.output)

    def _key(self, frame: Frame, value: object) -> str:
        try:
            return digest([self.identity, value])
        except Exception as error:  # an input that has no canonical form
            path = frame.scope.path_of(self.name)
            cause = DecisionError(path, "the key of the cache", f"cannot be made of the input: {told(error)}")
            raise StepFailedError(path, None, cause) from error

    async def _found(self, frame: Frame, key: str) -> CachedResult | None:
        """The kept result that had read of the context what is there now; None if there is none."""
        try:
            for result in await self.cache.find(key):
                if digests_of(frame.state, result.reads) == result.reads:
                    return result
        except Exception as error:  # the user's cache
            raise self._broken(frame, "find", error) from error
        return None

    async def _made(self, frame: Frame, key: str, value: object) -> object:
        """The result of the step itself; kept if it completes."""
        frame.log.extend((CacheMissed, frame.run.now(), frame.scope, self.name, key))
        before, reads = frame.state, set[str]()
        scope = Scope(frame.scope, self.name, frame.scope.order)
        inner = frame.child(scope, frame.log, before.watched(reads))
        try:
            output = await self.node.run(inner, value)
            frame.told = inner.told
        finally:
            frame.state = inner.state.unwatched()
        try:
            result = CachedResult(private_copy(output), digests_of(before, reads), delta(before, frame.state))
            await self.cache.keep(key, result)
        except Exception as error:  # a context without canonical form, or the user's cache
            raise self._broken(frame, "keep", error) from error
        return output

    def _broken(self, frame: Frame, call: str, error: Exception) -> StepFailedError:
        path = frame.scope.path_of(self.name)
        return StepFailedError(path, None, DecisionError(path, f"{CACHE}.{call}", f"raised {told(error)}"))
