"""The rules of the house, held by ``tests/test_tidy.py`` and told by ``python -m tests.tidy``."""

from __future__ import annotations

from tests.tidy import claims, floors, reads, shape

RULES = (*floors.RULES, *reads.RULES, *claims.RULES, *shape.RULES)
