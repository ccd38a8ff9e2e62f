"""``python -m tests.mutation [TARGET ...]``: mutants that nobody noticed and nobody explained, and figures.

``sample`` is the smallest target; without any, all are run. Ends with 1 if a survivor is unknown, too few mutants were
killed, or there were none. ``--as-toml`` prints unknown survivors as rows for ``survivors.toml``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.mutation import LEAST_PERCENT, SAMPLE, TARGETS
from tests.mutation.mutants import SURVIVED, VERDICTS, Change, change, run
from tests.mutation.survivors import LISTED, Judged, Known, judged, known_survivors


def main(arguments: list[str]) -> int:
    names = [SAMPLE if name == "sample" else name for name in arguments if not name.startswith("--")] or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        print(f"no target is called {unknown[0]!r}; there are {', '.join(TARGETS)} and sample")
        return 2
    known = known_survivors(LISTED.read_text(encoding="utf-8"))
    found = [_judged(name, known, as_toml="--as-toml" in arguments) for name in names]
    problems = [problem for one in found for problem in one.problems]
    killed, mutants = sum(one.killed + one.timeouts for one in found), sum(one.mutants for one in found)
    print(f"{len(found)} targets: {killed} of {mutants} mutants killed, {len(problems)} problems")
    return 1 if problems or not mutants else 0


def _judged(name: str, known: tuple[Known, ...], *, as_toml: bool) -> Judged:
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        verdicts = run(TARGETS[name], Path(folder))
        survivors = [
            change(mutant, Path(folder)) for mutant, told in verdicts.items() if VERDICTS.get(told) == SURVIVED
        ]
    one = judged(name, list(verdicts.values()), survivors, known, LEAST_PERCENT)
    print(one)
    for line in (*one.notes, *one.problems):
        print(f"  {line}")
    if as_toml:
        rows = {row.change for row in known if row.target == name}
        print("\n".join(_row(name, survivor) for survivor in sorted(set(survivors) - rows, key=str)))
    sys.stdout.flush()
    return one


def _row(name: str, survivor: Change) -> str:
    fields = {"function": survivor.function, "was": survivor.was, "becomes": survivor.becomes, "reason": ""}
    return f"[[{name}]]\n" + "".join(f"{key} = {json.dumps(text)}\n" for key, text in fields.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
