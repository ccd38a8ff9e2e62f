"""Compressed bodies of recordings, and what only says that it is one."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import pytest

from flujo_testing.recordings.encodings import MAX_BYTES, NotDecoded, decoded

RAIN = "Regen in Köln ".encode() * 99


def raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body)[2:-4]


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("br", brotli.compress),
        ("identity", bytes),
        ("gzip", bytes),
        ("br", bytes),
        ("novel", bytes),
    ],
)
def test_a_body_is_as_it_was_before_it_was_compressed(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    assert decoded(compress(RAIN), encoding) == RAIN


@pytest.mark.parametrize(
    ("encoding", "body", "why"),
    [
        ("gzip", gzip.compress(RAIN, mtime=0)[:-9], "is compressed, and its end is missing"),
        ("gzip", b"\xff" * 9, "does not hold what its content-encoding says: "),
        ("br", brotli.compress(RAIN)[:-3], "is larger than 67108864 bytes, or its end is missing"),
        ("br", b"\xff" * 9, "does not hold what its content-encoding says: "),
        ("gzip", gzip.compress(bytes(MAX_BYTES + 1), 1, mtime=0), "is larger than 67108864 bytes"),
        ("br", brotli.compress(bytes(MAX_BYTES * 2), quality=1), "is larger than 67108864 bytes"),
        ("novel", b"\xff", "content-encoding 'novel' is not known here: gzip, deflate and br are"),
    ],
    ids=["cut gzip", "no gzip", "cut br", "no br", "large gzip", "large br", "unknown"],
)
def test_what_is_not_what_it_says_or_too_much_is_refused(encoding: str, body: bytes, why: str) -> None:
    with pytest.raises(NotDecoded) as refused:
        decoded(body, encoding)
    assert str(refused.value).startswith(why)


def test_without_its_library_br_names_what_to_install() -> None:
    script = """
import sys
sys.modules["brotli"] = None
from flujo_testing.recordings.encodings import NotDecoded, decoded
try:
    decoded(b"\\xff", "br")
except NotDecoded as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "is compressed with br, which needs a library: pip install Brotli\n"
