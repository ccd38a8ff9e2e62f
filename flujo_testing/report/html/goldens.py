"""The section on changed goldens: grouped by what changed, each golden drawn once, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from flujo.money import total
from flujo_testing.golden.errors import GoldenCorrupt
from flujo_testing.golden.location import SUFFIX
from flujo_testing.golden.parsing import read_data
from flujo_testing.report.html.causes import MOST_OF_A_NAME, steps_line
from flujo_testing.report.html.element import Element, element
from flujo_testing.report.html.swimlane import swimlane
from flujo_testing.report.html.tables import empty, section
from flujo_testing.report.html.textdiff import textdiff
from flujo_testing.report.html.texts import counted, cut, signed_dollars
from flujo_testing.report.html.timeline import timeline
from flujo_testing.review.groups import Changed, Group, Instance, grouped

MOST_GROUPS: Final = 30
MOST_IN_A_GROUP: Final = 60
MOST_DRAWN: Final = 3_000_000
"""Characters of all drawings and texts: goldens that come after them are named only."""
MOST_TEXTS: Final = 8
MOST_OF_A_TEXT: Final = 400


def goldens(changed: Sequence[Changed]) -> Element:
    """The groups, largest first; what belongs to none stands behind them."""
    if not changed:
        return section("goldens", "Goldens", empty("No golden has changed."))
    groups = grouped(one for one in changed if _can_be_read(one))
    drawings = _Drawings(changed)
    shown = [_group(group, drawings, opened=place < 2) for place, group in enumerate(groups[:MOST_GROUPS])]
    told = {instance.golden for group in groups for instance in group.instances}
    others = [one for one in changed if one.golden not in told]
    told_sum = f"{counted(len(changed), 'golden')} in {counted(len(groups), 'group')}"
    money = total(group.usd for group in groups)
    return section(
        "goldens",
        "Goldens",
        *shown,
        _folded(groups[MOST_GROUPS:]),
        _ungrouped(others, drawings),
        told=told_sum + (f", {signed_dollars(money)}" if money else ""),
    )


def _can_be_read(one: Changed) -> bool:
    """Whether both texts are goldens; what is none is shown as text."""
    try:
        for text in (one.before, one.after):
            if text is not None:
                read_data(text.encode("utf-8", "surrogatepass"), one.golden)
    except GoldenCorrupt:
        return False
    return True


class _Drawings:
    """Every golden is drawn where it appears first, as long as there is room; later places lead to it."""

    def __init__(self, changed: Sequence[Changed]) -> None:
        self._changed = {one.golden: one for one in changed}
        self._places: dict[str, int] = {}
        self._room = MOST_DRAWN

    def draw(self, golden: str) -> Iterator[Element]:
        one = self._changed.get(golden)
        if one is None:
            yield element("p", "Its texts are not in the record of this run.", class_="note")
        elif golden in self._places:
            yield element("p", element("a", "Drawn above", href=f"#golden-{self._places[golden]}"), class_="note")
        elif self._room <= 0:
            yield element("p", "Not drawn, this page is long enough: flujo golden diff shows it.", class_="note")
        else:
            drawn = _drawing(one, len(self._places) + 1)
            self._places[golden] = len(self._places) + 1
            self._room -= len(str(drawn))
            yield drawn


def _drawing(one: Changed, number: int) -> Element:
    parts = timeline(one.before, one.after)
    if parts is None:
        drawn = element("p", "No story can be read from it; its text follows.", class_="note")
    else:
        drawn = swimlane(parts)
    lines = element("details", element("summary", "Text"), textdiff(one.before, one.after), class_="text", open=True)
    return element("div", drawn, lines, id=f"golden-{number}", class_="drawing")


def _group(group: Group, drawings: _Drawings, *, opened: bool) -> Element:
    shown = group.instances[:MOST_IN_A_GROUP]
    return element(
        "details",
        element(
            "summary",
            element("h3", cut(group.title, MOST_OF_A_NAME)),
            element("span", cut(group.kind, 40), class_="kind"),
            element("span", counted(len(group.goldens), "golden"), class_="count"),
            element("span", signed_dollars(group.usd), class_="money") if group.usd else None,
            element("code", group.key, class_="key"),
        ),
        element(
            "div",
            steps_line(group.steps) if group.steps else None,
            _examples(shown, drawings),
            _names(group.instances[MOST_IN_A_GROUP:]),
            class_="inside",
        ),
        class_="item find",
        open=opened,
    )


def _examples(instances: Sequence[Instance], drawings: _Drawings) -> Element:
    """One golden at a time: a list to choose from, and what it shows. Without scripts all of them are there."""
    tabs = [
        element("button", _tab(one.golden), type="button", role="tab", aria_selected="false", tabindex=-1)
        for one in instances
    ]
    panels = [_panel(one, drawings) for one in instances]
    listed = element("div", *tabs, class_="tabs", role="tablist", aria_label="Goldens", hidden=True)
    return element("div", listed, *panels, class_="examples")


def _tab(golden: str) -> str:
    """The file, without what all of them have in common."""
    return cut(golden.rpartition("/")[2].removesuffix(SUFFIX), MOST_OF_A_NAME)


def _panel(one: Instance, drawings: _Drawings) -> Element:
    texts = [element("li", cut(text, MOST_OF_A_TEXT)) for text in one.texts[:MOST_TEXTS]]
    if len(one.texts) > MOST_TEXTS:
        texts.append(element("li", f"and {len(one.texts) - MOST_TEXTS} more", class_="note"))
    money = element("span", signed_dollars(one.usd), class_="money") if one.usd else None
    return element(
        "div",
        element("h4", cut(one.golden, MOST_OF_A_NAME), money),
        element("p", "told by ", element("code", cut(one.test, MOST_OF_A_NAME)), class_="test"),
        element("ul", *texts, class_="words"),
        *drawings.draw(one.golden),
        class_="panel",
        role="tabpanel",
    )


def _names(instances: Sequence[Instance]) -> Element | None:
    if not instances:
        return None
    names = (element("li", element("code", cut(one.golden, MOST_OF_A_NAME))) for one in instances)
    return element("details", element("summary", counted(len(instances), "more golden")), element("ul", *names))


def _folded(groups: Sequence[Group]) -> Element | None:
    """Groups beyond those that are shown, as a list."""
    if not groups:
        return None
    rows = (
        element("li", cut(group.title, MOST_OF_A_NAME), ": ", counted(len(group.goldens), "golden"), class_="find")
        for group in groups[:1000]
    )
    return element(
        "details", element("summary", element("h3", counted(len(groups), "smaller group"))), element("ul", *rows),
        class_="item",
    )  # fmt: skip


def _ungrouped(others: Sequence[Changed], drawings: _Drawings) -> Element | None:
    """Goldens in which nothing differs that could be said in words."""
    if not others:
        return None
    shown = [
        element("div", element("h4", cut(one.golden, MOST_OF_A_NAME)), *drawings.draw(one.golden), class_="panel")
        for one in others[:MOST_IN_A_GROUP]
    ]
    left_out = len(others) - len(shown)
    note = element("p", f"and {counted(left_out, 'more golden')}", class_="note") if left_out else None
    summary = element("summary", element("h3", "In no group"), element("span", counted(len(others), "golden")))
    return element("details", summary, element("div", *shown, note, class_="inside"), class_="item find")
