"""The log of a run that is followed, or that keeps no transcript: each record is handed on as it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flujo.events import AS_WRITTEN, UNTOLD, Drawn, Event, Paid, PaidBefore, record


class TeeLog(list[Any]):
    """A log that also hands every record to ``publish`` the moment it is written. It may keep what was paid only."""

    __slots__ = ("keeps_all", "publish")

    def __init__(self, publish: Callable[[Event], None] | None, keeps_all: bool) -> None:
        super().__init__()
        self.publish = publish
        self.keeps_all = keeps_all

    def extend(self, entry: Any) -> None:
        kind = entry[0]
        if self.keeps_all or kind is Paid or kind is Drawn or kind is PaidBefore:  # a journal keeps both
            super().extend(entry)
        if self.publish is None or kind in UNTOLD:
            return
        if kind in AS_WRITTEN:
            _, at, scope, name, *rest = entry
            self.publish(kind(scope.path_of(name), at, *rest))
        else:
            self.publish(record(*entry))
