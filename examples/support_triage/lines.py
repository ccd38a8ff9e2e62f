"""Lines of text for people: wrapped below each other on a terminal, whole in a pipe, inert in both."""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.text import Text

from flujo_testing.golden.inert import inert


def say(console: Console, text: str, style: str = "", *, indent: int = 2) -> None:
    """Print a text, which models may have written; lines that do not fit go on ``indent`` columns further."""
    for line in inert(text).split("\n"):
        shown = [line]
        if console.is_terminal:
            shown = textwrap.wrap(
                line, console.width, subsequent_indent=" " * indent, drop_whitespace=False
            ) or [""]
        for part in shown:
            console.print(Text(part.rstrip(), style=style), soft_wrap=True)
