"""AWS event streams (``application/vnd.amazon.eventstream``): the messages in a streamed response.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html has the layout of the frames.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

_PRELUDE = struct.Struct(">III")  # length of the frame, length of its headers, checksum of these two
_CHECKSUM = struct.Struct(">I")
_LARGEST = 24 * 1024 * 1024
_TEXT = 7
# How many bytes the value of a header has, by its type: booleans, numbers, a time, a UUID.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_WITH_LENGTH = (6, _TEXT)


class BrokenFrame(ValueError):
    """The bytes are no event stream, or were damaged on their way."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its headers that are text (``:event-type``, ``:exception-type``), and its payload."""

    headers: dict[str, str]
    payload: bytes


async def messages_of(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Message, None]:
    """The messages, whole ones only; BrokenFrame for what is left over or does not fit its checksum."""
    rest = b""
    async for chunk in chunks:
        rest += chunk
        while (length := _length(rest)) is not None and len(rest) >= length:
            yield _message(rest[:length])
            rest = rest[length:]
    if rest:
        raise BrokenFrame(f"the stream ends within a message, {len(rest)} bytes after its beginning")


def _length(data: bytes) -> int | None:
    """How long the first frame is; None if that is not there yet."""
    if len(data) < _PRELUDE.size:
        return None
    length, of_headers, checksum = _PRELUDE.unpack_from(data)
    if zlib.crc32(data[:8]) != checksum:
        raise BrokenFrame("the beginning of a message does not fit its checksum: this is no event stream")
    if not _PRELUDE.size + of_headers + _CHECKSUM.size <= length <= _LARGEST:
        raise BrokenFrame(f"a message of {length} bytes with {of_headers} bytes of headers")
    return int(length)


def _message(frame: bytes) -> Message:
    if zlib.crc32(frame[:-4]) != _CHECKSUM.unpack(frame[-4:])[0]:
        raise BrokenFrame("a message does not fit its checksum")
    end_of_headers = _PRELUDE.size + _PRELUDE.unpack_from(frame)[1]
    try:
        headers = _headers(frame[_PRELUDE.size : end_of_headers])
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise BrokenFrame(f"headers that cannot be read: {error}") from error
    return Message(headers, frame[end_of_headers:-4])


def _headers(data: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        name, kind = data[at + 1 : name_end].decode(), data[name_end]
        at = name_end + 1
        if kind in _WITH_LENGTH:
            (size,) = struct.unpack_from(">H", data, at)
            at += 2
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise BrokenFrame(f"a header of the unknown type {kind}")
        if kind == _TEXT:
            headers[name] = data[at : at + size].decode()
        at += size
    return headers
