"""docs/cli.md is true: its commands say what it shows, every command is described, and so is every exit code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flujo.cli import endings
from tests.docs.pages import DOCS, blocks
from tests.flujo.cli.conftest import Call, flujo
from tests.flujo.cli.process import entries

__all__ = ["flujo"]

PAGE = DOCS / "cli.md"
WIDTH = "88"


def shown(text: str) -> Iterator[tuple[str, str]]:
    """Each command of the page, and what it shows below it."""
    for block in blocks(text):
        if block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                command, _, said = part.partition("\n")
                yield command, said


def timeless(text: str) -> str:
    """Without what is different each time: dates, spans of time, and the blanks beside them."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-03-01 12:00:00", text)
    text = re.sub(r" +\d+\.\d s\b", " 0.0 s", text)
    return re.sub(r" {2,}", "  ", text)


def test_the_commands_of_the_page_say_what_it_shows(
    flujo: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", WIDTH)
    text = PAGE.read_text(encoding="utf-8")
    app = next(block for block in blocks(text) if block.language == "python")
    (tmp_path / "app.py").write_text(app.text)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    told = []
    for command, _ in shown(text):
        program, *arguments = command.split(" ")
        assert program == "flujo"
        said = flujo(*arguments)
        told.append((command, said.out + said.err + (f"(exit code {said.code})\n" if said.code else "")))
    assert [(command, timeless(said)) for command, said in told] == [
        (command, timeless(said)) for command, said in shown(text)
    ]


def test_every_command_is_described() -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = {entry.name for entry in entries()}
    assert {name for name in names if not re.search(f"(`|[$] )(flujo )?{name}\\b", text)} == set()


def test_the_exit_codes_of_the_page_are_all_there_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    codes = {value for name, value in vars(endings).items() if name.isupper() and isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == codes
