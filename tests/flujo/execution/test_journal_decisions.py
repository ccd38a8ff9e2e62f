"""What a journal keeps beside asks: what functions of the user decided, what people answered, and through a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flujo import StepFailedError
from flujo.errors import NotStorable, StoreError
from flujo.execution.journal import Keeping
from flujo.execution.signals import Unkept
from flujo.ports import Intent, RecordedAnswer
from flujo.structure import MISSING
from tests.flujo.execution.asking import PATH, Asking, Plain, entry

pytestmark = pytest.mark.anyio
DECIDED = "s/decision:items:2"


async def test_a_decision_is_kept_as_a_copy_and_known_afterwards() -> None:
    frame = Asking(keeping := Plain()).frame
    items = ["rain"]
    assert await frame.decision("s", "items", 2) is MISSING
    await frame.keep_decision("s", "items", 2, items)
    items.append("later")
    assert keeping.kept == {DECIDED: RecordedAnswer(["rain"])}
    assert [await frame.decision("s", "items", number) for number in (2, 3)] == [["rain"], MISSING]


async def test_a_decision_of_none_is_one() -> None:
    keeping = Plain()
    keeping.kept[DECIDED] = RecordedAnswer(None)
    assert (await Asking(keeping).frame.decision("s", "items", 2)) is None


@pytest.mark.parametrize("number", [2, 3], ids=["known", "unknown"])
async def test_nobody_knows_what_was_read_for_a_decision_that_is_known(number: int) -> None:
    keeping = Plain()
    keeping.kept[DECIDED] = RecordedAnswer(["rain"])
    frame, reads = Asking(keeping).frame, set[str]()
    frame.state = frame.state.watched(reads)
    await frame.decision("s", "items", number)
    assert {"notes", "mood"} & reads == ({"notes", "mood"} if number == 2 else set())


async def test_a_decision_that_cannot_be_kept_fails_its_step() -> None:
    frame = Asking(Plain(lambda answer: True)).frame
    with pytest.raises(StepFailedError) as failed:
        await frame.keep_decision("s", "items", 2, ["rain"])
    error = failed.value
    assert (error.path, error.attempts, type(error.cause)) == ("s", None, NotStorable)
    assert error.__cause__ is error.cause


async def test_what_a_person_has_answered_is_known() -> None:
    keeping = Plain()
    keeping.kept["s/human:1"] = RecordedAnswer("yes")
    frame = Asking(keeping).frame
    assert [await frame.human_answer(name) for name in ("s", "t")] == ["yes", MISSING]


# Through a store ------------------------------------------------------------------------------------------


class Store:
    """Notes what it is told, or fails."""

    def __init__(self, error: StoreError | None = None) -> None:
        self.error = error
        self.noted: list[Any] = []

    async def _note(self, *what: Any) -> None:
        if self.error is not None:
            raise self.error
        self.noted.append(what)

    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        raise AssertionError("what was kept before has been read at once")

    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        await self._note("intend", run_id, path, intent)

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        await self._note("commit", run_id, path, answer)

    async def paths(self, run_id: str) -> Sequence[str]:
        return [f"{run_id}: {PATH}"]

    async def intents(self, run_id: str) -> Mapping[str, tuple[Intent, ...]]:
        return {run_id: (Intent(entry()),)}


async def test_a_store_is_told_everything_and_asked_for_nothing() -> None:
    keeping = Keeping(store := Store())
    await keeping.intend("r", PATH, Intent(entry()))
    await keeping.commit("r", PATH, RecordedAnswer("Rain"))
    assert store.noted == [("intend", "r", PATH, Intent(entry())), ("commit", "r", PATH, RecordedAnswer("Rain"))]
    assert await keeping.recall("r", PATH) is None
    assert (await keeping.paths("r"), await keeping.intents("r")) == (["r: s/attempt:1"], {"r": (Intent(entry()),)})


@pytest.mark.parametrize(("how", "what"), [("intend", Intent(entry())), ("commit", RecordedAnswer("Rain"))])
async def test_a_store_that_fails_ends_the_run_and_says_at_which_ask(how: str, what: Any) -> None:
    error = StoreError("runs.db", "cannot be written", "Free some space")
    with pytest.raises(Unkept) as unkept:
        await getattr(Keeping(Store(error)), how)("r", PATH, what)
    assert (unkept.value.error, error.path, unkept.value.__cause__) == (error, PATH, error)
    assert str(unkept.value) == "the store runs.db cannot be written. Free some space"
