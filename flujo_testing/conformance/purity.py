"""What a plain function reaches for while it runs: clocks, chance and the outside world. Seen by Python's profiler."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from random import Random
from types import FrameType
from typing import Any, Final

_OUTSIDE: Final = frozenset({"_io", "_socket", "_sqlite3", "_ssl", "io", "nt", "posix", "select", "sqlite3", "time"})
_HARMLESS: Final = frozenset({"fspath"})
_NOW: Final = frozenset({"now", "today", "utcnow"})


def reached_by(function: Callable[[], object]) -> list[str]:
    """The names of clocks, sources of chance and doors to the outside that a function called, in order.

    Calls from within C code are not seen.
    """
    reached: list[str] = []
    with _calls_told_to(lambda called: reached.extend(filter(None, [_reaching(called)]))):
        function()
    return reached


@contextmanager
def _calls_told_to(tell: Callable[[Any], None]) -> Iterator[None]:
    before, collects = sys.getprofile(), gc.isenabled()

    def note(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call":
            tell(called)

    gc.disable()  # what a collection calls, finalizers and callbacks, is not the function's
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()


def _reaching(called: Any) -> str | None:
    owner, name = called.__self__, called.__name__
    if isinstance(owner, type) and issubclass(owner, date):
        return f"{owner.__name__}.{name}" if name in _NOW else None
    if isinstance(owner, Random):
        return f"random.{name}"
    module = called.__module__ or type(owner).__module__
    if module.partition(".")[0] in _OUTSIDE and name not in _HARMLESS:
        return f"{module.lstrip('_')}.{name}"
    return None
