"""Single keys from a terminal, as names: letters as they are, ``enter``, ``up``, ``down``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NAMES: Final = {"\r": "enter", "\n": "enter", "\x03": "q", "\x04": "q"}
_PAGES: Final = {"A": "up", "B": "down", "5": "up", "6": "down"}
"""The last letter, or the number, of what a terminal sends for arrows and pages."""


def is_terminal() -> bool:
    """Whether somebody can see what is shown, and press keys."""
    return sys.stdin.isatty() and sys.stdout.isatty()


if sys.platform == "win32":
    import msvcrt

    _WINDOWS: Final = {"H": "up", "P": "down", "I": "up", "Q": "down"}

    @contextmanager
    def single_keys() -> Iterator[None]:
        """Keys come one by one within."""
        yield

    @contextmanager
    def whole_lines() -> Iterator[None]:
        """Lines can be typed within, and are shown."""
        yield

    def read_key() -> str:
        """The next key, as soon as it is pressed."""
        letter = msvcrt.getwch()
        if letter in ("\0", "\xe0"):
            return _WINDOWS.get(msvcrt.getwch(), "")
        return _NAMES.get(letter, letter)

else:
    import os
    import select
    import termios
    import tty

    _ESCAPE_S: Final = 0.05
    """A terminal sends the whole sequence of a key at once."""

    @contextmanager
    def single_keys() -> Iterator[None]:
        """Keys come one by one within, and are not shown."""
        with _restored() as handle:
            tty.setcbreak(handle, termios.TCSADRAIN)
            yield

    @contextmanager
    def whole_lines() -> Iterator[None]:
        """Lines can be typed within, and are shown; keys come one by one again behind it."""
        with _restored() as handle:
            settings = termios.tcgetattr(handle)
            settings[3] |= termios.ICANON | termios.ECHO
            termios.tcsetattr(handle, termios.TCSADRAIN, settings)
            yield

    @contextmanager
    def _restored() -> Iterator[int]:
        """What is typed meanwhile is kept."""
        handle = sys.stdin.fileno()
        before = termios.tcgetattr(handle)
        try:
            yield handle
        finally:
            termios.tcsetattr(handle, termios.TCSADRAIN, before)

    def read_key() -> str:
        """The next key, as soon as it is pressed; ``q`` when there are no more."""
        data = os.read(sys.stdin.fileno(), 1)
        if not data:
            return "q"
        if data == b"\x1b":
            return _sequence()
        letter = data.decode("latin-1")
        return _NAMES.get(letter, letter)

    def _sequence() -> str:
        text = ""
        while select.select([sys.stdin.fileno()], [], [], _ESCAPE_S)[0]:
            text += os.read(sys.stdin.fileno(), 1).decode("latin-1")
            if text[-1].isalpha() or text[-1] == "~":
                break
        return _PAGES.get(text[1:2], "")
