"""Users' functions: how they are read at build, what they are given, and what becomes of what they return or raise."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

from flujo import Flujo, Step
from flujo.errors import UnknownBranchError
from flujo.events import Asked, Decided
from flujo.functions import BoundFunction, bind_function
from tests.flujo.kinds.cast import Notes, Writer, echo, run, undecided

EXTRAS = frozenset({"iteration", "input"})


def value(x: object) -> object:
    return x


def second(x: object, notes: object) -> object:
    return x


def second_optional(x: object, notes: object = None) -> object:
    return x


def named(x: object, *, context: object) -> object:
    return x


def named_second(x: object, context: object) -> object:
    return x


def extras_first(x: object, iteration: int, context: object) -> object:
    return x


def extras_by_name(x: object, notes: object, *, input: object, iteration: int = 0) -> object:
    return x


def everything(*args: object, **named: object) -> object:
    return args


class Condition:
    def __call__(self, x: object, context: object) -> object:
        return x

    def method(self, x: object) -> object:
        return x


BINDINGS: list[tuple[Callable[..., object], bool, set[str]]] = [
    (value, False, set()),
    (second, True, set()),
    (second_optional, False, set()),
    (named, False, {"context"}),
    (named_second, False, {"context"}),
    (extras_first, False, {"iteration", "context"}),
    (extras_by_name, True, {"input", "iteration"}),
    (everything, False, set()),
    (Condition(), False, {"context"}),
    (Condition().method, False, set()),
    (functools.partial(second, notes=1), False, set()),
    (functools.partial(second, 1), False, set()),
    (len, False, set()),
    (str, False, set()),
    (str.upper, False, set()),
    (lambda x, c: x, True, set()),
]


@pytest.mark.parametrize(("function", "context_second", "takes"), BINDINGS)
def test_what_a_function_takes_is_read_from_its_signature(
    function: Callable[..., object], context_second: bool, takes: set[str]
) -> None:
    bound = bind_function("condition", function, EXTRAS)
    assert bound == BoundFunction("condition", function, context_second, frozenset(takes))
    assert bound.takes_context == (context_second or "context" in takes)


def none() -> None: ...


def by_name_only(*, x: object) -> None: ...


def two_more(x: object, notes: object, other: object) -> None: ...


def strange(x: object, *, colour: object) -> None: ...


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (5, "is no function"),
        (none, "takes no value"),
        (by_name_only, "takes no value"),
        (two_more, "asks for other, but is given a value, context, input, iteration"),
        (strange, "asks for colour, but is given a value, context, input, iteration"),
        (echo, "is async"),
        (functools.partial(echo), "is async"),
    ],
)
def test_what_cannot_be_called_says_why(function: Any, why: str) -> None:
    with pytest.raises(TypeError) as caught:
        bind_function("condition", function, EXTRAS)
    assert str(caught.value) == why


def pick(condition: Callable[..., Any]) -> Any:
    return Step.branch_on("pick", condition, {"a": Step("s", Writer("s", 7))})


@pytest.mark.parametrize("function", [second, named, named_second])
async def test_the_context_that_a_function_is_given_is_a_copy(function: Callable[..., object]) -> None:
    seen: list[Notes] = []

    def condition(x: object, context: Notes) -> str:
        context.notes.append("condition")
        seen.append(context)
        return "a"

    result = await run(pick(condition), context_data={"notes": ["start"]})
    assert [context.notes for context in seen] == [["start", "condition"]]
    assert result.context.notes == ["start", "s"]


async def test_a_function_keeps_nothing_that_the_run_still_changes() -> None:
    kept: list[Any] = []

    def condition(x: list[int], context: Notes) -> str:
        kept.extend((x, context))
        return "a"

    async def grows(x: list[int], *, context: Notes) -> None:
        x.append(7)
        context.notes.append("grown")

    await run(Step.branch_on("pick", condition, {"a": Step("s", grows)}), [3])
    assert kept == [[3], Notes()]


async def test_what_a_function_returned_may_change_later_without_changing_the_transcript() -> None:
    returned = ["a"]

    def select(x: object) -> list[str]:
        return returned

    async def late(x: object) -> None:
        returned.append("b")

    step = Step.parallel("p", {"a": Step("s", late), "b": Step("s", echo)}, select=select)
    result = await run(step)
    assert [event.value for event in result.transcript.of(Decided)] == [("a",)]
    assert [event.step for event in result.transcript.of(Asked)] == ["p/branch:a/s"]


async def test_what_cannot_be_copied_is_given_as_it_is() -> None:
    lock = threading.Lock()
    seen: list[object] = []

    def condition(x: object) -> str:
        seen.append(x)
        return "a"

    result = await run(Step.branch_on("pick", condition, {"a": Step("s", echo)}), lock)
    assert (seen, result.output) == ([lock], lock)


# What they return or raise --------------------------------------------------------------------------------


def coroutine(x: object) -> Any:
    return echo(x)


def generator(x: object) -> Any:
    return (each for each in "a")


async def _async_generator() -> Any:
    yield "a"


@pytest.mark.parametrize("function", [coroutine, generator, lambda x: _async_generator()])
async def test_what_is_to_be_awaited_or_collected_is_no_key(function: Callable[[object], Any]) -> None:
    result = await run(pick(function))
    text = "condition returned what is to be awaited or collected; it has to be a plain function"
    assert undecided(result) == ("pick", "condition", text)


A_KEY = "the key of a branch: text, a number, True or False, or a member of an Enum"


async def test_a_key_that_cannot_be_hashed_is_none() -> None:
    result = await run(pick(lambda x: ["a"]))
    text = f"condition returned ['a']; it has to return {A_KEY}"
    assert undecided(result) == ("pick", "condition", text)


class Unequal:
    """Takes the place of the key ``a`` in a dict, and cannot be compared with it."""

    def __hash__(self) -> int:
        return hash("a")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    def __repr__(self) -> str:
        return "Unequal()"


class Unshown:
    def __repr__(self) -> str:
        raise RuntimeError("not shown")


async def how_it_ended(part: Any) -> str:
    """What the run's error says, or that it raised instead of ending."""
    try:
        return str((await run(part)).error)
    except (RuntimeError, asyncio.CancelledError, trio.Cancelled) as error:
        return f"it raised {type(error).__name__}"


