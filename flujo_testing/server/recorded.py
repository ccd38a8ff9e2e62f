"""Recordings behind the server: a request is answered as the one to a real provider was that equals it."""

from __future__ import annotations

from urllib.parse import urlsplit

from flujo_testing.recordings import Exchange, RecordedRequest, Replay
from flujo_testing.recordings.replay import canonical
from flujo_testing.server.requests import WireRequest


def exchange_for(request: WireRequest, replay: Replay) -> Exchange:
    """Raises ReplayMiss."""
    asked = [RecordedRequest(request.method, address, request.body) for address in _addresses(request, replay)]
    known = {canonical(exchange.request) for exchange in replay.exchanges}
    return replay.answer(next((one for one in asked if canonical(one) in known), asked[0]))


def _addresses(request: WireRequest, replay: Replay) -> list[str]:
    """Where the request would have gone instead: to those recorded addresses whose path ends as its own does."""
    path, mark, query = request.url.partition("?")
    recorded = [urlsplit(exchange.request.url) for exchange in replay.exchanges]
    same = [f"{one.scheme}://{one.netloc}{one.path}{mark}{query}" for one in recorded if one.path.endswith(path)]
    origins = [f"{one.scheme}://{one.netloc}" for one in recorded] or ["http://127.0.0.1"]
    return list(dict.fromkeys(same)) or [f"{origins[0]}{request.url}"]
