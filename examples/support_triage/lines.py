"""Lines of text for people: wrapped below each other on a terminal, whole in a pipe, inert in both."""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.text import Text

from flujo_testing.golden.inert import inert


def say(console: Console, text: str, style: str = "", *, indent: int = 2) -> None:
    """Print a text, which models may have written; lines that do not fit go on ``indent`` columns further."""
    for line in inert(text).split("\n"):
        for part in _wrapped(line, console.width, indent) if console.is_terminal else [line]:
            console.print(Text(part, style=style), soft_wrap=True)


def _wrapped(line: str, width: int, indent: int) -> list[str]:
    """Paths and commands stay whole, so that they can be copied."""
    if " " not in line.strip():
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
