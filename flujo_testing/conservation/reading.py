"""Reads the events of a run into an account of its steps, asks and entries, and notes what cannot be.

Nothing here looks at a result: what a result says is compared in ``sums.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any

from flujo.events import (
    Answered,
    Asked,
    AskEvent,
    AskFailed,
    BranchEnded,
    Event,
    Judged,
    Merged,
    Paid,
    PaidBefore,
    RunEnded,
    RunResumed,
    RunStarted,
    StepEnded,
    StepStarted,
)
from flujo_testing.conservation import composites, endings
from flujo_testing.conservation.account import Account, Ask, Execution
from flujo_testing.conservation.paths import branch_of, declared, in_canonical_order, step_of


def read(events: Iterable[Event], metered: Collection[str] = ()) -> Account:
    """The account of a run; its ``violations`` are what is wrong with the events in themselves."""
    ordered, stray = in_canonical_order(events)
    account = Account(metered, ordered)
    for event in ordered:
        if account.ended is not None:
            account.note(f"{event.step or 'the run'}: {type(event).__name__} after the run has ended")
        if (reader := READERS.get(type(event))) is not None:
            reader(account, event)
    for part, events_of_part in stray.items():
        what, end = ("item", "ItemEnded") if "/item:" in part[part.rfind("/") :] else ("branch", "BranchEnded")
        account.expect(False, f"{part}: {len(events_of_part)} events, but no {end} accounts for the {what}")
    account.expect(account.started is not None, "the run: it has no RunStarted")
    account.expect(account.ended is not None, "the run: it has no RunEnded")
    for execution in account.open:
        account.expect(False, f"{execution.path}: StepStarted without StepEnded")
    _check_entries(account)
    return account


def _run_started(account: Account, event: RunStarted) -> None:
    account.expect(account.started is None, "the run: RunStarted twice")
    account.expect(not account.top, "the run: RunStarted after its first step")
    account.started = event


def _run_resumed(account: Account, event: RunResumed) -> None:
    account.expect(account.started is not None and not account.top, "the run: RunResumed after its first step")
    account.resumed = True
    account.expect(event.status != "completed", "the run: resumed, although it had completed")
    for path, answer in event.answers:
        account.expect(event.status == "paused", f"{path}: answered, although the run had ended {event.status}")
        account.expect(path not in account.answers, f"{path}: answered twice")
        account.answers[path] = answer


def _run_ended(account: Account, event: RunEnded) -> None:
    account.ended = event
    account.expect(
        (event.status in ("completed", "paused")) == (event.error is None),
        f"the run: status {event.status}, but its error is {event.error!r}",
    )
    if event.status != "completed":
        account.expect(event.output is None, f"the run: {event.status}, but its output is {event.output!r}")
        last = account.top[-1].status if account.top else None
        if event.status == "paused" or last == "paused":
            account.expect(event.status == last, f"the run: {event.status}, but its last step is {last}")
        return
    for step in account.top:
        status = None if step.ended is None else step.ended.status
        account.expect(status == "completed", f"{step.path}: {status}, but the run completed")


def _step_started(account: Account, event: StepStarted) -> None:
    execution = Execution(event.step, event.kind)
    around = account.open[-1] if account.open else None
    if around is not None:
        if event.step.startswith(f"{around.path}/"):
            composites.check_place(account, around, event)
        else:
            account.note(f"{event.step}: started inside of '{around.path}', where it is not")
    outer = account.run if around is None else around
    composites.check_turn(account, outer, event)
    outer.take_in(execution)
    account.open.append(execution)


def _step_ended(account: Account, event: StepEnded) -> None:
    if not account.innermost_is(event.step) and all(step.path != event.step for step in account.open):
        account.note(f"{event.step}: StepEnded without StepStarted")
        return
    while (execution := account.open.pop()).path != event.step:
        account.expect(False, f"{execution.path}: still open when '{event.step}' ended around it")
    execution.ended = event
    in_doubt = {entry.path for entry in execution.entries if entry.outcome == "in_doubt"}
    for ask in execution.asks:
        if not (ask.answered or ask.failed or ask.path in in_doubt):  # nobody knows how a call in doubt has ended
            account.note(f"{ask.asked.path}: asked, but neither Answered nor AskFailed")
    if (event.status in ("completed", "paused")) != (event.error is None):
        account.note(f"{event.step}: {event.status}, but its error is {event.error!r}")
    completed = event.status == "completed"
    if not completed and event.output is not None:
        account.note(f"{event.step}: {event.status}, but its output is {event.output!r}, not None")
    if execution.kind == "parallel" and completed:
        _check_branches(account, execution, event)
    endings.check_end(account, execution, event)


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
    if not account.expect(account.innermost_is(event.step), f"{path}: ended outside of its parallel step"):
        return
    execution = account.open[-1]
    account.expect(event.branch not in execution.branches, f"{path}: BranchEnded twice")
    execution.branches[event.branch] = event
    endings.check_part(account, execution, f"branch:{event.branch}", event)


def _merged(account: Account, event: Merged) -> None:
    if account.expect(account.innermost_is(event.step), f"{event.step}: merged while it was not running"):
        execution = account.open[-1]
        account.expect(not execution.merged, f"{event.step}: merged twice")
        execution.merged = True


def _asked(account: Account, event: Asked) -> None:
    if not account.innermost_is(event.step):
        account.note(f"{event.path}: asked while its step was not running")
        return
    execution = account.open[-1]
    if execution.kind != "step":
        account.note(f"{event.path}: asked, but a step of kind {execution.kind} asks nobody")
    asks, at = execution.asks, (event.attempt, event.hop)
    if not asks:
        if at != (1, 0):
            account.note(f"{event.path}: asked first: attempts must count 1, 2, 3, ...")
    else:
        last = asks[-1].asked
        if at not in ((last.attempt, last.hop + 1), (last.attempt + 1, 0)):
            account.note(f"{event.path}: asked after '{last.path}': attempts must count 1, 2, 3, ...")
    asks.append(Ask(event))


def _answered(account: Account, event: Answered) -> None:
    if (ask := _ask_under_way(account, event)) is not None:
        ask.answered = True
        if event.hop == 0 and ask.paid == 0 and declared(event.step) in account.metered:
            account.note(f"{event.path}: a metered agent answered, but no entry says what was paid")


def _ask_failed(account: Account, event: AskFailed) -> None:
    if (ask := _ask_under_way(account, event)) is not None:
        ask.failed = True


def _ask_under_way(account: Account, event: Answered | AskFailed) -> Ask | None:
    ask = _last_ask(account, event)
    if ask is None or ask.answered or ask.failed:
        account.note(f"{event.path}: {type(event).__name__}, but no such ask is under way")
        return None
    return ask


def _last_ask(account: Account, event: AskEvent) -> Ask | None:
    """The ask that the event is about, if it is the latest one of the step that is running."""
    if not account.innermost_is(event.step) or not account.open[-1].asks:
        return None
    last = account.open[-1].asks[-1]
    return last if (last.asked.attempt, last.asked.hop) == (event.attempt, event.hop) else None


def _judged(account: Account, event: Judged) -> None:
    ask = _last_ask(account, event)
    if ask is None or not ask.answered:
        account.note(f"{event.path}/plugin:{event.plugin}: judged what was not answered")
    else:
        ask.judged.add(event.plugin)


def _paid(account: Account, event: Paid) -> None:
    entry = event.entry
    step = step_of(entry.path)
    account.entries.append(entry)
    if event.step != step:
        account.note(f"{entry.entry_id}: paid by '{event.step}', says its event")
    if not account.innermost_is(step):
        account.note(f"{entry.entry_id}: paid while its step was not running")
        return
    execution = account.open[-1]
    execution.entries.append(entry)
    agent, _, plugin = entry.path.partition("/plugin:")
    ask = next((ask for ask in reversed(execution.asks) if ask.path == agent), None)
    if ask is None:
        account.note(f"{entry.entry_id}: paid, but nobody was asked there")
        return
    if plugin:
        within = ask is execution.asks[-1] and ask.answered and plugin not in ask.judged
    else:
        within = not (ask.answered or ask.failed)
        ask.paid += 1
    if not within:
        account.note(f"{entry.entry_id}: paid outside of the ask that it belongs to")
    if entry.attempt != ask.asked.attempt:
        account.note(f"{entry.entry_id}: attempt {entry.attempt}, in attempt {ask.asked.attempt}")


def _paid_before(account: Account, event: PaidBefore) -> None:
    """No step that ran counts it: the run itself tells it, after all of them."""
    name = event.entry.entry_id
    account.entries.append(event.entry)
    account.expect(event.step == "", f"{name}: paid before, but told by '{event.step}'")
    account.expect(account.resumed, f"{name}: paid before, but the run was not resumed")
    account.expect(not account.open, f"{name}: paid before, but told while steps were running")


READERS: dict[type[Event], Callable[[Account, Any], None]] = {
    RunStarted: _run_started, RunEnded: _run_ended, StepStarted: _step_started, StepEnded: _step_ended,
    BranchEnded: _branch_ended, Asked: _asked, Answered: _answered, AskFailed: _ask_failed, Judged: _judged,
    Paid: _paid, PaidBefore: _paid_before, Merged: _merged, RunResumed: _run_resumed, **composites.READERS,
}  # fmt: skip


def _check_entries(account: Account) -> None:
    seen: set[str] = set()
    numbers: dict[str, int] = {}
    for entry in account.entries:
        name = entry.entry_id
        if name in seen:
            account.note(f"{name}: two entries of this id")
        seen.add(name)
        number = numbers[entry.path] = numbers.get(entry.path, 0) + 1
        if not name.endswith(f"/{entry.path}/request:{number}"):
            account.note(f"{name}: is request {number} of '{entry.path}'")
        branch = branch_of(entry.path)
        if entry.branch != branch:
            account.note(f"{name}: branch {entry.branch!r}, but it ran in {branch!r}")
        if entry.line_items and entry.cost_usd is not None:
            items = [item.amount for item in entry.line_items]
            if not add_up_to(items, entry.cost_usd):
                account.note(f"{name}: costs {entry.cost_usd}, its items {shown_usd(sum(map(Fraction, items)))}")


def add_up_to(amounts: Sequence[Decimal], total: Decimal) -> bool:
    """Whether the amounts are exactly the total: added as integers, in parts that all of them are multiples of."""
    *ratios, (count, of) = [amount.as_integer_ratio() for amount in (*amounts, total)]
    parts = lcm(of, *(each for _, each in ratios))
    return sum(number * (parts // each) for number, each in ratios) == count * (parts // of)


def shown_usd(amount: Fraction | int) -> str:
    """An amount in decimals, for messages."""
    exact = Fraction(amount)
    return str(Decimal(exact.numerator) / Decimal(exact.denominator))
