"""A cassette in the machine: decides for each request whether it is answered, recorded or missed, and keeps the file.

The file is written whole after every recorded exchange, so that nothing paid is lost when a test is killed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flujo.canonical import NotRepresentable
from flujo_testing.cassette.answers import NO_ANSWER
from flujo_testing.cassette.errors import CassetteCorrupt, NotRecordable
from flujo_testing.cassette.exchange import Data, Exchange
from flujo_testing.cassette.mode import Mode
from flujo_testing.cassette.tape import Tape
from flujo_testing.transcript.redaction import Replacement, redacted

Keep = Callable[[list[Exchange]], None]
"""Writes the file anew with these exchanges."""
Progress = Callable[[Exchange], None]


class Player:
    """``tape`` holds what was recorded; ``existed`` says whether its file was there when the test began.

    ``redact`` replaces fields of every exchange before it is compared, shown or written, by paths such as
    ``$.request.settings.user``: secrets, and what is different in every run.
    """

    def __init__(
        self,
        tape: Tape,
        mode: Mode,
        *,
        existed: bool,
        keep: Keep,
        redact: Mapping[str, Replacement] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.tape = tape
        self.mode = mode
        self.records = mode.records(existed)
        self.problems: list[Exception] = []
        self._keep = keep
        self._redact = redact or {}
        self._progress = progress
        self._given_up: list[Exchange] = []
        self._lock = threading.Lock()

    def recorded(self, at: str, request: Data) -> Exchange | None:
        """The recorded exchange for a request; None if it is to go live. Raises CassetteMiss."""
        asked = self._redacted({"request": request})["request"]
        if self.mode is not Mode.ALL and (found := self.tape.find(at, asked)) is not None:
            return found
        if self.records:
            return None
        raise self.tape.missed(at, asked, self._remedy())

    def keep(self, at: str, request: Data, answer: Data) -> None:
        """Record what a live call brought. What cannot be written is a problem of the test, told when it ends."""
        told = self._redacted({"request": request, "answer": answer})
        exchange = Exchange(at, told["request"], told["answer"])
        with self._lock:
            self.tape.add(exchange)
            if not self._write(self.tape.exchanges):
                self.tape.withdraw(exchange)  # what is recorded after it is kept all the same
        if self._progress is not None:
            self._progress(exchange)

    def give_up(self, at: str, request: Data) -> None:
        """A call ended without an answer. Whether its deadline or a person ended it, the end of the test will tell."""
        told = self._redacted({"request": request})
        with self._lock:
            self._given_up.append(Exchange(at, told["request"], NO_ANSWER))

    def refuse(self, problem: Exception) -> None:
        """Something cannot be recorded; the run goes on, as the call is paid for."""
        with self._lock:
            self.problems.append(problem)

    def refused(self, exchange: Exchange, reason: str) -> CassetteCorrupt:
        """The error for a recorded exchange that cannot be replayed."""
        problem = CassetteCorrupt(self.tape.shown, exchange.line, f"cannot be replayed: {reason}. Record it again")
        self.refuse(problem)
        return problem

    def close(self, *, ended: bool) -> None:
        """The test is over; ``ended`` says that nobody broke it off."""
        if self.records and ended:
            with self._lock:
                for exchange in self._given_up:
                    self.tape.add(exchange)
                kept = self.tape.added if self.mode is Mode.ALL else self.tape.exchanges
                if self._given_up or self.mode is Mode.ALL:
                    self._write(kept)

    def prune(self) -> int:
        """Drop what was recorded and not asked for; how much that was."""
        with self._lock:
            unused = self.tape.drop_unused()
            self._write(self.tape.exchanges)
        return unused

    def finish(self, *, ended: bool) -> None:
        """Close, and raise the first problem, if there is one."""
        self.close(ended=ended)
        found = [*self.tape.misses, *self.problems]
        for other in found[1:]:
            found[0].add_note(f"and {type(other).__name__}: {other}")
        if found:
            raise found[0]

    def _write(self, exchanges: list[Exchange]) -> bool:
        try:
            self._keep([replace(exchange, line=0) for exchange in exchanges])
            return True
        except NotRepresentable as error:
            self.problems.append(NotRecordable(exchanges[-1].at, error.path, error.reason))
        except Exception as error:  # the disk, or a secret: told when the test ends, as the call is paid for
            self.problems.append(error)
        return False

    def _redacted(self, data: dict[str, Any]) -> dict[str, Any]:
        return redacted(data, self._redact, everywhere=False) if self._redact else data

    def _remedy(self) -> str:
        if self.mode is Mode.ONCE:
            return "Nothing goes live beside a cassette that exists: record what is new with --flujo-record=new"
        return "Nothing goes live: record it with --flujo-record=new, or all of it anew with --flujo-record=all"