async def test_a_key_that_cannot_be_compared_fails_the_step() -> None:
    text = f"step 'pick' failed: condition returned Unequal(); it has to return {A_KEY}"
    assert await how_it_ended(pick(lambda x: Unequal())) == text


async def test_a_key_that_cannot_be_shown_fails_the_step() -> None:
    shown = "<Unshown, which cannot be shown (RuntimeError)>"
    text = f"step 'pick' failed: condition returned {shown}; it has to return {A_KEY}"
    assert await how_it_ended(pick(lambda x: Unshown())) == text


@pytest.mark.parametrize("is_step", [True, False])
@pytest.mark.parametrize(
    ("name", "shown"), [(Unequal, "Unequal()"), (Unshown, "<Unshown, which cannot be shown (RuntimeError)>")]
)
async def test_a_selection_that_cannot_be_compared_or_shown_fails_the_step(
    is_step: bool, name: Callable[[], object], shown: str
) -> None:
    def select(x: object) -> Any:
        return [name()]

    part = Step.parallel("p", {"a": Step("s", echo)}, select=Step("router", select) if is_step else select)
    assert await how_it_ended(part) == f"step 'p' failed: select chose {shown}, but the branches are: 'a'"


def cancelled_by_asyncio(x: object) -> str:
    raise asyncio.CancelledError


def cancelled_by_trio(x: object) -> str:
    raise trio.Cancelled._create()


CANCELLED: dict[str, Callable[[object], str]] = {"CancelledError": cancelled_by_asyncio, "Cancelled": cancelled_by_trio}


@pytest.mark.parametrize("condition", CANCELLED.values())
async def test_a_function_that_raises_a_cancellation_fails_its_step(condition: Callable[[object], str]) -> None:
    """Nobody cancelled: the step fails, as with an agent that does so."""
    told = "step 'pick' failed: condition raised"
    assert (await how_it_ended(pick(condition)))[: len(told)] == told


@pytest.mark.parametrize("name", CANCELLED)
async def test_an_agent_that_raises_a_cancellation_of_any_backend_fails_its_step(name: str) -> None:
    async def agent(x: object) -> str:
        return CANCELLED[name](x)

    told = f"step 's' failed after 1 attempt: agent 'agent' raised {name}, but nobody cancelled it"
    assert await how_it_ended(Step("s", agent, max_retries=0)) == told


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
async def test_an_interruption_in_a_function_is_raised_as_it_is(interruption: type[BaseException]) -> None:
    def condition(x: object) -> str:
        raise interruption("now")

    heard: list[tuple[str, object]] = []

    def listener(event: Any) -> None:
        heard.append((type(event).__name__, getattr(event, "status", None)))

    with pytest.raises(interruption, match="now"):
        await Flujo(pick(condition), context_model=Notes, listeners=[listener]).run_async("x")
    assert heard[-2:] == [("StepEnded", "cancelled"), ("RunEnded", "cancelled")]


async def test_an_error_without_words_and_one_that_has_none_are_told() -> None:
    class Wordless(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def wordless(x: object) -> str:
        raise Wordless

    def silent(x: object) -> str:
        raise ValueError

    assert undecided(await run(pick(silent))) == ("pick", "condition", "condition raised ValueError")
    text = "condition raised Wordless, whose text cannot be made (RuntimeError)"
    assert undecided(await run(pick(wordless))) == ("pick", "condition", text)


async def test_a_router_that_names_unknown_branches_fails_before_any_branch_runs() -> None:
    router = Step("router", lambda x: ["a", "zz", "yy"])
    result = await run(Step.parallel("p", {"a": Step("s", echo)}, select=router))
    assert type(result.error.cause) is UnknownBranchError  # type: ignore[union-attr]
    text = "step 'p' failed: select chose 'zz', 'yy', but the branches are: 'a'"
    assert (result.error.path, str(result.error)) == ("p", text)  # type: ignore[union-attr]
    assert [event.step for event in result.transcript.of(Asked)] == ["p/router"]
