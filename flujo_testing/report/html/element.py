"""HTML as data: what is no ``Element`` is text, and text is escaped when it is written.

There is no way to hand in markup. Tags and attributes are those listed here, and a link leads to a place on the same
page: nothing on a page can run a script, load a file, or leave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

from flujo_testing.golden.inert import inert

_SVG: Final = frozenset({"desc", "g", "line", "path", "rect", "svg", "text", "title"})
TAGS: Final = _SVG | frozenset(
    {"a", "b", "bdi", "button", "caption", "code", "col", "colgroup", "dd", "del", "details", "div", "dl", "dt"}
    | {"figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "header", "input", "ins", "kbd", "label", "li", "main"}
    | {"nav", "ol", "p", "pre", "section", "small", "span", "strong", "summary", "table", "tbody", "td", "tfoot"}
    | {"th", "thead", "time", "tr", "ul"}
)
ATTRIBUTES: Final = frozenset(
    {"aria-controls", "aria-hidden", "aria-label", "aria-labelledby", "aria-live", "aria-pressed", "aria-selected"}
    | {"aria-sort", "autocomplete", "class", "colspan", "data-key", "data-of", "data-outcome", "data-show"}
    | {"data-sort", "data-sorts", "d", "for", "height", "hidden", "href", "id", "name", "open", "placeholder"}
    | {"preserveAspectRatio", "role", "rowspan", "rx", "scope", "spellcheck", "tabindex", "text-anchor", "type"}
    | {"viewBox", "width", "x", "x1", "x2", "y", "y1", "y2"}
)
_VOID: Final = frozenset({"col", "input"})


@dataclass(frozen=True, slots=True)
class Element:
    """A tag with attributes and what is in it. Built by ``element``; ``str`` writes it."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Content, ...]

    def __str__(self) -> str:
        return "".join(_written(self))


Content = Element | str
"""What may stand in an element: another one, or text of anybody."""


def element(tag: str, *children: Content | None, **attributes: str | int | bool | None) -> Element:
    """An element; children that are None are left out, and so are attributes that are None or False.

    Attributes are written as in Python: ``class_``, ``data_sort``. Raises ValueError for a tag or an attribute that
    is not listed, and for a link that leaves the page.
    """
    if tag not in TAGS:
        raise ValueError(f"<{tag}> is not among the elements of a report: add it to TAGS if it can do no harm")
    named = {
        _attribute_name(name): "" if value is True else str(value)
        for name, value in attributes.items()
        if value is not None and value is not False
    }
    for name in named:
        if name not in ATTRIBUTES:
            raise ValueError(f"{name}= is not among the attributes of a report: add it to ATTRIBUTES if it is harmless")
    if not named.get("href", "#").startswith("#"):
        raise ValueError(f"a link of a report leads to a place on it, '#...', not to {named['href']!r:.80}")
    return Element(tag, tuple(named.items()), tuple(child for child in children if child is not None))


def text_of(content: Content) -> str:
    """What a reader of the content sees, without elements."""
    return content if isinstance(content, str) else "".join(map(text_of, content.children))


def _attribute_name(name: str) -> str:
    if name in ("preserveAspectRatio", "viewBox"):
        return name
    return name.rstrip("_").replace("_", "-")


def _written(content: Content) -> Iterator[str]:
    if isinstance(content, str):
        yield escape(inert(content), quote=False)
        return
    yield f"<{content.tag}"
    for name, value in content.attributes:
        yield f' {name}="{escape(inert(value))}"'
    yield ">"
    if content.tag in _VOID:
        return
    for child in content.children:
        yield from _written(child)
    yield f"</{content.tag}>"
