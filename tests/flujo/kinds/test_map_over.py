"""The map step: its body once per item, in turn or at once; the order of outputs; what stays in the context."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import anyio
import pytest

from flujo import ContextMergeConflict, MergeStrategy, PipelineResult, Step, StepFailedError
from flujo.events import Asked, Decided, ItemEnded, Merged
from tests.flujo.kinds.cast import Breaker, Notes, Writer, echo, run, spent, story, undecided, usd, why

AT_ONCE: list[Any] = [None, 2, 5]


def split(x: str) -> list[str]:
    return list(x)


def each(body: Any, items: Any = split, **options: Any) -> Any:
    return Step.map_over("each", body, items, **options)


def ends(result: PipelineResult) -> list[tuple[int, str, object]]:
    return [(event.item, event.status, event.output) for event in result.transcript.of(ItemEnded)]


async def breaks_at_b(x: str, *, context: Notes) -> str:
    context.notes.append(x)
    if x == "b":
        raise ValueError("no b")
    return x.upper()


@pytest.mark.parametrize("at_once", [1, *AT_ONCE])
async def test_the_whole_story_is_the_same_in_turn_and_at_once(at_once: int | None) -> None:
    result = await run(each(Step("s", echo), max_concurrency=at_once), "ab")
    assert story(result) == [
        ("StepStarted", "each", "map" if at_once == 1 else "map_at_once", "ab"),
        ("Decided", "each", "items", 0, ("a", "b")),
        ("StepStarted", "each/item:1/s", "step", "a"),
        ("Asked", "each/item:1/s", 1, 0, "echo", "a", ()),
        ("Answered", "each/item:1/s", 1, 0, "a"),
        ("StepEnded", "each/item:1/s", "completed", "a", None),
        ("ItemEnded", "each", 1, "completed", "a", None),
        ("StepStarted", "each/item:2/s", "step", "b"),
        ("Asked", "each/item:2/s", 1, 0, "echo", "b", ()),
        ("Answered", "each/item:2/s", 1, 0, "b"),
        ("StepEnded", "each/item:2/s", "completed", "b", None),
        ("ItemEnded", "each", 2, "completed", "b", None),
        ("StepEnded", "each", "completed", ["a", "b"], None),
    ]


@pytest.mark.parametrize("at_once", [1, *AT_ONCE])
async def test_no_items_give_an_empty_list(at_once: int | None) -> None:
    result = await run(each(Step("s", echo), max_concurrency=at_once), "")
    assert (result.status, result.output, ends(result)) == ("completed", [], [])


def yielded(x: str) -> Iterable[str]:
    yield from x


@pytest.mark.parametrize(
    "items",
    [list, tuple, iter, yielded, lambda x: map(str, x), lambda x: dict.fromkeys(x).keys(), lambda x: (c for c in x)],
)
@pytest.mark.parametrize("at_once", [1, None])
async def test_items_of_every_iterable_are_collected_once(items: Any, at_once: int | None) -> None:
    result = await run(each(Step("s", echo), lambda x: items(x), max_concurrency=at_once), "abc")
    assert (result.status, result.output) == ("completed", ["a", "b", "c"])


async def test_in_turn_each_item_sees_what_the_one_before_left() -> None:
    seen: list[list[str]] = []

    async def looks(x: str, *, context: Notes) -> str:
        seen.append(list(context.notes))
        context.notes.append(x)
        return x

    result = await run(each(Step("s", looks)), "abc", context_data={"notes": ["start"]})
    assert seen == [["start"], ["start", "a"], ["start", "a", "b"]]
    assert result.context.notes == ["start", "a", "b", "c"]
    assert result.transcript.of(Merged) == ()


async def test_in_turn_a_failed_item_is_undone_the_ones_before_stay_and_none_follows() -> None:
    result = await run(each(Step("s", breaks_at_b, max_retries=0)), "abc", context_data={"notes": ["start"]})
    text = "step 'each/item:2/s' failed after 1 attempt: ValueError: no b"
    assert why(result) == ("failed", "each/item:2/s", text)
    assert [(event.item, event.status, event.output, event.error) for event in result.transcript.of(ItemEnded)] == [
        (1, "completed", "A", None),
        (2, "failed", None, text),
    ]
    assert result.context.notes == ["start", "a"]
    assert [event.input for event in result.transcript.of(Asked)] == ["a", "b"]


@pytest.mark.parametrize("at_once", AT_ONCE)
async def test_at_once_items_start_from_equal_contexts_and_are_not_merged_by_default(at_once: int | None) -> None:
    seen: list[list[str]] = []

    async def looks(x: str, *, context: Notes) -> str:
        seen.append(list(context.notes))
        context.notes.append(x)
        return x

    result = await run(each(Step("s", looks), max_concurrency=at_once), "abc", context_data={"notes": ["start"]})
    assert (seen, result.context.notes) == ([["start"]] * 3, ["start"])


@pytest.mark.parametrize("at_once", AT_ONCE)
async def test_at_once_contexts_join_in_the_order_of_items(at_once: int | None) -> None:
    turns = {letter: anyio.Event() for letter in "dcba"}
    turns["d"].set()

    async def backwards(x: str, *, context: Notes) -> str:
        if at_once is None:
            await turns[x].wait()
            if x != "a":
                turns[chr(ord(x) - 1)].set()
        context.notes.append(x)
        return x.upper()

    step = each(Step("s", backwards), max_concurrency=at_once, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    result = await run(step, "abcd", context_data={"notes": ["start"]})
    assert (result.output, result.context.notes) == (["A", "B", "C", "D"], ["start", "a", "b", "c", "d"])
    (merged,) = result.transcript.of(Merged)
    assert (merged.step, merged.strategy) == ("each", "context_update")
    assert merged.changes == (("notes", ["start"], ["start", "a", "b", "c", "d"]),)
    assert merged.sources == (("notes", ("item:1", "item:2", "item:3", "item:4")),)
    assert [number for number, _, _ in ends(result)] == [1, 2, 3, 4]


async def test_at_once_a_conflict_names_the_items() -> None:
    async def wins(x: str, *, context: Notes) -> str:
        context.winner = x
        return x

    step = each(Step("s", wins), max_concurrency=None, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    result = await run(step, "ab")
    assert type(result.error) is StepFailedError
    conflict = result.error.cause
    assert type(conflict) is ContextMergeConflict
    assert (conflict.path, conflict.field, conflict.values) == (
        "each", "$.winner", (("item:1", "a"), ("item:2", "b")),
    )  # fmt: skip
    assert result.context == Notes()


@pytest.mark.parametrize(
    ("strategy", "winner"), [(MergeStrategy.OVERWRITE, "c"), (MergeStrategy.KEEP_FIRST, "a"), (None, "abc")]
)
async def test_at_once_the_ways_out_of_a_conflict(strategy: Any, winner: str) -> None:
    async def wins(x: str, *, context: Notes) -> str:
        context.winner = x
        return x

    def joined(base: Notes, items: Mapping[str, Notes]) -> Mapping[str, object]:
        assert list(items) == ["item:1", "item:2", "item:3"]
        return {"winner": "".join(item.winner for item in items.values())}

    result = await run(each(Step("s", wins), max_concurrency=None, merge_strategy=strategy or joined), "abc")
    assert result.context == Notes(winner=winner)


async def test_at_once_a_failure_stops_the_other_items() -> None:
    started = anyio.Event()

    async def waits_or_breaks(x: str) -> str:
        if x == "b":
            await started.wait()
            raise ValueError("no b")
        started.set()
        await anyio.Event().wait()
        return x

    result = await run(each(Step("s", waits_or_breaks, max_retries=0), max_concurrency=None), "abc")
    text = "step 'each/item:2/s' failed after 1 attempt: ValueError: no b"
    assert why(result) == ("failed", "each/item:2/s", text)
    assert [(event.item, event.status, event.output, event.error) for event in result.transcript.of(ItemEnded)] == [
        (1, "stopped", None, None),
        (2, "failed", None, text),
        (3, "stopped", None, None),
    ]


async def test_max_concurrency_bounds_how_many_items_run_at_once() -> None:
    running: list[str] = []
    most = 0

    async def busy(x: str) -> str:
        nonlocal most
        running.append(x)
        most = max(most, len(running))
        await anyio.lowlevel.checkpoint()
        running.remove(x)
        return x

    result = await run(each(Step("s", busy), max_concurrency=2), "abcdef")
    assert (most, result.output) == (2, list("abcdef"))


@pytest.mark.parametrize("at_once", [1, None])
async def test_items_are_paid_by_item(at_once: int | None) -> None:
    body = Step("s", Writer("one", 7)) >> Step("t", Writer("two", 11))
    result = await run(each(body, max_concurrency=at_once), "ab")
    assert result.output == ["a.one.two", "b.one.two"]
    assert spent(result) == [
        ("each/item:1/s/attempt:1", usd(7)),
        ("each/item:1/t/attempt:1", usd(11)),
        ("each/item:2/s/attempt:1", usd(7)),
        ("each/item:2/t/attempt:1", usd(11)),
    ]
    (step,) = result.step_history
    assert (step.cost_usd, step.attempts, len(step.step_history)) == (usd(7, 7, 11, 11), 0, 4)


async def test_a_failed_item_keeps_its_spend() -> None:
    body = Step("s", Writer("one", 7)) >> Step("t", Breaker("two", 11), max_retries=1)
    result = await run(each(body), "ab")
    assert (result.status, result.total_cost_usd, result.context) == ("failed", usd(7, 11, 11), Notes())


@pytest.mark.parametrize(
    "answer", ["abc", "", b"abc", bytearray(b"abc"), {"a": 1}, {}, None, 7, 1.5], ids=lambda answer: repr(answer)
)
async def test_what_is_no_list_of_items_is_an_error_that_says_so(answer: object) -> None:
    result = await run(each(Step("s", echo), lambda x: answer))
    assert undecided(result) == ("each", "items", f"items returned {answer!r}; it has to return a list")
    assert result.transcript.of(Decided) == ()


@pytest.mark.parametrize("items", [lambda x: itertools.count(), lambda x: range(1_000_001), lambda x: range(10**12)])
async def test_items_without_end_or_too_many_are_an_error(items: Any) -> None:
    result = await run(each(Step("s", echo), items))
    text = "items returned more than 1,000,000; it has to return a list that comes to an end before"
    assert undecided(result) == ("each", "items", text)


async def test_items_that_raise_while_they_are_collected_fail_the_step() -> None:
    class Half:
        def __iter__(self) -> Any:
            yield "a"
            raise OSError("gone")

    result = await run(each(Step("s", echo), lambda x: Half()))
    assert undecided(result) == ("each", "items", "items raised OSError: gone")


async def test_what_items_and_bodies_change_in_an_item_stays_their_own() -> None:
    def items(x: list[list[int]], context: Notes) -> list[list[int]]:
        context.notes.append("items")
        x.append([7])
        return x

    async def grows(x: list[int]) -> list[int]:
        x.append(11)
        return x

    given = [[3], [5]]
    result = await run(each(Step("s", grows), items), given)
    assert (given, result.output) == ([[3], [5]], [[3, 11], [5, 11], [7, 11]])
    assert [event.value for event in result.transcript.of(Decided)] == [([3], [5], [7])]
    assert [event.input for event in result.transcript.of(Asked)] == [[3], [5], [7]]
    assert result.context == Notes()
