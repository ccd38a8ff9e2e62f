"""Recordings of other tools as exchanges of a cassette: what VCR wrote, for every provider.

They are recorded nowhere in a pipeline, so they answer wherever the same request is sent.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flujo_testing.cassette.exchange import ANYWHERE, Exchange
from flujo_testing.cassette.http import KEPT_HEADERS, address, body_told
from flujo_testing.recordings.vcr import RecordedRequest, RecordedResponse, read_recording


def imported(path: Path) -> list[Exchange]:
    """The exchanges of a VCR recording. Raises RecordingError for a file that is none."""
    return list(_exchanges(path))


def _exchanges(path: Path) -> Iterator[Exchange]:
    for exchange in read_recording(path).exchanges:
        yield Exchange(ANYWHERE, _request(exchange.request), _answer(exchange.response))


def _request(request: RecordedRequest) -> dict[str, Any]:
    body = request.body
    told = {"$base64": b64encode(body).decode("ascii")} if isinstance(body, bytes) else body
    return {"method": request.method.upper(), "url": address(request.url), "body": told}


def _answer(response: RecordedResponse) -> dict[str, Any]:
    headers = dict(response.headers)
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    return {"status": response.status, "headers": kept, **body_told(response.content)}
