"""Every text of a cassette, and what stands within it: JSON in a text, events of a stream, base64, parts of addresses.

A secret may be escaped several times over; whoever looks for one looks through all layers.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from flujo_testing.golden.leak import texts_of

MAX_LAYERS = 5
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")


def texts_within(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Each text with the line and path where it stands, the layers below it with the same."""
    for number, line in enumerate(content.split(b"\n"), 1):
        if line:
            for path, text in texts_of(json.loads(line)):
                yield from _layers(f"{path} of line {number}", text, MAX_LAYERS)


def _layers(path: str, text: bytes, left: int) -> Iterator[tuple[str, bytes]]:
    yield path, text
    if left:
        for inner in _inner(text):
            yield from _layers(path, inner, left - 1)


def _inner(text: bytes) -> Iterator[bytes]:
    if b"%" in text and (plain := unquote_to_bytes(text)) != text:
        yield plain
    if _BASE64.fullmatch(text):
        yield from _of_base64(text)
    if text[:1] in (b"{", b"[", b'"'):
        yield from _of_json(text)
    elif b"data:" in text:
        for line in text.splitlines():
            if line.startswith(b"data:"):
                yield from _of_json(line.removeprefix(b"data:").strip())


def _of_base64(text: bytes) -> Iterator[bytes]:
    padded = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        yield b64decode(padded + b"=" * (-len(padded) % 4))
    except NotBase64:  # it is a long word
        return


def _of_json(text: bytes) -> Iterator[bytes]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from (inner for _, inner in texts_of(data))
