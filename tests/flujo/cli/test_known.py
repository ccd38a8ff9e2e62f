"""The tree of a run that has no end yet, made of single answers and of calls that are on their way or in doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest

from flujo.cli.console import Page
from flujo.cli.drawing import View, tree_lines
from flujo.cli.known import tree_of
from flujo.execution.signals import AskFailure
from flujo.ports import PluginOutcome, RecordedAnswer
from flujo.stores.records import Doubt, RunSummary, StoredAsk, StoredRun
from tests.flujo.cli.test_wording import entry

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


ANSWERS: list[tuple[str, RecordedAnswer]] = [
    ("write/attempt:1", RecordedAnswer("Rain falls", (entry(1, "0.002", None),), None, (("drafts", ["Rain falls"]),))),
    ("write/attempt:1/plugin:two_words", RecordedAnswer(PluginOutcome(False, "too grey"))),
    ("write/attempt:2", RecordedAnswer(None, error=AskFailure("error", ConnectionError("offline")))),
    ("write/attempt:3", RecordedAnswer("Blue sky", context_change=(("drafts", ["Blue sky"]),))),
    ("write/attempt:3/plugin:two_words", RecordedAnswer(PluginOutcome(True))),
    ("write/attempt:3/plugin:tone", RecordedAnswer(PluginOutcome(False, "dull", redirect_to=object()))),
    ("sort/decision:condition:0", RecordedAnswer("short")),
    ("approve/human:1", RecordedAnswer(True)),
    ("review/branch:legal/read/attempt:1", RecordedAnswer("fine")),
]


def stored(status: str, doubts: tuple[Doubt, ...]) -> StoredRun:
    summary = RunSummary("r1", "press", None, status, BEGAN, None, Decimal("0.002"), len(ANSWERS), len(doubts))
    asks = tuple(StoredAsk(path, number, at(number), told) for number, (path, told) in enumerate(ANSWERS, 1))
    return StoredRun(summary, "f" * 16, "rain", {}, None, asks, doubts, (), None, None, None)


ON_THE_WAY = Doubt("review/branch:tone/read/attempt:1", at(20), Decimal("0.003"))


def drawn(status: str, view: View) -> list[str]:
    page = Page(file=StringIO(), force_terminal=True, color_system=None, width=80)
    return [line.plain for line in tree_lines(tree_of(stored(status, (ON_THE_WAY,))), page, view)]


def test_a_running_run_shows_what_is_asked_at_the_moment() -> None:
    assert drawn("running", View(at(22.5).timestamp())) == [
        "                                                                      USD",
        "├─ ✓ write                   3 attempts                             0.002  4.0 s",
        "├─ ✓ sort",
        "├─ ✓ approve",
        "└─ ⠴ review                                                                2.5 s",
        "   ├─ ✓ branch legal / read",
        "   └─ ⠴ branch tone / read   asks                                          2.5 s",
    ]


def test_an_interrupted_run_shows_what_is_in_doubt_and_all_that_is_known() -> None:
    assert drawn("interrupted", View(story=True)) == [
        "                                                                      USD",
        "├─ ✓ write                   3 attempts                             0.002  4.0 s",
        "│     attempt 1              test:writer  7 in, 3 out               0.002  1.0 s",
        '│       answer               "Rain falls"',
        "│       two_words            rejects: too grey",
        "│     attempt 2",
        "│       error                ConnectionError: offline",
        "│     attempt 3",
        '│       answer               "Blue sky"',
        "│       two_words            accepts",
        "│       tone                 redirects to another agent: dull",
        '│     context drafts         → ["Blue sky"]',
        "├─ ✓ sort",
        '│     condition              "short"',
        "├─ ✓ approve",
        "│     answer                 true",
        "└─ - review                  interrupted",
        "   ├─ ✓ branch legal / read",
        "   │     attempt 1",
        '   │       answer            "fine"',
        "   └─ - branch tone / read   interrupted",
        "         attempt 1",
        "           in doubt          may have been paid, up to 0.003 USD",
    ]


@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_the_cost_is_that_of_the_answers(status: str) -> None:
    assert tree_of(stored(status, (ON_THE_WAY,))).root.cost_usd == Decimal("0.002")
