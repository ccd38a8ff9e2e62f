"""Cancels one call and sees whether it lets the cancellation pass, on asyncio and trio."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any

import anyio

from flujo_testing.conformance.contract import ConformanceError, shown


async def went_on(coroutine: Coroutine[Any, Any, Any]) -> str | None:
    """What a call did that went on although it was cancelled; None if it stopped, or never waited."""
    call = InterruptedCall(coroutine)
    outcome = None
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            answer = await call
            outcome = f"it went on and answered {shown(answer)}"
            if inspect.iscoroutine(answer):  # another test tells that it forgot to await
                answer.close()
        except ConformanceError:
            raise
        except Exception as error:  # whatever a part makes of its cancellation
            outcome = f"it raised {type(error).__name__}: {error}"
    return outcome if call.interruptions else None


class InterruptedCall:
    """Awaits a call and counts how often a cancellation arrives in it."""

    def __init__(self, call: Coroutine[Any, Any, Any]) -> None:
        self.call = call
        self.interruptions = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        go_on: Callable[[], Any] = partial(self.call.send, None)
        while True:
            try:
                waiting_for = go_on()
            except StopIteration as end:
                return end.value
            try:
                reply = yield waiting_for
            except BaseException as thrown:  # so asyncio tells it
                self.interruptions += 1
                go_on = partial(self.call.throw, thrown)
            else:
                self.interruptions += isinstance(getattr(reply, "error", None), BaseException)  # so trio does
                go_on = partial(self.call.send, reply)
