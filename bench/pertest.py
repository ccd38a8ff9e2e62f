"""What one test costs: with ``flujo_run`` and ``golden.check``, and with syrupy's JSON snapshots of the same data.

Projects of tests are generated; every figure is the CPU time of whole pytest processes that take turns. ``flujo`` runs
a pipeline, checks that the run adds up and compares its golden; ``syrupy`` runs the same pipeline in a plain anyio test
and compares the same story; ``made before`` compares that story without running anything. ``idle`` has tests that use
nothing of ours, with our plugin and without it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TESTS_PER_FILE = 30
EVENTS = 100
MARGIN_MS = 15
"""What starting with our plugin may cost who does not use it."""

PIPELINE = f"""
from flujo import Flujo, Step, Usage
from flujo_testing import ScriptedAgent, ScriptedPlugin, default_cost_model
from flujo_testing.transcript import story_of

TEXT = "Grey rain falls on the roofs of the town and on the hills behind it, draft %d of step %d for test %d"

def step(number, test, drafts=2):
    agent = ScriptedAgent(
        *(TEXT % (draft, number, test) for draft in range(drafts)),
        model="test:writer", usage=Usage(input_tokens=120 + number, output_tokens=40),
    )
    verdicts = ("say it in fewer words",) * (drafts - 1) + (True,)
    return Step(f"step_{{number}}", agent, plugins=[ScriptedPlugin(*verdicts, name="short")])

def pipeline(test):
    whole = step(1, test) >> step(2, test)
    for number in range(3, 12):
        whole = whole >> step(number, test, 2 if number < 9 else 1)
    return whole

PRICES = default_cost_model()

async def run(test):
    return await Flujo(pipeline(test), cost_model=PRICES).run_async(f"rain {{test}}")

def story(result):
    assert len(result.transcript) == {EVENTS}
    return story_of(result)
"""
STORY_OF_ONE = "import asyncio, pipelines, pprint; pprint.pp(pipelines.story(asyncio.run(pipelines.run(0))))"
BACKEND = "import pytest\n\n@pytest.fixture(scope='module')\ndef anyio_backend():\n    return 'asyncio'\n"
ANYIO = "import pytest\npytestmark = pytest.mark.anyio\n"
JSON = """
from syrupy.extensions.json import JSONSnapshotExtension

@pytest.fixture
def stored(snapshot):
    return snapshot.use_extension(JSONSnapshotExtension)
