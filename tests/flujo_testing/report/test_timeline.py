"""The timeline of two goldens: which part is drawn where, how it ended, and what is said to have changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from flujo_testing.golden.parsing import read_data
from flujo_testing.report.html.grid import Cell, grid
from flujo_testing.report.html.timeline import MAX_DEPTH, Part, timeline
from flujo_testing.transcript import render
from tests.flujo_testing.report.records import BEFORE, UNPAID

GOLDENS = sorted((Path(__file__).parents[3] / "golden" / "laws").rglob("*.yaml"))


def told(parts: Sequence[Part]) -> list[tuple[str, str, str]]:
    """Every part: its title, how it ended before, and how it has changed."""
    return [(part.title, part.before.outcome if part.before else "-", part.change) for part in walk(parts)]


def walk(parts: Sequence[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from walk(part.inner)


def of(steps: dict[str, object], **more: object) -> str:
    return render({"format": "flujo-golden/1", "owner": "a", **more, "steps": steps})


def both(before: str | None, after: str | None) -> tuple[Part, ...]:
    parts = timeline(before, after)
    if parts is None:
        raise ValueError("one of the texts is no story")
    return parts


def blocks(parts: Sequence[Part]) -> list[tuple[str, str, str]]:
    """How parts ended before, with the tone and the words that say so."""
    return [(part.before.outcome, part.before.tone, part.before.words) for part in parts if part.before]


def places(parts: Sequence[Part]) -> list[tuple[str, int, int, int, int]]:
    return [
        (cell.part.title if cell.part else "", cell.row, cell.lane, cell.rows, cell.lanes) for cell in grid(parts).cells
    ]


def test_parts_stand_in_the_order_of_the_run_with_what_came_of_them() -> None:
    assert told(both(BEFORE, UNPAID)) == [
        ("start", "", ""),
        ("write", "", ""),
        ("attempt 1", "rejected", "changed"),
        ("plugin max_words", "rejected", ""),
        ("attempt 2", "answered", ""),
        ("plugin max_words", "accepted", ""),
        ("review", "", ""),
        ("branch legal", "", ""),
        ("check", "", ""),
        ("attempt 1", "answered", ""),
        ("branch facts", "failed, ignored", ""),
        ("check", "failed", ""),
        ("attempt 1", "error", ""),
        ("result", "completed", "changed"),
    ]


def test_what_one_story_lacks_is_new_or_gone_and_stands_in_its_place() -> None:
    before = of({"write": {"attempt 1": {"output": "a"}, "attempt 2": {"output": "b"}}, "publish": {}})
    after = of({"write": {"attempt 1": {"output": "a"}, "fallback small": {"attempt 1": {"output": "c"}}}, "send": {}})
    assert [(part.title, part.change) for part in walk(both(before, after))][1:] == [
        ("write", ""),
        ("attempt 1", ""),
        ("attempt 2", "gone"),
        ("fallback small", "new"),
        ("attempt 1", "new"),
        ("publish", "gone"),
        ("send", "new"),
        ("result", ""),
    ]


def test_a_new_golden_has_no_before() -> None:
    parts = both(None, BEFORE)
    assert {part.change for part in walk(parts)} == {"new"}
    assert {part.before for part in walk(parts)} == {None}


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "steps: 3", "a: &x 1", "\t"])
def test_what_is_no_story_has_no_timeline(text: str) -> None:
    assert timeline(text, BEFORE) is None
    assert timeline(BEFORE, text) is None


@pytest.mark.parametrize(
    ("ask", "outcome", "tone", "words"),
    [
        ({"output": "a"}, "answered", "good", '"a"'),
        ({"error": "offline"}, "error", "bad", '"offline"'),
        ({"timeout": "no answer within 30 s"}, "timeout", "warn", '"no answer within 30 s"'),
        ({"cancelled": True}, "cancelled", "off", ""),
        ({"not_admitted": {"left_usd": "0.1"}}, "not admitted", "warn", '{left_usd: "0.1"}'),
        ({"output": "a", "plugin p": {"redirect_to": "senior"}}, "redirected", "turn", '"a"'),
        ({"output": "a", "plugin p": {"crashed": "no"}}, "crashed", "bad", '"a"'),
        ({"output": "a", "plugin p": {"replaced": "b"}}, "replaced", "turn", '"a"'),
        ({"output": "a", "plugin p": "accepted"}, "answered", "good", '"a"'),
        ({}, "", "plain", ""),
    ],
)
def test_an_attempt_is_shown_by_how_it_ended(ask: dict[str, object], outcome: str, tone: str, words: str) -> None:
    part = both(of({"write": {"attempt 1": ask}}), None)[1].inner[0]
    assert blocks([part]) == [(outcome, tone, words)]


@pytest.mark.parametrize(
    ("section", "outcome"),
    [
        ({"status": "failed"}, "failed"),
        ({"status": "paused"}, "paused"),
        ({"failed": "ignored"}, "failed, ignored"),
        ({"unfinished": True}, "unfinished"),
        ({}, ""),
    ],
)
def test_a_step_is_shown_by_its_status(section: dict[str, object], outcome: str) -> None:
    part = both(of({"write": section}), None)[1]
    assert [name for name, _, _ in blocks([part])] == [outcome]


def test_what_an_attempt_paid_is_summed_up_and_unknown_is_no_amount() -> None:
    paid: list[dict[str, object]] = [{"usd": "0.5"}, {"usd": "0.25"}, {"usd": "unknown"}]
    parts = both(of({"a": {"attempt 1": {"paid": paid}, "attempt 2": {"paid": {"usd": "unknown"}}}}), None)
    assert [part.before.usd for part in parts[1].inner if part.before] == [Decimal("0.75"), None]


def test_branches_stand_side_by_side_below_their_step() -> None:
    branches = {"branch a": {"attempt 1": {"output": 1}, "attempt 2": {"output": 2}}, "branch b": {"attempt 1": {}}}
    parts = both(of({"first": {}, "review": {**branches, "merged": {"by": "x"}}}), None)
    assert places(parts) == [
        ("start", 0, 0, 1, 2),
        ("first", 1, 0, 1, 2),
        ("review", 2, 0, 1, 2),
        ("branch a", 3, 0, 1, 1),
        ("attempt 1", 4, 0, 1, 1),
        ("attempt 2", 5, 0, 1, 1),
        ("branch b", 3, 1, 1, 1),
        ("attempt 1", 4, 1, 1, 1),
        ("", 5, 1, 1, 1),
        ("merged", 6, 0, 1, 2),
        ("result", 7, 0, 1, 2),
    ]


def test_items_stand_side_by_side_only_if_they_ran_at_once() -> None:
    items: dict[str, object] = {"item 1": {"attempt 1": {}}, "item 2": {"attempt 1": {}}}
    assert grid(both(of({"each": {"kind": "map", **items}}), None)).lanes == 1
    assert grid(both(of({"each": {"kind": "map_at_once", **items}}), None)).lanes == 2


def test_of_many_branches_those_that_changed_have_a_lane() -> None:
    before = {f"branch {name}": {"attempt 1": {"output": name}} for name in "abcdefgh"}
    after = before | {"branch h": {"attempt 1": {"output": "other"}}}
    cells = grid(both(of({"review": before}), of({"review": after}))).cells
    heads = [cell.part.title for cell in cells if cell.part and cell.part.kind == "branch"]
    assert heads == ["branch a", "branch b", "branch c", "branch d", "branch h"]
    assert [(cell.lane, cell.folded) for cell in cells if cell.folded] == [(5, 3)]


def test_of_a_long_run_steps_without_a_change_are_folded() -> None:
    steps: dict[str, object] = {f"step{number}": {"attempt 1": {"output": number}} for number in range(30)}
    laid = grid(both(of(steps), of(steps | {"step7": {"attempt 1": {"output": "other"}}})))
    assert (laid.rows, laid.left_out) == (33, 0)
    assert sum(cell.folded for cell in laid.cells) == 29


def test_a_run_that_is_too_long_is_cut() -> None:
    steps: dict[str, object] = {f"step{number}": {"attempt 1": {"output": number}} for number in range(100)}
    laid = grid(both(of(steps), None))
    assert (laid.rows, laid.left_out) == (120, 82)
    assert max(cell.row for cell in laid.cells) == 119


def test_what_lies_too_deep_is_one_part() -> None:
    section: dict[str, object] = {"attempt 1": {"output": "deep"}}
    for _ in range(100):
        section = {"step a": section}
    parts = both(of({"top": section}), None)
    assert len(list(walk(parts))) == MAX_DEPTH + 3


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_every_golden_fills_its_grid_without_a_gap_or_an_overlap(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    laid = grid(both(text, text))
    places = [(row, lane) for cell in laid.cells for row, lane in covered(cell)]
    assert len(places) == len(set(places))
    assert set(places) == {(row, lane) for row in range(laid.rows) for lane in range(laid.lanes)}


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_every_attempt_and_payment_of_a_golden_is_in_its_timeline(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    parts = list(walk(both(text, text)))
    assert [part.title for part in parts if part.differs] == []
    asks = [part for part in parts if part.kind in ("attempt", "redirect")]
    assert len(asks) == len(re.findall(r"^ +(attempt|redirect) \d+[^:]*:", text, re.MULTILINE))
    assert [part.title for part in both(text, text)[1:-1]] == list(read_data(text.encode(), path.name)["steps"])  # type: ignore[call-overload]


def covered(cell: Cell) -> list[tuple[int, int]]:
    return [
        (row, lane)
        for row in range(cell.row, cell.row + cell.rows)
        for lane in range(cell.lane, cell.lane + cell.lanes)
    ]
