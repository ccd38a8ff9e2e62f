"""Law C8 on a store: what crosses into it is of the type that its agent declares, or plain JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from flujo import AgentOutput, MergeStrategy, PipelineContext, Step, StepFailedError
from flujo.errors import NotStorable
from flujo.stores.memory import MemoryJournal
from flujo.stores.sqlite import SQLiteStore
from flujo_testing import ScriptedAgent, check_conservation
from tests.flujo.stores.dying import runner
from tests.laws.cast import DRAFT

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@dataclass
class Point:
    x: int


class Poem(BaseModel):
    title: str


class Odd:
    """Pydantic has no schema for it."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "runs.db")
    yield store
    store.close()


def answering(answer: object, declares: Any = None) -> Callable[[object], Any]:
    async def tell(given: object) -> Any:
        return answer

    if declares is None:
        del tell.__annotations__["return"]
    else:
        tell.__annotations__["return"] = declares
    return tell


async def kept(agent: Any, store: Any) -> Any:
    """What a run in another process is handed that finds the answer in the store; or the error of the first."""
    flow = runner(Step("a", agent) >> Step("pause", lambda value: None), store)
    result = await flow.run_async("rain", run_id="r")
    if result.error is not None:
        cause = getattr(result.error, "cause", None)
        assert (type(result.error), type(cause)) == (StepFailedError, NotStorable)
        return str(cause).removeprefix("the answer at 'a/attempt:1' cannot be stored: at ")
    return store.load("r").asks[0].answer.value


NATIVE = [None, True, 3, 1.5, "rain", [1, [None, {}]], {"a": {"$x": [1.0]}}]


@pytest.mark.parametrize("answer", NATIVE, ids=repr)
async def test_json_needs_no_declared_type(store: SQLiteStore, answer: object) -> None:
    assert await kept(answering(answer), store) == answer


DECLARE = "Declare the output_type of agent 'tell', or annotate what it returns"
FOREIGN: list[tuple[object, str, str]] = [
    (Point(1), "$", f"it is of type {__name__}.Point, which JSON does not know"),
    (Poem(title="Rain"), "$", f"it is of type {__name__}.Poem, which JSON does not know"),
    ((1, 2), "$", "it is of type tuple, which JSON does not know"),
    ({"a": [1, {2}]}, "$.a[1]", "it is of type set, which JSON does not know"),
    ({"on": dt.date(2026, 1, 1)}, "$.on", "it is of type datetime.date, which JSON does not know"),
    ([Decimal("0.1")], "$[0]", "it is of type decimal.Decimal, which JSON does not know"),
    ([float("nan")], "$[0]", "it is nan, which JSON does not know"),
    ({"a": {1: 2}}, "$.a", "it has the key 1, and keys are text in JSON"),
]


@pytest.mark.parametrize(("answer", "at", "why"), FOREIGN, ids=[row[2] for row in FOREIGN])
async def test_without_a_declared_type_an_answer_has_to_be_json(
    store: SQLiteStore, answer: object, at: str, why: str
) -> None:
    assert await kept(answering(answer), store) == f"{at}, {why}, and agent 'tell' declares no type. {DECLARE}"


@pytest.mark.parametrize("declares", [Any, object, AgentOutput, AgentOutput[Any], Odd], ids=str)
async def test_a_type_that_says_nothing_declares_nothing(store: SQLiteStore, declares: Any) -> None:
    told = await kept(answering((1, 2), declares), store)
    assert told == f"$, it is of type tuple, which JSON does not know, and agent 'tell' declares no type. {DECLARE}"


async def test_what_contains_itself_is_no_json(store: SQLiteStore) -> None:
    answer: list[Any] = []
    answer.append(answer)
    assert (await kept(answering(answer), store)).endswith(
        f", it is nested deeper than 200 levels, and agent 'tell' declares no type. {DECLARE}"
    )


DECLARED: list[tuple[object, Any]] = [
    (Point(1), Point),
    (Point(1), Point | None),
    (Poem(title="Rain"), Poem),
    ([Poem(title="Rain")], list[Poem]),
    ((1, "a"), tuple[int, str]),
    ({1: {2}}, dict[int, set[int]]),
    (dt.date(2026, 1, 1), dt.date),
    (Decimal("0.10"), Decimal),
    (3, float),
    (float("nan"), float),
    (Point(1), AgentOutput[Point]),
    ((1, Point(2)), T),
]


@pytest.mark.parametrize(("answer", "declares"), DECLARED, ids=str)
async def test_a_declared_type_comes_back_as_it_was(store: SQLiteStore, answer: object, declares: Any) -> None:
    found = await kept(answering(answer, declares), store)
    assert (type(found), repr(found)) == (type(answer), repr(answer))


