"""The tests that docs/server.md shows are tests of this module: they pass on both backends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "server.md"
# Streams that break off: the HTTP client leaves generators to the garbage collector, which trio says aloud.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpcore2[.]")


def shown() -> dict[str, Any]:
    """The page's tests by name."""
    names: dict[str, Any] = {}
    for block in blocks(PAGE.read_text(encoding="utf-8")):
        if block.language == "python":
            exec(compile("\n" * block.lines_before + block.text, str(PAGE), "exec", dont_inherit=True), names)
    return {name: value for name, value in names.items() if name.startswith("test_")}


TESTS = shown()
globals().update(TESTS)


def test_the_page_shows_tests() -> None:
    assert len(TESTS) == 5
