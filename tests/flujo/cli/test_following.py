"""The live tree of a run, drawn at any moment: its columns, marks and figures, on wide, narrow and plain terminals."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console

from flujo import Flujo
from flujo.cli.console import Page
from flujo.cli.drawing import View, tree_lines
from flujo.cli.following import LiveTree
from flujo.cli.tree import RunTree
from flujo.errors import MisuseError
from flujo.events import Answered, Asked, Event, StepEnded
from tests.flujo.cli.press import approved, press, wordy


def page(width: int = 90, height: int = 25) -> Page:
    return Page(file=StringIO(), force_terminal=True, color_system=None, width=width, height=height)


def drawn_when(runner: Flujo[str, object], moment: Callable[[Event], bool], console: Console) -> str:
    """What the screen shows when the first event that is meant has been told."""
    seen: list[str] = []
    limits = runner.usage_limits
    limit_usd = None if limits is None else limits.total_cost_usd_limit
    live = LiveTree(console, runner.pipeline, "press", limit_usd, lambda: runner.clock.now() + 0.25)

    def follow(event: Event) -> None:
        live.told(event)
        if not seen and moment(event):
            with console.capture() as capture:
                console.print(live.drawn())
            seen.append(capture.get())

    followed = Flujo(
        runner.pipeline,
        context_model=runner.context_model,
        usage_limits=limits,
        cost_model=runner.cost_model,
        clock=runner.clock,
        listeners=[follow],
    )
    followed.run("rain")
    return "\n".join(line.rstrip() for line in seen[0].splitlines())


def test_of_a_run_that_never_begins_nothing_stays_on_the_screen() -> None:
    file, runner = StringIO(), press()
    screen = Page(file=file, force_terminal=True, color_system=None, width=90, height=25)
    live = LiveTree(screen, runner.pipeline, "press", None, runner.clock.now)
    with pytest.raises(MisuseError), live.shown():
        raise MisuseError("not so")
    drawn, _, erased = file.getvalue().partition("\x1b[?25h")
    assert erased == "\r" + "\x1b[1A\x1b[2K" * 5
    assert drawn.count("\n") == 5


def second_attempt(event: Event) -> bool:
    return isinstance(event, Asked) and event.attempt == 2


def test_what_is_asked_why_and_what_is_left_of_the_budget() -> None:
    assert (
        drawn_when(press(), second_attempt, page())
        == """\
                                                                                USD
├─ ⠴ write                   attempt 2: asks Writer after four_words: 6 w…  0.00104  1.4 s
└─ · review                  waiting
   ├─ · branch legal / read  waiting
   └─ · branch tone / read   waiting
press  1.4 s  ·  0.00104 USD  ·  0.04896 of 0.05 USD left"""
    )


def test_branches_and_a_step_that_is_done() -> None:
    def tone_asked(event: Event) -> bool:
        return isinstance(event, Asked) and event.step.startswith("review/branch:tone")

    assert (
        drawn_when(press(), tone_asked, page())
        == """\
                                                                                USD
├─ ✓ write                   2 attempts                                    0.002080  2.4 s
└─ ⠹ review                  parallel                                      0.000452  0.8 s
   ├─ ✓ branch legal / read                                                0.000452  0.5 s
   └─ ⠹ branch tone / read   asks tone                                               0.2 s
press  3.1 s  ·  0.002532 USD  ·  0.047468 of 0.05 USD left"""
    )


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (
            50,
            """\
                                               USD
├─ ⠴ write              attempt 2: asks …  0.00104
└─ · review             waiting
   ├─ · branch legal …  waiting
   └─ · branch tone /…  waiting
press  1.4 s  ·  0.00104 USD  ·  0.04896 of 0.05 …""",
        ),
        (
            24,
            """\
├─ ⠴ write        attem…
└─ · review       waiti…
   ├─ · branch …  waiti…
   └─ · branch …  waiti…
press  1.4 s  ·  0.0010…""",
        ),
    ],
)
def test_a_narrow_terminal_loses_columns_and_no_line_is_broken(width: int, shown: str) -> None:
    assert drawn_when(press(), second_attempt, page(width)) == shown


def test_a_low_terminal_shows_the_end_of_the_tree() -> None:
    assert (
        drawn_when(press(), second_attempt, page(height=5))
        == """\
… 3 lines above
   ├─ · branch legal / read  waiting
   └─ · branch tone / read   waiting
press  1.4 s  ·  0.00104 USD  ·  0.04896 of 0.05 USD left"""
    )


def test_a_terminal_without_unicode_gets_ascii() -> None:
    file = TextIOWrapper(BytesIO(), encoding="ascii")
    console = Page(file=file, force_terminal=True, color_system=None, width=60)
    tree = RunTree()
    runner = wordy()
    result = runner.run("rain")
    for event in result.transcript:
        tree.told(event)
    told = [line.plain for line in tree_lines(tree, console, View())]
    assert told == [
        "                                                  USD",
        "`- x write  failed after 2 attempts: plugin~  0.00208  2.4 s",
    ]


def test_a_question_is_shown_where_it_is_asked() -> None:
    def asked(event: Event) -> bool:
        return isinstance(event, StepEnded) and event.status == "paused"

    assert drawn_when(approved(), asked, page(70)).splitlines()[-2] == (
        "└─ ? approve                 asks: Publish it?                   0.0 s"
    )


def test_what_was_answered_is_told_until_it_is_judged() -> None:
    def answered(event: Event) -> bool:
        return isinstance(event, Answered)

    assert drawn_when(press(), answered, page(70)).splitlines()[1] == (
        "├─ ⠴ write                   Writer answered            0.00104  1.4 s"
    )
