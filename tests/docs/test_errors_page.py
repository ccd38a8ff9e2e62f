"""docs/errors.md shows the error tree as it is, and says of each error when it comes and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flujo import errors
from tests.docs.pages import DOCS, blocks

PAGE = (DOCS / "errors.md").read_text(encoding="utf-8")


def tree(error: type[errors.FlujoError], depth: int = 0) -> Iterator[str]:
    yield "    " * depth + error.__name__
    inner = [kind for kind in error.__subclasses__() if kind.__module__ == errors.__name__]
    for kind in sorted(inner, key=lambda kind: kind.__name__):
        yield from tree(kind, depth + 1)


def test_the_tree_is_that_of_the_module() -> None:
    (shown,) = [block.text for block in blocks(PAGE) if block.language == "text"]
    assert shown.splitlines() == list(tree(errors.FlujoError))


def test_every_error_is_told_once_with_when_it_comes_and_what_to_do() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", PAGE, flags=re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == sorted(line.strip() for line in tree(errors.FlujoError))


def test_every_error_class_of_the_module_is_in_its_tree() -> None:
    classes = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert sorted(classes) == sorted(line.strip() for line in tree(errors.FlujoError))
