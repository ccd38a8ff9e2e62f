"""A page as html.parser of the standard library reads it: a tree of nodes, which has to be closed as it was opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"col", "input", "meta"})
Shape = tuple[tuple[str, ...], tuple[tuple[str, str | None], ...]]
"""The tags down to an element, and its attributes."""


@dataclass
class Node:
    tag: str
    attributes: dict[str, str | None]
    content: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(part if isinstance(part, str) else part.text for part in self.content)

    @property
    def classes(self) -> list[str]:
        return (self.attributes.get("class") or "").split()

    @property
    def nodes(self) -> list[Node]:
        return [part for part in self.content if isinstance(part, Node)]

    def all(self, tag: str, class_: str = "") -> list[Node]:
        """Every node below with this tag, and this class if one is given."""
        return [node for node in self.walk() if node.tag == tag and (not class_ or class_ in node.classes)]

    def one(self, tag: str, class_: str = "") -> Node:
        (found,) = self.all(tag, class_)
        return found

    def by_id(self, id_: str) -> Node:
        (found,) = [node for node in self.walk() if node.attributes.get("id") == id_]
        return found

    def walk(self) -> Iterator[Node]:
        for node in self.nodes:
            yield node
            yield from node.walk()

    def rows(self) -> list[list[str]]:
        """The texts of a table, row by row, its head first."""
        return [[cell.text for cell in row.nodes] for row in self.all("tr")]

    def shapes(self, above: tuple[str, ...] = ()) -> Counter[Shape]:
        """Every element below, with how it is nested and all its attributes; of text nothing."""
        found: Counter[Shape] = Counter()
        for node in self.nodes:
            path = (*above, node.tag)
            found[path, tuple(sorted(node.attributes.items()))] += 1
            found += node.shapes(path)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]
        self.declared: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>: {attrs}"
        node = Node(tag, dict(attrs))
        self.open[-1].content.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)

    def handle_decl(self, decl: str) -> None:
        self.declared.append(decl)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data!r}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data!r}")


def parsed(page: str) -> Node:
    """The tree of a page. AssertionError for one that is not well-formed, or holds a comment."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert [node.tag for node in reader.open] == [""], f"not closed: {reader.open}"
    assert reader.declared == ["doctype html"]
    return reader.root


def table(section: Node, place: int = 0) -> list[list[str]]:
    return section.all("table")[place].rows()
