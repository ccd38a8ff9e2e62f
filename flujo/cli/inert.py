"""Text that came out of a model, made harmless for a terminal and a CI log, and visible."""

from __future__ import annotations

import re
import unicodedata

_LINES = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
# GitHub reads '::name' at the start of a line; Azure, TeamCity and an older GitHub read '##[', '##vso[', ...
# anywhere.
_WORKFLOW_COMMAND = re.compile(r"^(\W*?):(?=:)")
_LOGGING_COMMAND = re.compile(r"##(?=\w*\[)")


def inert(text: str) -> str:
    """The text with control, format and bidi characters shown as escapes, and no line that commands a CI
    service.

    Line feeds stay; every other line break is shown.
    """
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    shown = line if line.isascii() and line.isprintable() else "".join(map(_shown, line))
    return _LOGGING_COMMAND.sub(r"#\\x23", _WORKFLOW_COMMAND.sub(r"\1\\x3a", shown))


def _shown(letter: str) -> str:
    if letter == "\t" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return letter
    return letter.encode("unicode_escape").decode("ascii")
