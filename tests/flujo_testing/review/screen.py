"""A real terminal: a program in tmux, driven by keys, watched on its screen."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

POLLS = 3000
"""How often the screen is looked at before a test gives up. One look takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class Screen:
    socket: Path

    def keys(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)
        self._tmux("send-keys", "Enter")

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._tmux("capture-pane", "-p").splitlines()]

    def wait(self, *texts: str) -> list[str]:
        """The lines of the first screen that shows all of these."""
        shown: list[str] = []
        for _ in range(POLLS):
            shown = self.lines()
            if all(text in "\n".join(shown) for text in texts):
                return shown
        pytest.fail(f"the screen never showed {texts}; last it showed:\n" + "\n".join(shown), pytrace=False)

    def resize(self, columns: int, lines: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def _tmux(self, *arguments: str) -> str:
        ran = subprocess.run(["tmux", "-S", str(self.socket), *arguments], capture_output=True, text=True, check=True)
        return ran.stdout


@contextmanager
def screen(folder: Path, command: Sequence[str], environ: dict[str, str], size: tuple[int, int]) -> Iterator[Screen]:
    """A terminal of ``size`` columns and lines in which the command runs; behind it stands ``ended`` and its code."""
    if shutil.which("tmux") is None:
        pytest.fail("this test needs a terminal: install tmux (apt-get install tmux, brew install tmux)", pytrace=False)
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environ.items())
    # The program is to ask the terminal for its size, whatever the shell was told.
    program = f"env -u COLUMNS -u LINES {settings} {shlex.join(command)}"
    line = f"cd {shlex.quote(str(folder))} && {program}; echo ended $?; exec cat"
    columns, lines = (str(number) for number in size)
    with TemporaryDirectory() as short:  # the path of a socket has hardly a hundred characters
        socket = Path(short) / "tmux"
        start = ["tmux", "-S", str(socket), "-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", lines, line]
        subprocess.run(start, check=True)
        try:
            yield Screen(socket)
        finally:
            subprocess.run(["tmux", "-S", str(socket), "kill-server"], check=True)
