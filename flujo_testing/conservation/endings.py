"""What cannot be at the end of a step that has others inside, asks a person, or looks into a cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flujo.events import BranchEnded, ItemEnded, StepEnded
from flujo_testing.conservation.account import Account, Execution, how_ended, listed
from flujo_testing.transcript.sources import same_value


def check_end(account: Account, execution: Execution, event: StepEnded) -> None:
    """A step ends as what is inside it did, with the output that this gave."""
    last = execution.inner[-1] if execution.inner else None
    gathers = execution.kind in ("map", "map_at_once", "parallel")
    if not gathers and last is not None and last.status not in ("completed", None):
        passed_on = event.status == last.status or (last.status, event.status) == ("limited", "failed")
        account.expect(passed_on, f"{event.step}: {event.status}, but '{last.path}' in it {how_ended(last.status)}")
    if event.status == "paused":
        asks = (
            execution.kind == "human" or execution.questions or any(step.status == "paused" for step in execution.inner)
        )
        account.expect(bool(asks), f"{event.step}: paused, but nothing in it waits for an answer")
    if (check := _ON_END.get(execution.kind)) is not None:
        check(account, execution, event)


def _end_of_plain(account: Account, execution: Execution, event: StepEnded) -> None:
    if event.status == "completed" and not execution.inner:  # no fallback saved it
        if not execution.asks:
            account.note(f"{event.step}: completed, but nobody was asked")
        elif execution.asks[-1].failed:
            account.note(f"{event.step}: completed, although its last ask failed")


def _end_of_parallel(account: Account, execution: Execution, event: StepEnded) -> None:
    chosen = execution.within("")
    if event.status == "completed":
        account.expect(
            not chosen or execution.has_decided("select"),
            f"{event.step}: completed, but its branches were never chosen",
        )
    if execution.has_decided("select") and (execution.branches or event.status == "completed"):
        selected, ran = execution.decided("select"), list(execution.branches)
        account.expect(
            isinstance(selected, list | tuple) and list(selected) == ran,
            f"{event.step}: the selected branches are {listed(selected)}, those that ran are {listed(ran)}",
        )


def _end_of_branch(account: Account, execution: Execution, event: StepEnded) -> None:
    if event.status == "completed" and account.expect(
        len(execution.inner) > 0, f"{event.step}: completed, but none of its branches ran"
    ):
        _check_mapped_output(account, execution, event, "branch_output_mapper")


def _end_of_loop(account: Account, execution: Execution, event: StepEnded) -> None:
    ran = len(execution.parts)
    decided = [decision for (what, _), decision in execution.decisions.items() if what == "exit_condition"]
    if event.status == "completed":
        account.expect(
            len(decided) == ran > 0 and decided[-1].value is True,
            f"{event.step}: completed after {ran} iterations, but the last exit condition was "
            f"{decided[-1].value if decided else None}",
        )
        if ran:
            _check_mapped_output(account, execution, event, "loop_output_mapper")


def _end_of_map(account: Account, execution: Execution, event: StepEnded) -> None:
    parts, told = execution.parts, {f"item:{item.item}" for item in execution.items}
    for part in parts:
        account.expect(part in told, f"{event.step}/{part}: ran, but no ItemEnded accounts for the item")
    if event.status != "completed":
        return
    count = len(execution.items_decided)
    account.expect(execution.has_decided("items"), f"{event.step}: completed, but its items were never decided")
    account.expect(
        len(execution.items) == count, f"{event.step}: completed with {len(execution.items)} of {count} items"
    )
    for item in execution.items:
        account.expect(
            item.status == "completed", f"{event.step}/item:{item.item}: {item.status}, but the map step completed"
        )
    outputs = [item.output for item in execution.items]
    account.expect(
        same_value(event.output, outputs),
        f"{event.step}: its output is {event.output!r}, its items put out {outputs!r}",
    )


def _end_of_cached(account: Account, execution: Execution, event: StepEnded) -> None:
    if event.status != "completed":
        return
    found = [type(lookup).__name__ for lookup in execution.lookups]
    if (
        account.expect(bool(found), f"{event.step}: completed, but never looked into the cache")
        and found[0] != "CacheHit"
    ):
        ran = [step.path for step in execution.inner]
        if account.expect(len(ran) == 1, f"{event.step}: the cache had no result, but it ran {listed(ran)}"):
            _check_output(account, event.step, event.output, execution.inner[0])


def _end_of_pipeline(account: Account, execution: Execution, event: StepEnded) -> None:
    if event.status == "completed" and account.expect(bool(execution.inner), f"{event.step}: completed without a step"):
        _check_output(account, event.step, event.output, execution.inner[-1])


def _end_of_human(account: Account, execution: Execution, event: StepEnded) -> None:
    asked, replied = len(execution.questions), len(execution.replies)
    if event.status == "completed" and account.expect(replied == 1, f"{event.step}: completed, but nobody replied"):
        answer = execution.replies[0].answer
        account.expect(
            same_value(event.output, answer), f"{event.step}: its output is {event.output!r}, the reply was {answer!r}"
        )
    if event.status == "paused":
        account.expect(asked == 1, f"{event.step}: paused, but nobody was asked")
        account.expect(not replied, f"{event.step}: paused, although there was a reply")
        account.expect(
            event.step not in account.answers, f"{event.step}: paused, although the run was resumed with an answer"
        )


_ON_END: Final[dict[str, Callable[[Account, Execution, StepEnded], None]]] = {
    "step": _end_of_plain,
    "parallel": _end_of_parallel,
    "branch": _end_of_branch,
    "loop": _end_of_loop,
    "map": _end_of_map,
    "map_at_once": _end_of_map,
    "cached": _end_of_cached,
    "pipeline": _end_of_pipeline,
    "human": _end_of_human,
}


def _check_mapped_output(account: Account, execution: Execution, event: StepEnded, mapper: str) -> None:
    if execution.has_decided(mapper):
        made = execution.decided(mapper)
        account.expect(
            same_value(event.output, made), f"{event.step}: its output is {event.output!r}, {mapper} made {made!r}"
        )
    else:
        _check_output(account, event.step, event.output, execution.inner[-1])


def _check_output(account: Account, path: str, output: object, last: Execution) -> None:
    given = None if last.ended is None else last.ended.output
    account.expect(same_value(output, given), f"{path}: its output is {output!r}, '{last.path}' put out {given!r}")


def check_part(account: Account, execution: Execution, part: str, event: BranchEnded | ItemEnded) -> None:
    """A branch or an item ends as its last step did."""
    path = f"{execution.path}/{part}"
    account.expect(not execution.merged, f"{path}: ended after the contexts were merged")
    account.expect(
        event.status == "completed" or event.output is None,
        f"{path}: {event.status}, but its output is {event.output!r}, not None",
    )
    steps = execution.within(part)
    last = steps[-1].status if steps else None
    if event.status not in ("stopped", "cancelled"):
        account.expect(event.status == last, f"{path}: {event.status}, but its last step {how_ended(last)}")
    if event.status == last == "completed":
        _check_output(account, path, event.output, steps[-1])
