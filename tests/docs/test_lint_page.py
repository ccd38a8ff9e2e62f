"""docs/lint.md lists every rule of the lint, and no other."""

from __future__ import annotations

import re

from flujo_testing.lint.finding import RULES
from tests.docs.pages import DOCS


def test_the_page_lists_every_rule_once() -> None:
    listed = re.findall(r"^\| (FL\d{3}) \|", (DOCS / "lint.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(RULES)
