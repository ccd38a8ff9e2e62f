"""What a script says of the wire: failures of HTTP, and silence.

Failures are exceptions, as in the scripts of fakes, and can end the pieces of ``Chunks``. Python's own serve
where they say it all: ``ConnectionError`` breaks the connection, ``TimeoutError`` is silence until the client
gives up, and an ``AgentError`` is an error 500 that reports its usage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flujo import Usage
from flujo_testing.agents.scripts import copied


class StatusError(Exception):
    """The server answers with an HTTP status of 400 or more, in the error format of the API.

    ``retry_after_s`` is sent as the header ``retry-after``, ``code`` as the provider's own name of the error.
    Behind pieces that were streamed it is an error event: then no status can be sent any more.
    """

    def __init__(
        self,
        status: int,
        message: str = "",
        *,
        retry_after_s: float | None = None,
        code: str | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(f"{status} {message}".rstrip())
        self.status = status
        self.message = message or f"the script says {status}"
        self.retry_after_s = retry_after_s
        self.code = code
        self.usage = usage


class Malformed(Exception):
    """The server answers 200 with ``text`` in place of what the API promises; an empty text is an empty body."""

    def __init__(self, text: str = '{"choices": [') -> None:
        super().__init__(f"malformed: {text!r}")
        self.text = text


@dataclass(frozen=True, slots=True)
class Stall:
    """The server is silent for ``seconds`` (virtual ones under ``virtual_clock``), then answers ``then``."""

    seconds: float
    then: Any

    def __deepcopy__(self, memo: dict[int, Any]) -> Stall:
        return Stall(self.seconds, copied(self.then, "what a Stall answers then"))
