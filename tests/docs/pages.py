"""``python -m tests.docs.pages`` runs the examples of docs/*.md and writes the stories they show; tests compare them.

The ``python`` blocks of a page run in order, as one module. A ``yaml`` block behind one shows the story of its
``result``, as a golden has it, without the first line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from flujo_testing.faults import registering
from flujo_testing.transcript import render, story_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what language it says it is in, its text, and how many lines of the page stand before it."""

    language: str
    text: str
    lines_before: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A story as the page shows it, and as the run told it."""

    line: int
    shown: str
    told: str


def pages(folder: Path = DOCS) -> list[Path]:
    return sorted(folder.glob("*.md"))


def blocks(text: str) -> list[Block]:
    return [Block(match[1], match[2], text.count("\n", 0, match.start(2))) for match in _FENCED.finditer(text)]


def run_page(path: Path) -> list[Shown]:
    """Run the examples of a page; whatever one raises is raised. Gives the stories that the page shows."""
    module = ModuleType(f"docs_{path.stem}")
    sys.modules[module.__name__] = module
    try:
        with registering():
            return [shown for block in blocks(path.read_text(encoding="utf-8")) for shown in _run(block, path, module)]
    finally:
        del sys.modules[module.__name__]


def _run(block: Block, path: Path, module: ModuleType) -> list[Shown]:
    if block.language == "python":
        code = compile("\n" * block.lines_before + block.text, str(path), "exec", dont_inherit=True)
        exec(code, module.__dict__)
    if block.language == "yaml":
        return [Shown(block.lines_before, block.text, _story(module.__dict__["result"]))]
    return []


def _story(result: object) -> str:
    story = render(story_of(result))  # type: ignore[arg-type]
    return story.partition("\n")[2]


def rewritten(text: str, stories: list[Shown]) -> str:
    """The page with the stories as they were told."""
    told = iter(stories)

    def block(match: re.Match[str]) -> str:
        return f"```yaml\n{next(told).told}```" if match[1] == "yaml" else match[0]

    return _FENCED.sub(block, text)


def main(say: Callable[[str], object] = print) -> int:
    for path in pages():
        text = path.read_text(encoding="utf-8")
        stories = run_page(path)
        path.write_text(rewritten(text, stories), encoding="utf-8")
        examples = sum(block.language == "python" for block in blocks(text))
        say(f"{path.relative_to(ROOT)}: {examples} examples, {len(stories)} stories")
    return 0


if __name__ == "__main__":
    sys.exit(main())