"""
COLLECT = "--collect-only"
PLUGINS = {"anyio": ("-p", "anyio"), "syrupy": ("-p", "syrupy"), "ours": ("-p", "flujo_testing.pytest_plugin")}


@dataclass(frozen=True, slots=True)
class Project:
    """Tests that are alike, and the options with which pytest runs them; ``record`` makes what they compare with.

    ``pipelines`` is the module that they import.
    """

    name: str
    header: str
    test: str
    plugins: tuple[str, ...]
    record: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    pipelines: str = PIPELINE


OURS = Project(
    "flujo",
    f"{ANYIO}from pipelines import pipeline\n",
    "async def test_{i}(flujo_run, golden):\n    golden.check(await flujo_run(pipeline({i}), 'rain {i}'))\n",
    ("anyio", "syrupy", "ours"),
    ("--golden=update",),
    ("--golden=check",),
)
SYRUPY = Project(
    "syrupy",
    f"{ANYIO}from pipelines import run, story\n{JSON}",
    "async def test_{i}(stored):\n    assert story(await run({i})) == stored\n",
    ("anyio", "syrupy"),
    ("--snapshot-update",),
)
MADE_BEFORE = Project(
    "made before",
    f"{ANYIO}from stories import STORY\n{JSON}",
    "async def test_{i}(stored):\n    assert {{**STORY, 'input': 'rain {i}'}} == stored\n",
    ("anyio", "syrupy"),
    ("--snapshot-update",),
)
IDLE = Project("idle", "", "def test_{i}():\n    assert {i} + 1\n", ())
IDLE_WITH_PLUGIN = Project("idle with the plugin", "", IDLE.test, ("ours",))
COMPARING = (OURS, SYRUPY, MADE_BEFORE)


def write(project: Project, folder: Path, tests: int) -> None:
    """Write a project of so many tests."""
    folder.mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
    (folder / "conftest.py").write_text(BACKEND if "anyio" in project.plugins else "", encoding="utf-8")
    if "anyio" in project.plugins:
        (folder / "pipelines.py").write_text(project.pipelines, encoding="utf-8")
    if project is MADE_BEFORE:
        made = subprocess.run(
            [sys.executable, "-c", STORY_OF_ONE], cwd=folder, env=environment(), capture_output=True, text=True
        )
        (folder / "stories.py").write_text(f"STORY = {made.stdout}", encoding="utf-8")
    for first in range(0, tests, TESTS_PER_FILE):
        numbers = range(first, min(tests, first + TESTS_PER_FILE))
        text = project.header + "".join("\n" + project.test.format(i=number) for number in numbers)
        (folder / f"test_{first // TESTS_PER_FILE}.py").write_text(text, encoding="utf-8")


def environment() -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name != "CI"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONHASHSEED": "0", "PYTHONPATH": str(HERE.parent)}


def cpu_ms(project: Project, folder: Path, *options: str) -> float:
    """CPU milliseconds of one pytest process. Raises RuntimeError if a test fails: then nothing was measured."""
    plugins = [word for name in project.plugins for word in PLUGINS[name]]
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins, *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    unused = int(COLLECT in options)  # syrupy calls snapshots unused where no test ran, and fails
    if not 0 <= done.returncode <= unused:
        raise RuntimeError(f"{project.name}: {(done.stdout + done.stderr)[-2000:]}")
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def measured(tests: int, rounds: int) -> dict[str, float]:
    """Medians over rounds, in each of which every project has its turns."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {project: Path(scratch, project.name.replace(" ", "_")) for project in COMPARING}
        for project, folder in folders.items():
            write(project, folder, tests)
            cpu_ms(project, folder, *project.record)
            cpu_ms(project, folder, *project.check)
        rows = [_turns(folders, number) for number in range(rounds)]
        idle = _idle(Path(scratch), 3 * rounds)
    figures = {f"{name} ms per test": statistics.median(row[name] / tests for row in rows) for name in rows[0]}
    for other in ("syrupy", "made before"):
        for what in ("", " alone"):
            ratios = (row[f"flujo{what}"] / row[f"{other}{what}"] for row in rows)
            figures[f"flujo{what} over {other}"] = statistics.median(ratios)
    return figures | idle


def _turns(folders: Mapping[Project, Path], number: int) -> dict[str, float]:
    """What all tests of a project took; ``alone``: without what starting and collecting took."""
    first = number % len(folders)
    order: Sequence[Project] = [*folders][first:] + [*folders][:first]
    row: dict[str, float] = {}
    for project in order:
        collecting = cpu_ms(project, folders[project], COLLECT, *project.check)
        row[project.name] = cpu_ms(project, folders[project], *project.check)
        row[f"{project.name} alone"] = row[project.name] - collecting
    return row


def _idle(scratch: Path, rounds: int) -> dict[str, float]:
    folders = {project: scratch / project.name.replace(" ", "_") for project in (IDLE, IDLE_WITH_PLUGIN)}
    for project, folder in folders.items():
        write(project, folder, TESTS_PER_FILE)
        cpu_ms(project, folder)
    rows = [{project: cpu_ms(project, folder) for project, folder in folders.items()} for _ in range(rounds)]
    more = statistics.median(row[IDLE_WITH_PLUGIN] - row[IDLE] for row in rows)
    allowed = statistics.median(row[IDLE_WITH_PLUGIN] / (row[IDLE] + MARGIN_MS) for row in rows)
    return {"idle ms more": more, "idle over allowed": allowed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(json.dumps(measured(asked.tests, asked.rounds), indent=1))


if __name__ == "__main__":
    main()
