"""How steps run in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flujo.errors import StepFailedError
from flujo.execution.signals import Paused

if TYPE_CHECKING:
    from flujo.execution.frame import Frame
    from flujo.execution.plan import Node


async def run_sequence(nodes: Sequence[Node], frame: Frame, value: object) -> object:
    """The output of the last step; each gets the output of the one before, as the object it is (law C8)."""
    for node in nodes:
        value = await node.run(frame, value)
    return value


async def run_part(nodes: Sequence[Node], frame: Frame, inner: Frame, value: object) -> object:
    """The output of a branch, an iteration or an item of the step in ``frame``; ``inner`` is where it runs.

    What it changed in the context is kept if it completed, or waits for an answer (law C5).
    """
    inner.state = frame.state
    laws = frame.run.laws
    try:
        inner.told = frame.told
        output = await run_sequence(nodes, inner, value)
        frame.told = inner.told
    except StepFailedError:
        frame.state = laws.context_after_part(frame.state, inner.state, False)
        raise
    except Paused:
        frame.state = inner.state
        raise
    frame.state = laws.context_after_part(frame.state, inner.state, True)
    return output
