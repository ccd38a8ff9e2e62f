"""Answers from recordings, by what is asked.

A request finds the exchange whose method, address and body are equal to its own; equal ones answer in
recorded order, each once. What finds none is a ``ReplayMiss``: nothing is ever fetched. Headers are not
compared: they hold keys, versions and ids, and never what a model is asked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from flujo.errors import FlujoError
from flujo_testing.recordings.difference import first_difference, weight
from flujo_testing.recordings.vcr import Exchange, RecordedRequest, Recording

# Anthropic's SDK marked requests to an API in beta so, and left it out later.
SAYS_NOTHING = (("beta", "true"),)


class ReplayMiss(FlujoError):
    """No recording answers ``asked``; ``nearest`` is most like it, ``path`` is where the two first differ."""

    def __init__(self, message: str, asked: RecordedRequest, nearest: Exchange | None, path: str | None) -> None:
        super().__init__(message)
        self.asked = asked
        self.nearest = nearest
        self.path = path


class Replay:
    """Hands out each exchange of its recordings once, to the request that equals the recorded one."""

    def __init__(self, *recordings: Recording) -> None:
        self.exchanges: tuple[Exchange, ...] = tuple(e for r in recordings for e in r.exchanges)
        self.misses: list[ReplayMiss] = []
        self._used: list[Exchange] = []
        self._waiting: dict[str, list[Exchange]] = {}
        for exchange in self.exchanges:
            self._waiting.setdefault(canonical(exchange.request), []).append(exchange)

    def answer(self, asked: RecordedRequest) -> Exchange:
        """The exchange that was recorded for this request.

        Raises ReplayMiss, and keeps it in ``misses`` in case whoever asked swallows it.
        """
        waiting = self._waiting.get(canonical(asked))
        if not waiting:
            miss = _miss(asked, self.exchanges, used_up=waiting is not None)
            self.misses.append(miss)
            raise miss
        exchange = waiting.pop(0)
        self._used.append(exchange)
        return exchange

    @property
    def used(self) -> tuple[Exchange, ...]:
        """Exchanges in the order in which they answered."""
        return tuple(self._used)

    @property
    def unused(self) -> tuple[Exchange, ...]:
        """Exchanges that nobody asked for, in recorded order."""
        return tuple(e for e in self.exchanges if e in [w for ws in self._waiting.values() for w in ws])


def canonical(request: RecordedRequest) -> str:
    """One text per request that means the same: keys and query sorted, no spacing; every value counts."""
    return f"{request.method.upper()} {_address(request.url)}\n{_canonical_body(request.body)}"


def _address(url: str) -> str:
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode(sorted(pair for pair in pairs if pair not in SAYS_NOTHING))
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}{'?' if query else ''}{query}"


def _canonical_body(body: object) -> str:
    if body is None:
        return "no body"
    if isinstance(body, bytes):
        return f"bytes {base64.b64encode(body).decode()}"
    if isinstance(body, str):
        return f"text {json.dumps(body)}"
    return f"json {json.dumps(body, sort_keys=True, separators=(',', ':'))}"


def _miss(asked: RecordedRequest, exchanges: Sequence[Exchange], *, used_up: bool) -> ReplayMiss:
    told = f"no recording answers {asked.method.upper()} {asked.url}"
    if not exchanges:
        return ReplayMiss(f"{told}: there is none. Record it first", asked, None, None)
    nearest = min(exchanges, key=lambda exchange: _distance(exchange.request, asked))
    where = f"{nearest.path}:{nearest.line} (exchange {nearest.position})"
    if used_up:
        times = sum(canonical(e.request) == canonical(asked) for e in exchanges)
        told += f": it was recorded {times} time(s), as in {where}, and is asked once more"
        return ReplayMiss(f"{told}. Ask it as often as recorded, or record it again", asked, nearest, None)
    path, difference = _first(nearest.request, asked)
    told += f"; the nearest is {where}\n  {path}: {difference}\nAsk what was recorded, or record it again"
    return ReplayMiss(told, asked, nearest, path)


def _distance(recorded: RecordedRequest, asked: RecordedRequest) -> tuple[bool, bool, int]:
    return (
        _address(recorded.url) != _address(asked.url),
        recorded.method.upper() != asked.method.upper(),
        weight(recorded.body, asked.body),
    )


def _first(recorded: RecordedRequest, asked: RecordedRequest) -> tuple[str, str]:
    if recorded.method.upper() != asked.method.upper():
        return "method", f"recorded {recorded.method}, asked {asked.method}"
    if _address(recorded.url) != _address(asked.url):
        return "url", f"recorded {recorded.url}, asked {asked.url}"
    return first_difference(recorded.body, asked.body)
