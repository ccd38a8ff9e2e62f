"""Every recorded exchange, of whichever provider, asked again over loopback: the server answers byte for byte."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from flujo_testing.recordings import Exchange, read_recording
from flujo_testing.server import LLMServer

FOLDER = os.environ.get("FLUJO_RECORDINGS")
FILES = sorted(Path(FOLDER).rglob("*.yaml")) if FOLDER else []
pytestmark = [
    pytest.mark.skipif(
        not FOLDER, reason="FLUJO_RECORDINGS is not set: it names the folder of recorded provider traffic"
    ),
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
]


async def asked_again(exchange: Exchange, url: str, client: httpx2.AsyncClient) -> tuple[int, bytes]:
    """Status and body, as they came: compressed bodies stay so."""
    parts = urlsplit(exchange.request.url)
    address = f"{url}{parts.path}{'?' if parts.query else ''}{parts.query}"
    body = exchange.request.body
    content = {"content": body} if isinstance(body, str | bytes) else {"json": body} if body is not None else {}
    async with client.stream(exchange.request.method, address, **content) as response:
        return response.status_code, b"".join([chunk async for chunk in response.aiter_raw()])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_a_recording_is_answered_byte_for_byte(
    path: Path, llm_server: LLMServer, record_property: Callable[[str, object], None]
) -> None:
    recording = read_recording(path)
    replay = llm_server.answer_from(recording)
    async with httpx2.AsyncClient(timeout=60) as client:
        for exchange in recording.exchanges:
            answered = await asked_again(exchange, llm_server.url, client)
            assert answered == (exchange.response.status, exchange.response.content), exchange.position
    assert (len(replay.used), replay.unused, replay.misses) == (len(recording.exchanges), (), [])
    record_property("exchanges", len(recording.exchanges))
    print(f"{path.name}: {len(recording.exchanges)} exchanges")
