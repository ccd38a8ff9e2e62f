"""docs/distributed.md does what it says: its examples are run with a worker and a real Postgres."""

from __future__ import annotations

from types import ModuleType

import pytest

from flujo.distributed.worker import Worker
from tests.docs.pages import DOCS, blocks

pytestmark = pytest.mark.anyio


async def test_the_letter_of_the_page_is_published(database: str) -> None:
    page = ModuleType("desk")
    text = (DOCS / "distributed.md").read_text(encoding="utf-8")
    for block in blocks(text):
        if block.language == "python":
            exec(compile(block.text, "distributed.md", "exec"), page.__dict__)
    async with Worker(database, {"desk:letters": page.letters}, poll_s=0.02, patience_s=2.0):
        found = await page.publish(database)
    assert (found.summary.status, found.output, found.summary.asks) == ("completed", "yes", 2)
