"""What importing costs, in CPU time of fresh interpreters by turns, beyond that of one that imports nothing.

Bytecode is compiled first, into a folder of its own, as an installed package has it.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile

# All three packages load their parts when a name is first used: "in use" tells what comes with the first names.
STATEMENTS = {
    "nothing": "pass",
    "flujo": "import flujo",
    "libraries": "import pydantic, anyio",
    "flujo in use": "from flujo import Flujo, Step",
    "libraries in use": "from pydantic import BaseModel; import anyio",
}


def measured(rounds: int) -> dict[str, float]:
    """CPU milliseconds of every statement, and the ratio of ours over the libraries', each the median of rounds."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for statement in STATEMENTS.values():
            cpu_ms(statement, environment)
        rows = [_beyond_nothing(environment) for _ in range(rounds)]
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    for which in ("", " in use"):
        medians[f"ratio{which}"] = statistics.median(row[f"flujo{which}"] / row[f"libraries{which}"] for row in rows)
    return medians


def _beyond_nothing(environment: dict[str, str]) -> dict[str, float]:
    row = {name: cpu_ms(statement, environment) for name, statement in STATEMENTS.items()}
    return {name: took - row["nothing"] for name, took in row.items() if name != "nothing"}


def cpu_ms(statement: str, environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
