"""What a stranger may put into a file that is read here: markup that runs or grows, and data without measure.

Each is a fragment; ``readers.py`` puts it alone into a file and into an otherwise good one. Nothing here is read.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable

MEBI = 1024 * 1024
SPARSE = 100 * MEBI
"""Bytes of a file that holds nothing: so large on paper only."""


class _Reduced:
    """Unpickled, it would run a command."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("echo pwned",)


def _laughs() -> bytes:
    """The billion laughs: each line ten times the line before."""
    lines = [b"[&l0 [lol" + b", lol" * 9 + b"]"]
    lines += [b", &l%d [" % n + b", ".join([b"*l%d" % (n - 1)] * 10) + b"]" for n in range(1, 10)]
    return b"".join(lines) + b"]"


CONTENTS: dict[str, Callable[[], bytes]] = {
    "a tag that runs a command": lambda: b"!!python/object/apply:os.system ['echo pwned']",
    "a tag that imports a module": lambda: b"!!python/module:antigravity ''",
    "a tag of a class": lambda: b'!!python/object/new:subprocess.Popen [["echo", "pwned"]]',
    "an alias of itself": lambda: b"&a [*a]",
    "aliases that grow": _laughs,
    "a merge key": lambda: b"{<<: {a: 1}}",
    "a pickle": lambda: pickle.dumps(_Reduced()),
    "lists 100,000 deep": lambda: b"[" * 100_000,
    "closed lists 100,000 deep": lambda: b"[" * 100_000 + b"]" * 100_000,
    "objects 100,000 deep": lambda: b'{"a":' * 100_000,
    "indented 100,000 deep": lambda: b"- " * 100_000,
    "an integer of 5,000 digits": lambda: b"9" * 5000,
    "a float of 5,000 digits": lambda: b"0." + b"9" * 5000,
    "an exponent without end": lambda: b"1e" + b"9" * 5000,
    "a number in base 60": lambda: b":".join([b"59"] * 5000),
    "millions of lists": lambda: b"[" + b"[]," * (2 * MEBI) + b"[]]",
    "millions of keys": lambda: b"{" + b",".join(b'"%d":0' % n for n in range(500_000)) + b"}",
    "millions of keys, the last one twice": lambda: (
        b"{" + b",".join(b'"%d":0' % (n or 1) for n in range(500_000, -1, -1)) + b"}"
    ),
    "a text without end": lambda: b'"' + b'\\"' * (2 * MEBI),
    "a text of 3 MiB": lambda: b'"' + b"x" * (3 * MEBI) + b'"',
    "3 MiB of spaces": lambda: b" " * (3 * MEBI),
    "3 MiB of comments": lambda: b"#\n" * (MEBI * 3 // 2),
    "millions of quotes": lambda: b'"' * (2 * MEBI),
    "a lone surrogate": lambda: b'"\\ud800"',
    "a NUL": lambda: b'"\x00"',
    "bytes that are no text": lambda: b'"\xff\xfe"',
    "UTF-16": lambda: "a: 1\n".encode("utf-16"),
    "a terminal escape": lambda: b'"\x1b]0;pwned\x07"',
    "an anchor of 3 MiB": lambda: b"&" + b"x" * (3 * MEBI) + b" 1",
    "a tag of 3 MiB": lambda: b"!" + b"x" * (3 * MEBI) + b" 1",
    "a key of 3 MiB twice": lambda: b'{"%b": 1, "%b": 1}' % ((b"x" * (MEBI * 3 // 2),) * 2),
    "digits and letters": lambda: b'"' + (b"9" * 4300 + b"x") * 1400 + b'"',
    "bare digits and letters": lambda: (b"9" * 4300 + b"x") * 1400,
    "a key twice": lambda: b'{"a": 1, "a": 2}',
    "marks of a merge conflict": lambda: b"\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> theirs",
    "nothing": lambda: b"",
}
