"""``python -m chaos.workers.spread [sample]``: a suite of recorded cases over two workers tells what pytest tells."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from tests.dbos.postgres import new_database

ROOT = Path(__file__).parents[2]
CASES, SAMPLE = 500, 50
OPTIONS = ("-p", "no:randomly", "-p", "no:asyncio", "-p", "no:cacheprovider", "-q", "--tb=short")
INI = "[pytest]\nanyio_mode = auto\npythonpath = .\n"
SUITE = """
import pytest
from flujo import AgentOutput, Flujo, Price, PriceTable, Step, Usage

class Model:
    model = "test:writer"

    async def run(self, text):
        return AgentOutput(f"About {text}", usage=Usage(input_tokens=120, output_tokens=40))

prices = PriceTable({"test:writer": Price(input="3", output="17")})
flow = Flujo(Step("write", Model()) >> Step("check", Model()), cost_model=prices)

@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("case", range(CASES))
async def test_case(case, cassette, flujo_run):
    result = await flujo_run(flow, f"case {case}")
    assert result.output == ("wrong" if case % 17 == 3 else f"About About case {case}")
    if case % 29 == 5:
        pytest.skip("not today")
"""


class Broken(Exception):
    """A claim does not hold."""


def main(arguments: list[str]) -> int:
    cases = SAMPLE if "sample" in arguments else CASES
    with new_database() as url, tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "pytest.ini").write_text(INI)
        (project / "test_cases.py").write_text(SUITE.replace("CASES", str(cases)))
        run(project, "-m", "pytest", *OPTIONS, "--flujo-record=once")
        began = time.monotonic()
        plain = run(project, "-m", "pytest", *OPTIONS, "--junitxml=plain.xml")
        alone = time.monotonic() - began
        suite = ("suite", "run", "--queue", url, "--name", "spread", "--workers", "2")
        began = time.monotonic()
        command = f"import sys; from flujo.cli import main; sys.argv = ['flujo', *{[*suite, '--', *OPTIONS]!r}, "
        spread = run(project, "-c", f"{command}'--junitxml=spread.xml']; main()")
        took = time.monotonic() - began
        one, other = verdicts(project / "plain.xml"), verdicts(project / "spread.xml")
    counted = Counter(verdict for _, verdict, _ in one)
    if (one, plain) != (other, spread) or len(one) != cases:
        differ = [(a, b) for a, b in zip(one, other, strict=False) if a != b]
        raise Broken(f"{len(one)} and {len(other)} verdicts, exit codes {plain} and {spread}, first: {differ[:1]}")
    print(
        f"{cases} of {cases} recorded cases have the same verdict over two workers as with pytest "
        f"({', '.join(f'{number} {verdict}' for verdict, number in sorted(counted.items()))}); "
        f"{took:.1f} s over the queue, {alone:.1f} s without"
    )
    return 0


def run(project: Path, *arguments: str) -> int:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, env={"PYTHONPATH": str(ROOT)}, text=True, capture_output=True
    )
    if done.returncode not in (0, 1):
        raise Broken(f"{arguments} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode


def verdicts(file: Path) -> list[tuple[str | None, str, str]]:
    """Every case with its verdict and what it says, without addresses in memory."""
    told = []
    for case in ElementTree.parse(file).iter("testcase"):
        parts = [(part.tag, part.get("message") or "") for part in case if part.tag not in ("properties", "system-out")]
        tag, message = parts[0] if parts else ("passed", "")
        told.append((case.get("name"), tag, re.sub(r"0x[0-9a-f]+", "", message)))
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
