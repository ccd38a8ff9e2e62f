"""Compressed bodies as they were before: recordings keep some as they came over the wire.

Decompressed once, where they are read, they suit every HTTP library, whatever each can decompress.
"""

from __future__ import annotations

import zlib
from typing import Any

MAX_BYTES = 64 * 1024 * 1024
_GZIP, _ZLIB, _RAW = 31, 15, -15


class NotDecoded(ValueError):
    """A body that does not hold what its encoding says, or holds too much."""


def decoded(body: bytes, encoding: str) -> bytes:
    """The body without its ``content-encoding``; one that is text has been decompressed when it was recorded."""
    if encoding == "identity" or _is_text(body):
        return body
    match encoding:
        case "gzip" | "x-gzip":
            return _inflated(body, _GZIP)
        case "deflate":  # with a header of its own by the standard, without in practice
            return _inflated(body, _ZLIB if body[:1] == b"\x78" else _RAW)
        case "br":
            return _unbrotlied(body)
    raise NotDecoded(f"content-encoding '{encoding}' is not known here: gzip, deflate and br are")


def _is_text(body: bytes) -> bool:
    """Compressed data is no UTF-8, but for a few bytes."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _inflated(body: bytes, kind: int) -> bytes:
    inflating = zlib.decompressobj(kind)
    try:
        content = inflating.decompress(body, MAX_BYTES)
    except zlib.error as error:
        raise NotDecoded(f"does not hold what its content-encoding says: {error}") from None
    if inflating.unconsumed_tail:
        raise NotDecoded(f"is larger than {MAX_BYTES} bytes")
    if not inflating.eof:
        raise NotDecoded("is compressed, and its end is missing")
    return content


def _unbrotlied(body: bytes) -> bytes:
    try:
        import brotli  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise NotDecoded("is compressed with br, which needs a library: pip install Brotli") from None
    inflating: Any = brotli.Decompressor()
    try:
        content: bytes = inflating.process(body, output_buffer_limit=MAX_BYTES)
        finished = inflating.is_finished()
    except brotli.error as error:
        raise NotDecoded(f"does not hold what its content-encoding says: {error}") from None
    if not finished or len(content) > MAX_BYTES:  # the limit is exceeded by up to a buffer
        raise NotDecoded(f"is larger than {MAX_BYTES} bytes, or its end is missing")
    return content
