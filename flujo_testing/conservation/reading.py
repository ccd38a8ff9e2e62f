"""Reads the events of a run into an account of its steps, asks and entries, and notes what cannot be.

Nothing here looks at a result: what a result says is compared in ``sums.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flujo.entries import LedgerEntry
from flujo.events import (
    Answered,
    Asked,
    AskFailed,
    BranchEnded,
    Chunk,
    Event,
    Judged,
    Paid,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
)

WITHIN_A_STEP = ("attempt:", "redirect:", "plugin:", "request:")


@dataclass(slots=True, eq=False)
class Ask:
    """One call of an agent, and who was paid for it."""

    asked: Asked
    answered: bool = False
    failed: bool = False
    paid: int = 0
    judged: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Execution:
    """One execution of a step: what was paid in it, the steps inside it, its asks and branches."""

    path: str
    kind: str
    asks: list[Ask] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    inner: list[Execution] = field(default_factory=list)
    branches: dict[str, BranchEnded] = field(default_factory=dict)
    ended: StepEnded | None = None

    def all_entries(self) -> list[LedgerEntry]:
        return [*self.entries, *(entry for execution in self.inner for entry in execution.all_entries())]


@dataclass(slots=True, eq=False)
class Account:
    """What the events say, read for the second time."""

    metered: Collection[str]
    violations: list[str] = field(default_factory=list)
    open: list[Execution] = field(default_factory=list)
    top: list[Execution] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    started: RunStarted | None = None
    ended: RunEnded | None = None

    def expect(self, holds: bool, violation: str) -> bool:
        if not holds:
            self.violations.append(violation)
        return holds


def read(events: Iterable[Event], metered: Collection[str] = ()) -> Account:
    """The account of a run; its ``violations`` are what is wrong with the events in themselves."""
    account = Account(metered)
    ordered, stray = in_canonical_order(events)
    for event in ordered:
        account.expect(
            account.ended is None,
            f"{event.step or 'the run'}: {type(event).__name__} after the run has ended",
        )
        if (reader := READERS.get(type(event))) is not None:
            reader(account, event)
    for branch, events_of_branch in stray.items():
        account.expect(False, f"{branch}: {len(events_of_branch)} events, but no BranchEnded accounts for the branch")
    account.expect(account.started is not None, "the run: it has no RunStarted")
    account.expect(account.ended is not None, "the run: it has no RunEnded")
    for execution in account.open:
        account.expect(False, f"{execution.path}: StepStarted without StepEnded")
    _check_entries(account)
    return account


def in_canonical_order(events: Iterable[Event]) -> tuple[list[Event], dict[str, list[Event]]]:
    """Events with those of each branch before its BranchEnded, and the branches for which there was none.

    A transcript is in this order already; events in the order of their arrival are mixed.
    """
    ordered: list[Event] = []
    waiting: dict[str, list[Event]] = {}
    for event in events:
        if isinstance(event, Chunk):  # told on its way, not kept: the answer holds it
            continue
        branch = branch_of(event.step)
        target = ordered if branch is None else waiting.setdefault(branch, [])
        if isinstance(event, BranchEnded):
            target += waiting.pop(f"{event.step}/branch:{event.branch}", [])
        target.append(event)
    return ordered, waiting


def branch_of(path: str) -> str | None:
    """The path of the innermost branch around a step; None outside of all."""
    parts = path.split("/")
    for length in range(len(parts), 0, -1):
        if parts[length - 1].startswith("branch:"):
            return "/".join(parts[:length])
    return None


def step_of(path: str) -> str:
    """The path of the step that an ask belongs to."""
    return "/".join(part for part in path.split("/") if not part.startswith(WITHIN_A_STEP))


def _run_started(account: Account, event: RunStarted) -> None:
    account.expect(account.started is None, "the run: RunStarted twice")
    account.started = event


def _run_ended(account: Account, event: RunEnded) -> None:
    account.ended = event
    account.expect(
        (event.status == "completed") == (event.error is None) or event.status == "paused",
        f"the run: status {event.status}, but its error is {event.error!r}",
    )
    if event.status != "completed":
        account.expect(event.output is None, f"the run: {event.status}, but its output is {event.output!r}")
        return
    for step in account.top:
        status = None if step.ended is None else step.ended.status
        account.expect(status == "completed", f"{step.path}: {status}, but the run completed")


def _step_started(account: Account, event: StepStarted) -> None:
    execution = Execution(event.step, event.kind)
    if account.open:
        around = account.open[-1]
        around.inner.append(execution)
        account.expect(
            event.step.startswith(f"{around.path}/"),
            f"{event.step}: started inside of '{around.path}', where it is not",
        )
    else:
        account.top.append(execution)
    account.open.append(execution)


def _step_ended(account: Account, event: StepEnded) -> None:
    if not account.expect(
        any(step.path == event.step for step in account.open), f"{event.step}: StepEnded without StepStarted"
    ):
        return
    while (execution := account.open.pop()).path != event.step:
        account.expect(False, f"{execution.path}: still open when '{event.step}' ended around it")
    execution.ended = event
    for ask in execution.asks:
        account.expect(ask.answered or ask.failed, f"{ask.asked.path}: asked, but neither Answered nor AskFailed")
    completed = event.status == "completed"
    account.expect(
        completed == (event.error is None), f"{event.step}: {event.status}, but its error is {event.error!r}"
    )
    account.expect(
        completed or event.output is None,
        f"{event.step}: {event.status}, but its output is {event.output!r}, not None",
    )
    if execution.kind == "parallel" and completed:
        _check_branches(account, execution, event)


def _check_branches(account: Account, execution: Execution, ended: StepEnded) -> None:
    for name, branch in execution.branches.items():
        tolerated = branch.status == "completed" or (branch.status == "failed" and branch.ignored)
        account.expect(
            tolerated,
            f"{execution.path}/branch:{name}: {branch.status}, but the parallel step around it completed",
        )
    completed = [name for name, branch in execution.branches.items() if branch.status == "completed"]
    given = list(ended.output) if isinstance(ended.output, dict) else ended.output
    account.expect(
        given == completed,
        f"{execution.path}: has outputs of {given}, but the completed branches are {completed}",
    )


def _branch_ended(account: Account, event: BranchEnded) -> None:
    path = f"{event.step}/branch:{event.branch}"
    if not account.expect(_innermost_is(account, event.step), f"{path}: ended outside of its parallel step"):
        return
    branches = account.open[-1].branches
    account.expect(event.branch not in branches, f"{path}: BranchEnded twice")
    branches[event.branch] = event
    account.expect(
        event.status == "completed" or event.output is None,
        f"{path}: {event.status}, but its output is {event.output!r}, not None",
    )


def _asked(account: Account, event: Asked) -> None:
    if not account.expect(_innermost_is(account, event.step), f"{event.path}: asked while its step was not running"):
        return
    asks = account.open[-1].asks
    if asks:
        last = asks[-1].asked
        right = {(last.attempt, last.hop + 1), (last.attempt + 1, 0)}
        after = f"after '{last.path}'"
    else:
        right, after = {(1, 0)}, "first"
    account.expect(
        (event.attempt, event.hop) in right, f"{event.path}: asked {after}: attempts must count 1, 2, 3, ..."
    )
    asks.append(Ask(event))


def _answered(account: Account, event: Answered) -> None:
    if (ask := _ask_under_way(account, event)) is not None:
        ask.answered = True
        if event.step in account.metered and event.hop == 0:
            account.expect(ask.paid > 0, f"{event.path}: a metered agent answered, but no entry says what was paid")


def _ask_failed(account: Account, event: AskFailed) -> None:
    if (ask := _ask_under_way(account, event)) is not None:
        ask.failed = True


def _ask_under_way(account: Account, event: Answered | AskFailed) -> Ask | None:
    asks = account.open[-1].asks if _innermost_is(account, event.step) else []
    under_way = bool(asks) and asks[-1].asked.path == event.path and not (asks[-1].answered or asks[-1].failed)
    account.expect(under_way, f"{event.path}: {type(event).__name__}, but no such ask is under way")
    return asks[-1] if under_way else None


def _judged(account: Account, event: Judged) -> None:
    asks = account.open[-1].asks if _innermost_is(account, event.step) else []
    right = bool(asks) and asks[-1].asked.path == event.path and asks[-1].answered
    if account.expect(right, f"{event.path}/plugin:{event.plugin}: judged what was not answered"):
        asks[-1].judged.add(event.plugin)


def _paid(account: Account, event: Paid) -> None:
    entry = event.entry
    account.entries.append(entry)
    account.expect(event.step == step_of(entry.path), f"{entry.entry_id}: paid by '{event.step}', says its event")
    if not account.expect(
        _innermost_is(account, step_of(entry.path)), f"{entry.entry_id}: paid while its step was not running"
    ):
        return
    execution = account.open[-1]
    execution.entries.append(entry)
    agent, _, plugin = entry.path.partition("/plugin:")
    ask = next((ask for ask in reversed(execution.asks) if ask.asked.path == agent), None)
    if not account.expect(ask is not None, f"{entry.entry_id}: paid, but nobody was asked there") or ask is None:
        return
    if plugin:
        within = ask is execution.asks[-1] and ask.answered and plugin not in ask.judged
    else:
        within = not (ask.answered or ask.failed)
        ask.paid += 1
    account.expect(within, f"{entry.entry_id}: paid outside of the ask that it belongs to")
    account.expect(
        entry.attempt == ask.asked.attempt,
        f"{entry.entry_id}: attempt {entry.attempt}, in attempt {ask.asked.attempt}",
    )


def _innermost_is(account: Account, path: str) -> bool:
    return bool(account.open) and account.open[-1].path == path


READERS: dict[type[Event], Callable[[Account, Any], None]] = {
    RunStarted: _run_started, RunEnded: _run_ended, StepStarted: _step_started, StepEnded: _step_ended,
    BranchEnded: _branch_ended, Asked: _asked, Answered: _answered, AskFailed: _ask_failed, Judged: _judged,
    Paid: _paid,
}  # fmt: skip


def _check_entries(account: Account) -> None:
    seen: set[str] = set()
    numbers: dict[str, int] = {}
    for entry in account.entries:
        name = entry.entry_id
        account.expect(name not in seen, f"{name}: two entries of this id")
        seen.add(name)
        number = numbers[entry.path] = numbers.get(entry.path, 0) + 1
        account.expect(
            name.endswith(f"/{entry.path}/request:{number}"), f"{name}: is request {number} of '{entry.path}'"
        )
        account.expect(
            entry.branch == branch_of(entry.path),
            f"{name}: branch {entry.branch!r}, but it ran in {branch_of(entry.path)!r}",
        )
        if entry.line_items and entry.cost_usd is not None:
            items = sum(Fraction(item.amount) for item in entry.line_items)
            account.expect(
                items == Fraction(entry.cost_usd),
                f"{name}: costs {entry.cost_usd}, its items {shown_usd(items)}",
            )


def shown_usd(amount: Fraction | int) -> str:
    """An amount in decimals, for messages."""
    exact = Fraction(amount)
    return str(Decimal(exact.numerator) / Decimal(exact.denominator))
