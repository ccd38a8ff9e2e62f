"""How a map step runs: its body once per item, in turn like the iterations of a loop, or at once like branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flujo.events import ItemEnded, Scope
from flujo.execution.composite import CompositeNode, ended_by, why_ended
from flujo.execution.deciding import decide, listed, unusable
from flujo.execution.lanes import Lane, Lanes
from flujo.execution.sequence import run_part
from flujo.functions import bind_function
from flujo.steps.looping import MapStep

if TYPE_CHECKING:
    from flujo.execution.frame import Frame
    from flujo.execution.plan import Node


class MapNode(CompositeNode):
    """A map step, compiled."""

    __slots__ = ("items", "limit", "nodes", "strategy")

    def __init__(self, step: MapStep[Any, Any], name: str, nodes: Sequence[Node]) -> None:
        super().__init__(step, name)
        self.nodes = nodes
        self.items = bind_function("items", step.items)
        self.limit = step.max_concurrency
        self.strategy = step.merge_strategy

    async def inside(self, frame: Frame, value: object) -> object:
        items = await decide(frame, self.name, self.items, value, read=_items)
        return await (self._in_turn(frame, items) if self.limit == 1 else self._at_once(frame, items))

    async def _in_turn(self, frame: Frame, items: Sequence[object]) -> list[object]:
        inner = frame.child(frame.scope, frame.log, frame.state)
        log, now, outputs = frame.log, frame.run.now, []
        for number, item in enumerate(items, 1):
            inner.scope = Scope(frame.scope, f"{self.name}/item:{number}", frame.scope.order)
            try:
                output = await run_part(self.nodes, frame, inner, item)
            except BaseException as error:
                how = ended_by(error), None, why_ended(error)
                log.extend((ItemEnded, now(), frame.scope, self.name, number, *how))
                raise
            log.extend((ItemEnded, now(), frame.scope, self.name, number, "completed", frame.as_told(output), None))
            outputs.append(output)
        return outputs

    async def _at_once(self, frame: Frame, items: Sequence[object]) -> list[object]:
        lanes = Lanes(frame, self.name, ignores_failures=False, limit=self.limit)
        names = [f"item:{number}" for number in range(1, len(items) + 1)]
        start = frame.run.laws.context_for_branch(frame.state)
        lanes.open(start, [(name, name, self.nodes, item) for name, item in zip(names, items, strict=True)])

        def end_of(lane: Lane) -> tuple[Any, ...]:
            number = int(lane.name.removeprefix("item:"))
            return (
                ItemEnded, frame.run.now(), frame.scope, self.name, number, lane.status, lane.told, lane.error_told,
            )  # fmt: skip

        await lanes.run(end_of)
        await lanes.join(self.strategy)
        return [lane.output for lane in lanes.lanes]


def _items(returned: Any) -> tuple[object, ...]:
    if isinstance(returned, Mapping):
        raise unusable(returned, "a list")
    return listed(returned, "a list")
