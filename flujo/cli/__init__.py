"""The command ``flujo``. Its commands are brought by entry points: the one place where to add one.

In ``pyproject.toml``, below ``[project.entry-points."flujo.commands"]``, one line per command::

    lint-tests = "flujo_testing.lint.command:lint_tests"

The name is what users type. The object is a function with typer's annotations, or a ``typer.Typer`` that holds
several commands (``flujo golden review``). Its module is loaded for every ``flujo --help``, so it imports
nothing heavy at its top. It ends with ``typer.Exit(code)``, or raises ``Refused``; see ``endings.py``.

Exit codes: 0 all is well, 1 something was found or a run failed, 2 the command cannot be run as it was given, 3 a
secret was found and nothing was written, 4 a run waits for answers, 5 it reached a limit, 6 a listener stopped it,
7 another process is running it, 70 a fault of ours, 130 interrupted, or a run that was.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from flujo.cli.endings import USAGE

NEEDED = ("typer", "rich")


def main() -> None:
    """What the console script runs."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        told = " and ".join(absent)
        sys.stderr.write(f"flujo: the command line needs {told}: pip install 'flujo-pipelines[cli]'\n")
        sys.exit(USAGE)
    from flujo.cli.commands import run

    sys.exit(run(sys.argv[1:]))
