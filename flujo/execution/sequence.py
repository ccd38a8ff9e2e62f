"""How steps run in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flujo.execution.frame import Frame
    from flujo.execution.plan import Node


async def run_sequence(nodes: Sequence[Node], frame: Frame, value: object) -> object:
    """The output of the last step; each gets the output of the one before, as the object it is (law C8)."""
    for node in nodes:
        value = await node.run(frame, value)
    return value
