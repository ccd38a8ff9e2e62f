"""What happens to a request while a cassette is in the machine."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    NONE = "none"
    """Answer from the cassette; a request that it does not hold is a miss. Nothing goes live, nothing is written."""
    ONCE = "once"
    """Record a cassette that does not exist yet; one that does is played as in ``none``."""
    NEW = "new"
    """Answer what the cassette holds, record the rest beside it."""
    ALL = "all"
    """Record every request anew; what was recorded before and is not asked again is dropped at the end."""

    def records(self, exists: bool) -> bool:
        """Whether a request may go live, given whether its cassette existed when the test began."""
        return self in (Mode.NEW, Mode.ALL) or (self is Mode.ONCE and not exists)
