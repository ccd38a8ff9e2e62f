"""Where commands write: a terminal, a file or a pipe. Nothing that comes out of a model is read as markup there."""

from __future__ import annotations

import json
import os
import sys
from io import TextIOWrapper
from typing import Any

from rich.console import Console


class Page(Console):
    """Standard output. A reader who leaves early (``| head``) silences it: what runs, runs on to its end."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)
        if isinstance(self.file, TextIOWrapper) and not (self.encoding or "").lower().startswith("utf"):
            self.file.reconfigure(errors="replace")  # whatever an answer holds, it can be written

    def on_broken_pipe(self) -> None:
        self.quiet = True
        leave_pipe()


def leave_pipe() -> None:
    """Send to nowhere what is still to be written, Python's last flush included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class JsonLines:
    """Data for scripts on standard output, one JSON object a line, in ASCII; silent once its reader has left."""

    def __init__(self) -> None:
        self._is_read = True

    def write(self, data: object) -> None:
        if not self._is_read:
            return
        try:
            sys.stdout.write(f"{json.dumps(data, ensure_ascii=True, allow_nan=False)}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            self._is_read = False
            leave_pipe()
