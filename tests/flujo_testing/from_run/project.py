"""A project of a user in a folder: a pipeline, its store, and pytest run as the user does."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
APP = """\
from dataclasses import dataclass, field

from flujo import AgentOutput, Flujo, PipelineContext, Price, PriceTable, Step, Usage, UsageLimits, validator


class Desk(PipelineContext):
    drafts: list[str] = []


@dataclass
class Writer:
    answers: list
    model: str = "test:writer"
    asked: int = 0

    async def run(self, text, *, context: Desk, feedback=()):
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        context.drafts.append(answer)
        return AgentOutput(answer, usage=Usage(input_tokens=120, output_tokens=40), model="test:writer")


@validator
def four_words(text):
    words = len(text.split())
    return words <= 4 or f"{words} words, at most 4"


def prompt(text):
    return f"A haiku about {text}"


async def sign(text):
    return f"{text}, by Anna"


PRICES = PriceTable({"test:writer": Price(input="3", output="17")})
write = Step(
    "write", Writer(["Rain falls, and falls, and falls", "Grey rain again"]), plugins=[four_words],
    input_processors=[prompt], max_retries=2,
)
pipeline = (write >> Step("sign", sign)).named("press")
runner = Flujo(
    pipeline, context_model=Desk, cost_model=PRICES, usage_limits=UsageLimits(total_cost_usd_limit="0.05")
)
asking = Flujo(
    (pipeline >> Step.human_in_the_loop("approve", "Publish it?", input_schema=bool)).named("press"),
    context_model=Desk, cost_model=PRICES,
)
"""


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


def begin(folder: Path) -> None:
    """The files of the project."""
    (folder / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\naddopts = -p no:cacheprovider -p no:randomly -p no:asyncio\n"
    )
    (folder / "app.py").write_text(APP)


def pytest_run(folder: Path, *options: str) -> Done:
    """``pytest`` in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("CI", None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def files_in(folder: Path) -> list[str]:
    """What lies in the folders of tests, cassettes and goldens."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if path.parts[0] in ("tests", "cassettes", "golden"))
