"""A run's tree as lines of a terminal, in columns: the place, what happened there, USD, time. It reads no run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from flujo.cli.tree import QUESTION, Ask, Change, Node, Remark, RunTree, Tone, counted
from flujo.cli.wording import column, one_line, span, tokens_shown, value_shown
from flujo.execution.ledger import Ledger
from flujo.structure import MISSING

STYLES: Final[dict[Tone, str]] = {
    "plain": "",
    "good": "green",
    "bad": "red",
    "warning": "yellow",
    "quiet": "dim",
    "value": "",
}
OF_STATUS: Final = {
    "waiting": ("·", "dim"),
    "queued": ("·", "dim"),
    "running": (">", "cyan"),
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "limited": ("!", "red"),
    "paused": ("?", "yellow"),
    "stopped": ("-", "dim"),
    "aborted": ("-", "red"),
    "cancelled": ("-", "yellow"),
    "interrupted": ("-", "yellow"),
}
"""The mark and the style of each status."""
ASCII: Final = str.maketrans("├└│─✓✗·…→⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|`|-+x.~>|/-\\|/-\\|/")
"""For terminals that show nothing else."""
SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
TURNS_PER_S: Final = 10
GAP: Final = "  "
NARROW: Final = 16
"""Columns of what happened; where fewer would be left, those of time and money are left out."""


@dataclass(slots=True)
class Row:
    """One line: ``guide`` leads to its ``label``; ``below`` leads past it where ``what`` takes several lines."""

    guide: str
    below: str
    label: Text
    what: Text
    usd: Decimal | None = None
    time: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """How much is shown. ``now`` is the clock's time, for what still runs: None after the end.

    ``story`` tells everything that happened at each place, not only the state; ``whole`` cuts no value.
    """

    now: float | None = None
    story: bool = False
    whole: bool = False


def tree_lines(tree: RunTree, console: Console, view: View) -> list[Text]:
    """The lines of a run, no wider than the console."""
    return Table(console, [*_rows_inside(tree.root, "", view)], whole=view.whole).lines()


def mark_of(status: str) -> Text:
    mark, style = OF_STATUS.get(status, ("·", ""))
    return Text(mark, style=f"bold {style}")


# Rows -----------------------------------------------------------------------------------------------


def _rows_inside(node: Node, guide: str, view: View) -> Iterator[Row]:
    inner = list(node.inner.values())
    for number, child in enumerate(inner, 1):
        yield from _rows_of(child, guide, "└─ " if number == len(inner) else "├─ ", view)


def _rows_of(node: Node, guide: str, branch: str, view: View) -> Iterator[Row]:
    label, last = _name(node), node
    while ":" in last.segment and len(last.inner) == 1 and not last.story and last.kind == "":
        (last,) = last.inner.values()  # a branch of one step is told with it on one line
        label.append_text(Text(" / ", style="dim")).append_text(_name(last))
    below = guide + ("   " if branch == "└─ " else "│  ")
    head = Text.assemble(_mark(last, view), " ", label)
    yield Row(guide + branch, below, head, _state(last, view), _spent(last), _time(last, view))
    if view.story:
        yield from _story(last, below + ("│  " if last.inner else "   "), view)
    yield from _rows_inside(last, below, view)


def _name(node: Node) -> Text:
    kind, colon, name = node.segment.partition(":")
    if not colon:
        return Text(one_line(node.segment), style="bold")
    return Text.assemble((f"{kind} ", "dim"), (one_line(name), "bold"))


def _mark(node: Node, view: View) -> Text:
    if node.status == "running" and view.now is not None:
        turn = ceil(view.now * TURNS_PER_S) % len(SPINNER)
        return Text(SPINNER[turn], style="bold cyan")
    return mark_of(node.status)


def _state(node: Node, view: View) -> Text:
    """What is the matter with a place, in a few words."""
    if node.status == "running" and (asks := node.asks):
        return _asking(asks[-1], node)
    if node.error is not None and (not node.inner or node.status == "failed"):
        return Text(one_line(_own_part(node)), style=OF_STATUS.get(node.status, ("", ""))[1])
    last = node.story[-1] if node.story else None
    if isinstance(last, Remark) and last.tone != "value" and node.status in ("paused", "running"):
        label = "asks:" if last.label == QUESTION else last.label
        return Text(one_line(f"{label} {last.text}"), style=STYLES[last.tone])
    calls = [ask for ask in node.asks if not ask.hop]
    words = [] if node.status in ("running", "completed") else [node.status]
    if node.status == "waiting" and view.now is None:
        words = ["not reached"]
    if len(calls) > 1:
        words.append(counted(len(calls), "attempt"))
    if any(isinstance(told, Remark) and told.label == "falls back" for told in node.story):
        words.append("fell back")
    if any(isinstance(told, Remark) and told.label == "cache" for told in node.story):
        words.append("from the cache")
    if not words and not node.asks and node.kind not in ("", "step"):
        words.append(node.kind.replace("_", " "))
    return Text(", ".join(words), style="dim")


def _asking(ask: Ask, node: Node) -> Text:
    told = node.story[-1]
    if isinstance(told, Remark):
        return Text(one_line(f"{told.label} {told.text}"), style=STYLES[told.tone])
    number = "" if ask.attempt == 1 and not ask.hop else f"attempt {ask.attempt}: "
    number = number if not ask.hop else f"attempt {ask.attempt}, redirect {ask.hop}: "
    state = {"asking": f"asks {ask.agent}", "answered": f"{ask.agent} answered"}.get(ask.state, ask.state)
    said = Text(f"{number}{one_line(state)}", style="cyan")
    why = ask.feedback[-1] if ask.feedback else None
    if why is not None:
        said.append(f" after {one_line(f'{why.plugin}: {why.feedback}')}", style="yellow")
    return said


def _own_part(node: Node) -> str:
    """The error without the words that say again where and how often."""
    return (node.error or "").removeprefix(f"step '{node.path}' ")


def _spent(node: Node) -> Decimal | None:
    return node.cost_usd if node.all_entries else None


def _time(node: Node, view: View) -> str:
    if node.started_at is None:
        return ""
    if node.ended_at is not None:
        return span(node.ended_at - node.started_at)
    return "" if view.now is None else span(view.now - node.started_at)


# The story of one place -----------------------------------------------------------------------------


def _story(node: Node, guide: str, view: View) -> Iterator[Row]:
    shown: object = MISSING
    for told in node.story:
        if isinstance(told, Ask):
            yield from _rows_of_ask(told, guide, view)
            shown = told.output
        else:
            yield _row_of_remark(told, guide)
    if node.output is not MISSING and value_shown(node.output) != value_shown(shown) and node.kind != "":
        yield Row(guide, guide, Text("output", style="dim"), Text(value_shown(node.output)))


def _rows_of_ask(ask: Ask, guide: str, view: View) -> Iterator[Row]:
    label = f"redirect {ask.hop}" if ask.hop else f"attempt {ask.attempt}"
    what = Text(one_line(ask.agent))
    ledger = Ledger.of(ask.entries)
    if ask.entries:
        models = dict.fromkeys(entry.model or "an unnamed model" for entry in ask.entries)
        paid = f"{one_line(', '.join(models))}  {tokens_shown(ledger.usage)}"
        what = Text.assemble(what, "  " if ask.agent else "", (paid, "dim"))
    took = "" if ask.started_at is None or ask.ended_at is None else span(ask.ended_at - ask.started_at)
    yield Row(guide, guide, Text(label), what, ledger.known_cost_usd if ask.entries else None, took)
    inner = guide + "  "
    if view.whole and ask.input is not MISSING:
        yield Row(inner, inner, Text("input", style="dim"), Text(value_shown(ask.input)))
    for why in ask.feedback:
        text = one_line(f"{why.plugin}, attempt {why.attempt}: {why.feedback}")
        yield Row(inner, inner, Text("feedback", style="dim"), Text(text, style="yellow"))
    if ask.output is not MISSING:
        yield Row(inner, inner, Text("answer", style="dim"), Text(value_shown(ask.output)))
    elif ask.state == "asking":
        yield Row(inner, inner, Text("asking", style="cyan"), Text("no answer yet", style="dim"))
    else:
        yield Row(inner, inner, Text(ask.state, style="red"), Text(one_line(ask.error or ""), style="red"))
    for remark in ask.remarks:
        yield _row_of_remark(remark, inner)


def _row_of_remark(remark: Remark, guide: str) -> Row:
    what = Text(one_line(remark.text), style=STYLES[remark.tone])
    if isinstance(remark.value, Change):
        what = Text(f"{one_line(remark.text)}{' ' if remark.text else ''}{change_shown(remark.value)}")
    elif remark.value is not MISSING:
        what = Text.assemble(what, " " if remark.text else "", value_shown(remark.value))
    return Row(guide, guide, Text(one_line(remark.label), style="dim"), what)


def change_shown(change: Change) -> str:
    """``+ ["b"]`` where something was added to a list or a table, ``["a"] → ["c"]`` otherwise."""
    before, after = change.before, change.after
    if isinstance(before, list) and isinstance(after, list) and before == after[: len(before)]:
        return f"+ {value_shown(after[len(before) :])}"
    if isinstance(before, dict) and isinstance(after, dict) and _grew(before, after):
        return f"+ {value_shown({key: value for key, value in after.items() if key not in before})}"
    if before is MISSING:
        return f"→ {value_shown(after)}"
    return f"{value_shown(before)} → {value_shown(after)}"


def _grew(before: dict[object, object], after: dict[object, object]) -> bool:
    return all(key in after and after[key] == value for key, value in before.items())


# Columns --------------------------------------------------------------------------------------------


class Table:
    """Rows in columns as wide as they need to be. ``whole`` folds what is too long, instead of cutting it."""

    def __init__(self, console: Console, rows: Sequence[Row], *, whole: bool = False) -> None:
        self._console = console
        self._rows = rows
        self._whole = whole
        self._usd = column([row.usd for row in rows if row.usd is not None])
        self._money = max(map(len, self._usd.values()), default=0)
        self._clock = max((len(row.time) for row in rows), default=0)
        self._place = min(
            max((cell_len(row.guide) + row.label.cell_len for row in rows), default=0),
            max(NARROW, console.width * 9 // 20),
        )
        if self._room() < NARROW:
            self._clock = 0
        if self._room() < NARROW:
            self._money = 0

    def lines(self) -> list[Text]:
        lines = [line for row in self._rows for line in self._lines_of(row)]
        if self._money and lines:
            lines.insert(0, self._joined(Text(), Text(), "USD", ""))
        if not (self._console.encoding or "utf-8").lower().startswith("utf"):
            return [_ascii(line) for line in lines]
        return lines

    def _room(self) -> int:
        """Columns of what happened."""
        taken = self._place + sum(len(GAP) + width for width in (self._money, self._clock) if width)
        return self._console.width - taken - len(GAP)

    def _lines_of(self, row: Row) -> Iterator[Text]:
        place = Text.assemble((row.guide, "dim"), row.label)
        room = max(1, self._room())
        usd = "" if row.usd is None else self._usd[row.usd]
        if not self._whole:
            yield self._joined(place, _cut(row.what, room), usd, row.time)
            return
        parts = list(row.what.wrap(self._console, room, overflow="fold")) or [Text()]
        yield self._joined(place, parts[0], usd, row.time)
        for part in parts[1:]:
            yield self._joined(Text(row.below, style="dim"), part, "", "")

    def _joined(self, place: Text, what: Text, usd: str, time: str) -> Text:
        line = Text.assemble(_filled(_cut(place, self._place), self._place), GAP, _filled(what, max(1, self._room())))
        if self._money:
            line.append(GAP + usd.rjust(self._money), style="dim" if usd == "USD" else "")
        if self._clock:
            line.append(GAP + time.rjust(self._clock), style="dim")
        line.rstrip()
        return line


def _cut(text: Text, width: int) -> Text:
    cut = text.copy()
    cut.truncate(width, overflow="ellipsis")
    return cut


def _filled(text: Text, width: int) -> Text:
    filled = text.copy()
    filled.append(" " * (width - text.cell_len))
    return filled


def _ascii(line: Text) -> Text:
    told = line.copy()
    told.plain = line.plain.translate(ASCII)
    return told
