"""Reads what happens in steps that have others inside, ask a person, or look into a cache, and notes what cannot be.

How such steps end is checked in ``endings.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from flujo.events import (
    CacheHit,
    CacheMissed,
    Decided,
    Event,
    ItemEnded,
    Questioned,
    Replied,
    StepStarted,
)
from flujo_testing.conservation.account import Account, Execution, how_ended, listed
from flujo_testing.conservation.endings import check_part
from flujo_testing.transcript.sources import same_value

PLACES: Final = {
    "step": r"fallback:[^/]+",
    "parallel": r"(branch:[^/]+/)?[^/:]+",
    "branch": r"branch:[^/]+/[^/:]+",
    "loop": r"iteration:[1-9][0-9]*/[^/:]+",
    "map": r"item:[1-9][0-9]*/[^/:]+",
    "map_at_once": r"item:[1-9][0-9]*/[^/:]+",
    "cached": r"[^/:]+",
    "pipeline": r"[^/:]+",
    "human": r"(?!)",
}
"""Where steps stand inside of each kind of step."""

DECISIONS: Final = {
    "branch": ("condition", "branch_input_mapper", "branch_output_mapper"),
    "loop": ("initial_input_mapper", "exit_condition", "iteration_input_mapper", "loop_output_mapper"),
    "map": ("items",),
    "map_at_once": ("items",),
    "parallel": ("select",),
    "human": ("message",),
}
OF_ITERATIONS: Final = ("exit_condition", "iteration_input_mapper")


# Steps inside steps -------------------------------------------------------------------------------------


def check_place(account: Account, around: Execution, event: StepStarted) -> None:
    """A step stands where the kind of the step around it has a place for it."""
    inside = event.step.removeprefix(f"{around.path}/")
    place = PLACES.get(around.kind, ".*")
    stands = account.expect(
        re.fullmatch(place, inside) is not None, f"{event.step}: a step of kind {around.kind} has no such place inside"
    )
    if stands and (check := _ON_START.get(around.kind)) is not None:
        check(account, around, around.part_of(event.step))


def check_turn(account: Account, around: Execution, event: StepStarted) -> None:
    """A step runs once, and only after those before it in its sequence have completed."""
    if around.has_run(event.step):
        account.note(f"{event.step}: ran twice")
    before = around.within(around.part_of(event.step))
    if not before:
        return
    last = before[-1]
    if last.status not in ("completed", None):
        account.note(f"{event.step}: ran, although '{last.path}' before it {how_ended(last.status)}")


def _start_in_parallel(account: Account, around: Execution, part: str) -> None:
    if part and around.has_decided("select"):
        name, selected = part.removeprefix("branch:"), around.decided("select")
        account.expect(
            isinstance(selected, list | tuple) and name in selected,
            f"{around.path}/{part}: ran, but the selected branches are {listed(selected)}",
        )
    elif part == "":
        account.expect(not around.branches, f"{around.path}: chose branches when some had run")


def _start_in_branch(account: Account, around: Execution, part: str) -> None:
    if account.expect(around.has_decided("condition"), f"{around.path}/{part}: ran, but the condition decided nothing"):
        label = _label(around.decided("condition"))
        account.expect(
            part in (f"branch:{label}", "branch:default"),
            f"{around.path}/{part}: ran, but the condition decided {around.decided('condition')!r}",
        )
    ran = around.parts
    account.expect(ran in ([], [part]), f"{around.path}/{part}: ran after {', '.join(ran)}")


def _start_in_loop(account: Account, around: Execution, part: str) -> None:
    ran, number = around.parts, int(part.removeprefix("iteration:"))
    if ran and ran[-1] == part:
        account.expect(
            not around.has_decided("exit_condition", number),
            f"{around.path}/{part}: goes on after its exit condition was decided",
        )
        return
    last = len(ran)
    account.expect(
        number == last + 1, f"{around.path}/{part}: ran after iteration {last}: iterations must count 1, 2, 3, ..."
    )
    if last:
        before = around.decided("exit_condition", last)
        account.expect(
            before is False,
            f"{around.path}/{part}: ran, although the exit condition of iteration {last} was {before}",
        )


def _start_in_map(account: Account, around: Execution, part: str) -> None:
    number, items = int(part.removeprefix("item:")), around.items_decided
    account.expect(0 < number <= len(items), f"{around.path}/{part}: ran, but there are {len(items)} items")


def _start_in_cached(account: Account, around: Execution, part: str) -> None:
    found = [type(lookup).__name__ for lookup in around.lookups]
    account.expect(
        found == ["CacheMissed"],
        f"{around.path}: ran its step, but the cache said {listed(found)}",
    )


_ON_START: Final[dict[str, Callable[[Account, Execution, str], None]]] = {
    "parallel": _start_in_parallel,
    "branch": _start_in_branch,
    "loop": _start_in_loop,
    "map": _start_in_map,
    "map_at_once": _start_in_map,
    "cached": _start_in_cached,
}


# What they do -------------------------------------------------------------------------------------------


def _decided(account: Account, event: Decided) -> None:
    if not account.expect(
        account.innermost_is(event.step), f"{event.step}: {event.what} decided while its step was not running"
    ):
        return
    execution = account.open[-1]
    account.expect(
        event.what in DECISIONS.get(execution.kind, ()),
        f"{event.step}: {event.what} decided, but a step of kind {execution.kind} has no such function",
    )
    key = (event.what, event.number)
    account.expect(key not in execution.decisions, f"{event.step}: {event.what} {_numbered(event)}decided twice")
    account.expect(
        (event.number > 0) == (event.what in OF_ITERATIONS),
        f"{event.step}: {event.what} decided of iteration {event.number}",
    )
    account.expect(not execution.questions, f"{event.step}: {event.what} decided after the question was put")
    execution.decisions[key] = event
    if event.what in OF_ITERATIONS:
        _check_decision_of_iteration(account, execution, event)


def _check_decision_of_iteration(account: Account, execution: Execution, event: Decided) -> None:
    last = len(execution.parts)
    if event.what == "exit_condition":
        statuses = [step.status for step in execution.within(f"iteration:{event.number}")]
        account.expect(
            last == event.number and set(statuses) == {"completed"},
            f"{event.step}: exit_condition {event.number} decided, but iteration {event.number} has not completed",
        )
    else:
        account.expect(
            event.number == last + 1 and execution.decided("exit_condition", last) is False,
            f"{event.step}: the input of iteration {event.number} was made, but iteration {last} was the last",
        )


def _item_ended(account: Account, event: ItemEnded) -> None:
    path = f"{event.step}/item:{event.item}"
    if not account.expect(account.innermost_is(event.step), f"{path}: ended outside of its map step"):
        return
    execution = account.open[-1]
    account.expect(
        event.item == len(execution.items) + 1,
        f"{path}: ended as number {len(execution.items) + 1}: items must count 1, 2, 3, ...",
    )
    count = len(execution.items_decided)
    account.expect(event.item <= count, f"{path}: ended, but there are {count} items")
    execution.items.append(event)
    check_part(account, execution, f"item:{event.item}", event)


def _looked_up(account: Account, event: CacheHit | CacheMissed) -> None:
    name = type(event).__name__
    cached = account.innermost_is(event.step) and account.open[-1].kind == "cached"
    if account.expect(cached, f"{event.step}: {name}, but no such cached step is running"):
        account.open[-1].lookups.append(event)
        account.expect(len(account.open[-1].lookups) == 1, f"{event.step}: looked up twice in the cache")


def _questioned(account: Account, event: Questioned) -> None:
    if not _is_asking(account, event):
        return
    human = account.open[-1]
    account.expect(not human.questions, f"{event.step}: Questioned twice")
    human.questions.append(event)
    if human.has_decided("message"):
        message = human.decided("message")
        account.expect(
            event.message == message, f"{event.step}: asks {event.message!r}, but decided to ask {message!r}"
        )


def _replied(account: Account, event: Replied) -> None:
    if not _is_asking(account, event):
        return
    human = account.open[-1]
    account.expect(len(human.questions) == 1, f"{event.step}: a reply, but no question")
    account.expect(not human.replies, f"{event.step}: Replied twice")
    human.replies.append(event)
    if account.expect(event.step in account.answers, f"{event.step}: a reply, but the run was resumed with none"):
        answer = account.answers[event.step]
        account.expect(
            same_value(event.answer, answer), f"{event.step}: the reply is {event.answer!r}, the answer was {answer!r}"
        )


def _is_asking(account: Account, event: Event) -> bool:
    asks = account.innermost_is(event.step) and (account.open[-1].kind == "human" or account.open[-1].has_doubt)
    return account.expect(asks, f"{event.step}: {type(event).__name__}, but no such human step is running")


READERS: Final[dict[type[Event], Callable[[Account, Any], None]]] = {
    Decided: _decided, ItemEnded: _item_ended, CacheHit: _looked_up, CacheMissed: _looked_up,
    Questioned: _questioned, Replied: _replied,
}  # fmt: skip


def _label(key: object) -> str:
    """How paths show the key of a branch."""
    return key.value if isinstance(key, Enum) and isinstance(key.value, str) else str(key)


def _numbered(event: Decided) -> str:
    return f"of iteration {event.number} " if event.number else ""
