"""The tutorial is what ``flujo init`` makes: its code is in the files, its test is theirs, its red test is real."""

from __future__ import annotations

import re
from pathlib import Path

from flujo_testing.starting.project import rendered, start
from tests.docs.pages import DOCS, blocks
from tests.flujo_testing.starting.test_init import pytest_in

PAGE = (DOCS / "tutorial.md").read_text(encoding="utf-8")
FILES = dict(rendered("shop"))


def pieces(text: str) -> list[str]:
    """Top-level definitions, each with its decorators and without its docstring."""
    without = re.sub(r'\n +"""[^"]*"""\n', "\n", text)
    found = re.findall(r"^(?:@.*\n)?(?:async def|def|class) .*\n(?:(?: .*)?\n)*", without, flags=re.MULTILINE)
    return [re.sub(r"\n\n+", "\n", piece).rstrip("\n") for piece in found]


def test_its_functions_and_classes_are_those_of_the_project() -> None:
    shown = [piece for block in blocks(PAGE) if block.language == "python" for piece in pieces(block.text)]
    made = {piece for path, text in FILES.items() if path.endswith(".py") for piece in pieces(text)}
    own = [piece for piece in shown if not piece.startswith("async def test_")]
    assert len(own) == 3
    assert [piece for piece in own if piece not in made] == []


def test_its_test_is_that_of_the_project_but_for_a_name() -> None:
    (shown,) = [piece for block in blocks(PAGE) for piece in pieces(block.text) if piece.startswith("async def test_")]
    (made,) = pieces(FILES["tests/test_replies.py"])
    (long,) = re.findall(r'^LONG = (".*")$', FILES["tests/test_replies.py"], flags=re.MULTILINE)
    commentless = re.sub(r"  # two attempts.*", "", made).replace("LONG", long)
    assert shown == commentless


def test_what_the_red_test_says_is_what_the_page_shows(tmp_path: Path) -> None:
    start(tmp_path / "shop")
    pipeline = tmp_path / "shop" / "shop" / "pipeline.py"
    text = pipeline.read_text(encoding="utf-8")
    pipeline.write_text(text.replace("MAX_WORDS = 12", "MAX_WORDS = 13"), encoding="utf-8")
    said = pytest_in(tmp_path / "shop").stdout
    (shown,) = [block.text for block in blocks(PAGE) if block.language == "text"]
    missing = [line for line in shown.splitlines() if f"  {line}\n" not in said]
    assert missing == [], said