OTHERWISE: list[tuple[object, Any, str]] = [
    ({"x": "many"}, Point, "it is of type dict, and agent 'tell' declares Point (x: Input should be a valid integer, "
     "unable to parse string as an integer)"),
    ({"x": 1}, Point, "it is of type dict, and agent 'tell' declares Point (it would not come back equal)"),
    ((1, 2), list[int], "it is of type tuple, and agent 'tell' declares list[int] (it would not come back equal)"),
    (7, str, "it is of type int, and agent 'tell' declares str (output: Input should be a valid string)"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "declares", "why"), OTHERWISE, ids=[row[2] for row in OTHERWISE])
async def test_an_answer_that_is_not_what_its_agent_declares_is_refused(
    store: SQLiteStore, answer: object, declares: Any, why: str
) -> None:
    told = await kept(answering(answer, declares), store)
    assert told == f"$, {why}. Return what is declared, or declare what is returned"


async def test_what_an_output_type_refuses_its_agent_is_told(store: SQLiteStore) -> None:
    agent = ScriptedAgent("{}", '{"title": "Rain"}', name="poet", output_type=Poem)
    result = await runner(Step("a", agent, max_retries=1), store).run_async("rain", run_id="r")
    assert (result.status, result.output) == ("completed", Poem(title="Rain"))
    assert [ask.answer.value for ask in store.load("r").asks] == ["{}", '{"title": "Rain"}']


async def test_a_refused_answer_fails_its_step_with_its_spend_and_nothing_else(store: SQLiteStore) -> None:
    class Notes(PipelineContext):
        notes: list[Any] = []

    class Gives:
        model = "test:writer"

        def __init__(self, answer: object) -> None:
            self.answer = answer

        async def run(self, text: str, *, context: Notes) -> AgentOutput[Any]:
            context.notes.append((1, Point(len(text))))  # what fields declare is the context's to say
            return AgentOutput(self.answer, usage=DRAFT, model=self.model)

    fan = Step.parallel(
        "fan",
        {
            "good": Step("a", Gives("rain")),
            "bad": Step("a", Gives(Point(1)), max_retries=2, fallback=Step("b", lambda text: "instead")),
        },
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
    )
    result = await runner(fan, store, context_model=Notes).run_async("rain", run_id="r")
    check_conservation(result)
    assert result.output == {"good": "rain", "bad": "instead"}
    assert [entry.path for entry in result.ledger.entries] == [
        "fan/branch:good/a/attempt:1",
        "fan/branch:bad/a/attempt:1",
    ]
    assert result.context.notes == [(1, Point(4))]
    (summary,) = store.runs()
    assert summary.cost_usd == result.ledger.total_cost_usd == Decimal("0.00208")


@pytest.mark.parametrize("journal", [None, MemoryJournal()], ids=["no store", "a journal in memory"])
async def test_without_a_store_an_answer_is_whatever_it_is(journal: Any) -> None:
    answer = (1, Point(2), object())
    result = await runner(Step("a", answering(answer)), journal).run_async("rain", run_id="r")
    assert (result.status, result.output[:2]) == ("completed", (1, Point(2)))


async def test_what_a_refinement_hands_through_needs_no_type_of_its_own(store: SQLiteStore) -> None:
    async def draft(text: str) -> Poem:
        return Poem(title=text)

    async def critic(poem: Poem) -> dict[str, Any]:
        return {"is_complete": True}

    result = await runner(Step.refine_until("r", Step("d", draft), Step("c", critic)), store).run_async(
        "rain", run_id="r"
    )
    assert (result.status, result.output) == ("completed", Poem(title="rain"))


async def test_a_context_that_cannot_be_stored_fails_its_step_and_names_the_field(store: SQLiteStore) -> None:
    class Links(PipelineContext):
        names: list[str] = []
        held: dict[str, Any] = {}

    class Holds:
        model = "test:writer"

        async def run(self, text: str, *, context: Links) -> AgentOutput[str]:
            context.names.append(text)
            context.held["rain"] = [1, object()]
            return AgentOutput(text, usage=DRAFT, model=self.model)

    result = await runner(Step("a", Holds()), store, context_model=Links).run_async("rain", run_id="r")
    assert str(result.error).startswith(
        "step 'a' failed after 1 attempt: the context after 'a/attempt:1' cannot be stored: at $.held.rain[1], "
        "it is of type object, "
    )
    assert (result.context, result.ledger.known_cost_usd) == (Links(), Decimal("0.00104"))
