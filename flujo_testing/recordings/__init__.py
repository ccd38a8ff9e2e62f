"""Recorded provider traffic, replayed to unmodified SDKs.

``read_recording`` reads a VCR file as data; ``Replay`` answers requests from it by their content. The
transport that plugs a replay into an SDK's HTTP client is in ``flujo_testing.recordings.transport``, which
needs that HTTP library. Nothing here records, and nothing here opens a connection.
"""

from __future__ import annotations

from flujo_testing.recordings.replay import Replay, ReplayMiss
from flujo_testing.recordings.vcr import (
    Exchange,
    RecordedRequest,
    RecordedResponse,
    Recording,
    RecordingError,
    read_recording,
)

__all__ = [
    "Exchange",
    "RecordedRequest",
    "RecordedResponse",
    "Recording",
    "RecordingError",
    "Replay",
    "ReplayMiss",
    "read_recording",
]
