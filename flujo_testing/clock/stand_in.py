"""One attribute of a library replaced while somebody needs it, however the needs of several overlap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class StandIn:
    """``replacement`` of ``owner``'s attribute ``name``; ``original`` is what was there, for who has to call it."""

    def __init__(self, owner: Any, name: str, replacement: Callable[..., Any]) -> None:
        self.owner = owner
        self.name = name
        self.replacement = replacement
        self.original: Any = None
        self._needed = 0
        self._lock = threading.Lock()

    def take(self) -> None:
        with self._lock:
            if self._needed == 0:
                self.original = vars(self.owner)[self.name]
                setattr(self.owner, self.name, self.replacement)
            self._needed += 1

    def leave(self) -> None:
        with self._lock:
            self._needed -= 1
            if self._needed == 0:
                setattr(self.owner, self.name, self.original)
