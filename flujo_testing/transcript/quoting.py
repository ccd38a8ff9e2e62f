"""Text as YAML scalars that show every character: nothing hidden, and read alike by all parsers."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

# All of these would be invisible, move the text around them, or look like a plain space.
_HIDDEN: Final = (
    "\x00-\x09\x0b-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    "\u2028-\u202f\u205f-\u206f\u2800\u3164\ud800-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
)
# Combining marks newer than Unicode 14: whether text that holds them is normal depends on the Python.
_YOUNG: Final = "\U00010efd-\U00010eff\U00011f41\U00011f42\U0001e08f\U0001e4ec-\U0001e4ef"
_ESCAPED: Final = re.compile(rf'[\n"\\{_HIDDEN}{_YOUNG}]')
# Editors remove space at the end of a line.
_NOT_IN_A_BLOCK: Final = re.compile(rf"[{_HIDDEN}{_YOUNG}]| $", re.MULTILINE)
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_SHORT: Final = {"\n": r"\n", "\t": r"\t", "\r": r"\r", '"': r"\"", "\\": r"\\"}

_SAFE_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_-]*(?: [A-Za-z0-9_-]+)*")
_SAFE_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_/-]*|(?:item|iteration) [0-9]+")
# What YAML 1.1 or 1.2 reads as something else than text, in any case of its letters.
_NOT_TEXT: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def quoted(text: str) -> str:
    """The text in double quotes, on one line however long; in ASCII if it is not in normal form C."""
    line = f'"{_ESCAPED.sub(_escape, text)}"'
    if line.isascii() or unicodedata.is_normalized("NFC", line):
        return line
    return _BEYOND_ASCII.sub(_escape, line)


def block_lines(text: str) -> list[str] | None:
    """The header and the lines of a literal block that holds exactly this text; None where it must be quoted.

    A block holds text of several lines, with at most one line break at its end, all of it visible as it is,
    with a first line that is not empty and begins with no space.
    """
    if "\n" not in text[:-1] or text[0] in " \n" or text.endswith("\n\n") or _NOT_IN_A_BLOCK.search(text):
        return None
    if not unicodedata.is_normalized("NFC", text):
        return None
    return ["|", *text[:-1].split("\n")] if text[-1] == "\n" else ["|-", *text.split("\n")]


@lru_cache(4096)
def word(text: str) -> str:
    """A word of the format without quotes, where nobody can read it as anything but text."""
    return text if _SAFE_WORD.fullmatch(text) and text.lower() not in _NOT_TEXT else quoted(text)


@lru_cache(4096)
def key_text(key: str) -> str:
    """A key, without quotes where nobody can read it as anything but text."""
    return key if _SAFE_KEY.fullmatch(key) and key.lower() not in _NOT_TEXT else quoted(key)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if (short := _SHORT.get(character)) is not None:
        return short
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
