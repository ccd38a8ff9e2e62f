"""Every recording as a cassette: written, read back, and replayed behind a client as it was recorded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from flujo_testing.cassette.foreign import imported
from flujo_testing.cassette.http import transport
from flujo_testing.cassette.lines import read, written
from flujo_testing.cassette.mode import Mode
from flujo_testing.cassette.player import Player
from flujo_testing.cassette.tape import Tape
from flujo_testing.recordings import read_recording

FOLDER = os.environ.get("FLUJO_RECORDINGS")
FILES = sorted(Path(FOLDER).rglob("*.yaml")) if FOLDER else []
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="FLUJO_RECORDINGS is not set: it names the folder of recorded provider traffic"
)
OWNER = "tests/test_rain.py::test_rain"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recording_is_a_cassette_that_answers_as_it_did(
    path: Path, record_property: Callable[[str, object], None]
) -> None:
    recording = read_recording(path)
    owner, exchanges = read(written(OWNER, imported(path)), "x.jsonl")
    tape = Tape("x.jsonl", exchanges)
    player = Player(tape, Mode.NONE, existed=True, keep=lambda exchanges: None)
    with httpx2.Client(transport=transport(httpx2, player)) as client:
        for exchange in recording.exchanges:
            body = exchange.request.body
            content = {"content": body} if isinstance(body, str | bytes) else {"json": body} if body is not None else {}
            answer = client.request(exchange.request.method, exchange.request.url, **content)
            asked = (answer.status_code, answer.content)
            assert asked == (exchange.response.status, exchange.response.content), exchange.position
    assert (owner, len(tape.used), tape.unused) == (OWNER, len(recording.exchanges), [])
    record_property("exchanges", len(recording.exchanges))
