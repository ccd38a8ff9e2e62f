"""What is shared within a context, between attempts and with a step's input, and what never is."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pydantic import (
    PrivateAttr,
)

from flujo.context import PipelineContext
from flujo.errors import MisuseError
from flujo.isolation import State, changed, private_copy
from flujo.loading import NotCopyable
from tests.flujo.samples import Ctx, a_context, normal


class Copies:
    """Counts how often it was copied."""

    def __init__(self) -> None:
        self.count = 0

    def __deepcopy__(self, memo: Any) -> Copies:
        self.count += 1
        return self


class Client:
    def __init__(self) -> None:
        self.lock = threading.Lock()


class Shared(PipelineContext):
    __shared__ = frozenset({"client", "_lock"})
    client: Any = None
    other: Any = None
    _lock: Any = PrivateAttr(default_factory=threading.Lock)


def aliased() -> State[Ctx]:
    base = a_context()
    base.items = [1]
    base.anything = {"same": base.items}
    return State.take(base)


def test_what_two_fields_share_they_share_in_a_fork() -> None:
    fork = aliased().fork()
    fork.items.append(2)
    assert fork.anything["same"] is fork.items


def test_a_change_through_one_alias_is_a_change_of_all() -> None:
    state = aliased()
    fork = state.fork()
    fork.items.append(2)
    after = state.commit(fork).fork()
    assert after.anything == {"same": [1, 2]}
    assert after.anything["same"] is after.items


def test_reading_what_is_shared_is_no_change() -> None:
    state = aliased()
    fork = state.fork()
    _ = fork.items
    assert state.commit(fork) is state


def test_of_fields_that_share_only_those_that_differ_are_told() -> None:
    base = a_context()
    base.items, shared = [[1], 0], [1]
    base.items[0] = shared
    base.table = {"same": shared}
    state = State.take(base)
    fork = state.fork()
    fork.items.append(5)
    assert changed(state, state.commit(fork)) == (("items", [[1], 0], [[1], 0, 5]),)


def test_fields_can_come_to_share_and_cease_to() -> None:
    state = State.take(a_context())
    fork = state.fork()
    fork.anything = fork.items
    state = state.commit(fork)
    fork = state.fork()
    assert fork.anything is fork.items
    fork.items = list(fork.items)
    fork = state.commit(fork).fork()
    assert fork.anything == fork.items
    assert fork.anything is not fork.items


def test_an_extra_and_a_private_attribute_can_share_with_a_field() -> None:
    state = State.take(a_context())
    fork = state.fork()
    fork.surplus = fork.items
    fork._log = fork.items
    state = state.commit(fork)
    fork = state.fork()
    fork._log.append(5)
    state = state.commit(fork)
    assert (state.fork().items, state.fork().surplus) == ([1, [2], 5], [1, [2], 5])
    fork = state.fork()
    assert (fork.items is fork.surplus, fork.surplus is fork._log) == (True, True)


def test_deleting_one_of_three_aliases_leaves_two() -> None:
    base = a_context()
    base.items = base.anything = base.table = [1]  # type: ignore[assignment]
    state = State.take(base)
    fork = state.fork()
    del fork.items
    state = state.commit(fork)
    fork = state.fork()
    fork.anything.append(2)
    after = state.commit(fork).fork()
    assert (after.anything, after.table is after.anything, hasattr(after, "items")) == ([1, 2], True, False)


def test_kept_references_reach_no_state() -> None:
    base = a_context()
    state = State.take(base)
    fork = state.fork()
    fork.items.append(5)
    kept = [fork.items, base.items]
    after = state.commit(fork)
    later = after.fork()  # made before the leak, read after it
    for items in kept:
        items.append("leak")
    fork.table.clear()
    assert (later.items, later.table, state.fork().items) == ([1, [2], 5], {"k": [1]}, [1, [2]])


# What is not copied -----------------------------------------------------------------------------------


def test_what_cannot_be_copied_is_refused_by_name() -> None:
    with pytest.raises(NotCopyable, match=r"^Shared\.other cannot be copied \(TypeError: cannot pickle .*__shared__$"):
        State.take(Shared(other=Client()))
    state = State.take(Shared())
    fork = state.fork()
    fork.other = [Client()]
    with pytest.raises(MisuseError, match=r"^Shared\.other cannot be copied"):
        state.commit(fork)


def test_a_context_that_contains_itself_is_refused() -> None:
    loop = Ctx()
    loop.anything = [loop]
    with pytest.raises(NotCopyable, match=r"^Ctx\.anything contains the context itself; take it out$"):
        State.take(loop)


def test_a_value_too_deep_to_be_copied_is_refused() -> None:
    state = State.take(Ctx(items=[]))
    fork = state.fork()
    for value in (fork.items, Ctx().items):
        for _ in range(100_000):
            value.append([])
            value = value[0]
    with pytest.raises(NotCopyable, match=r"^Ctx\.items cannot be copied \(RecursionError: "):
        state.commit(fork)


def test_what_is_declared_shared_is_one_object_for_all() -> None:
    base = Shared(client=Client())
    state = State.take(base)
    fork = state.fork()
    assert fork.client is base.client
    assert fork._lock is base._lock
    assert state.commit(fork) is state
    fork.client = client = Client()
    assert state.commit(fork).fork().client is client


def test_a_value_that_is_its_own_copy_stays_itself() -> None:
    item = Copies()
    fork = State.take(Shared(other=[item])).fork()
    assert fork.other[0] is item


def test_two_threads_see_one_copy() -> None:
    together = threading.Barrier(4)
    seen: list[tuple[Any, Any]] = []

    class Yields:
        def __deepcopy__(self, memo: Any) -> Yields:
            threading.Event().wait(0)  # lets another thread in
            return Yields()

    fork = State.take(Ctx(items=[Yields() for _ in range(50)])).fork()

    def look() -> None:
        together.wait()
        seen.append((fork.items, vars(fork)))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(items is fork.items, held is vars(fork)) for items, held in seen] == [(True, True)] * 4
    assert len(fork.items) == 50


def test_what_is_assigned_while_it_is_copied_stays_assigned() -> None:
    class Meddling:
        def __deepcopy__(self, memo: Any) -> Meddling:
            for fork in forks:
                fork.items = ["mine"]
            return self

    forks: list[Ctx] = []
    state = State.take(Ctx(items=[Meddling()]))
    forks.append(state.fork())
    assert (forks[0].items, state.commit(forks[0]).fork().items) == (["mine"], ["mine"])


def test_what_another_thread_has_just_fetched_is_found() -> None:
    state = State.take(a_context())
    fork = state.fork()
    del fork.table  # everything is fetched, the context is pending no longer
    assert state.load(fork, "items") is fork.items
    assert state.load(fork, "__pydantic_extra__") is fork.model_extra
    state.load_all(fork)
    with pytest.raises(AttributeError, match=r"^table$"):
        state.load(fork, "table")


def test_the_context_of_another_run_is_committed_as_a_whole() -> None:
    state, other = State.take(Ctx(n=1)), State.take(Ctx(n=2, items=[1]))
    fork = other.fork()
    assert state.commit(fork).fork() == Ctx(n=2, items=[1])
    assert State.take(fork).fork() == Ctx(n=2, items=[1])
    strange: Any = Shared(other=7)
    assert state.commit(strange).cls.__name__ == "Shared"
    assert state.commit(strange).fork().other == 7


# The copy of an input ---------------------------------------------------------------------------------


def test_an_input_is_copied_for_each_attempt() -> None:
    given = {"a": [1], "model": a_context()}
    copied = private_copy(given)
    assert normal(copied) == normal(given)
    copied["a"].append(2)  # type: ignore[index]
    assert given["a"] == [1]


def test_an_input_that_cannot_be_changed_is_handed_on() -> None:
    text = "a" * 100
    assert private_copy(text) is text


def test_an_input_that_cannot_be_copied_is_handed_on_as_a_whole() -> None:
    given = {"a": [1], "lock": threading.Lock()}
    assert private_copy(given) is given
    generator = (x for x in "a")
    assert private_copy(generator) is generator
