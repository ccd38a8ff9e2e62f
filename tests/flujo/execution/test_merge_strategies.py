"""What two branches changed differently is a conflict that says what and who; and the explicit ways out."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from flujo.context import PipelineContext
from flujo.errors import ContextMergeConflict, ContextUpdateError, MisuseError
from flujo.execution.merge import MergeNote, merge_context
from flujo.isolation import State
from flujo.structure import MISSING
from tests.flujo.execution.books import Book, Change, Page, a_book, adds, branched, merged, notes_of, sets
from tests.flujo.samples import normal

# Conflicts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "path", "values"),
    [
        (sets(count=7), sets(count=11), "$.count", (7, 11)),
        (sets(count=7), sets(count=7.0), "$.count", (7, 7.0)),
        (adds("c"), sets(names=["a"]), "$.names", (["a", ["b"], "c"], ["a"])),
        (adds("c"), sets(names="a"), "$.names", (["a", ["b"], "c"], "a")),
        (
            lambda book: book.notes["legal"].append(2),
            lambda book: book.notes["legal"].clear(),
            "$.notes.legal",
            ([1, 2], []),
        ),
        (
            lambda book: book.notes.pop("legal"),
            lambda book: book.notes["legal"].append(2),
            "$.notes.legal",
            (MISSING, [1, 2]),
        ),
        (
            lambda book: book.notes.update({"x y": [1]}),
            lambda book: book.notes.update({"x y": [2]}),
            '$.notes["x y"]',
            ([1], [2]),
        ),
        (lambda book: delattr(book, "names"), adds("c"), "$.names", (MISSING, ["a", ["b"], "c"])),
        (
            lambda book: setattr(book.page, "mark", 3),
            lambda book: setattr(book.page, "mark", 5),
            "$.page.mark",
            (3, 5),
        ),
        (sets(fresh=3), sets(fresh=5), "$.fresh", (3, 5)),
        (lambda book: book._log.append(1), lambda book: book._log.clear(), "$._log", (["born", 1], [])),
    ],
    ids=[
        "value",
        "type",
        "list",
        "kinds",
        "nested",
        "deletion",
        "added",
        "field gone",
        "model",
        "extra",
        "private",
    ],
)
def test_what_was_changed_differently_is_a_conflict(
    one: Change, other: Change, path: str, values: tuple[Any, Any]
) -> None:
    base = a_book()
    before = normal(base.view())
    branches = branched(base, one, lambda book: None, other)
    with pytest.raises(ContextMergeConflict) as caught:
        merge_context(base, branches, "context_update")
    assert (caught.value.field, caught.value.values) == (path, (("a", values[0]), ("c", values[1])))
    assert normal(base.view()) == before


def test_a_conflict_tells_field_branches_and_values() -> None:
    told = "$.count was changed differently: branch 'a' has 7, branch 'b' has 11. Choose a merge_strategy"
    with pytest.raises(ContextMergeConflict, match=r"^" + re.escape(told)):
        merged(sets(count=7), sets(count=11))


def test_the_values_of_a_conflict_are_copies() -> None:
    base = a_book()
    branches = branched(base, sets(anything=[1]), sets(anything=[2]))
    with pytest.raises(ContextMergeConflict) as caught:
        merge_context(base, branches, "context_update")
    caught.value.values[0][1].append("leak")  # type: ignore[attr-defined]
    assert branches[0][1].fork().anything == [1]


def test_values_without_json_form_are_compared_as_they_are() -> None:
    base = State.take(Book(anything={1.5: [1]}))
    assert merged(sets(anything={1.5: [1]}), sets(count=5), base=base).anything == {1.5: [1]}
    assert merged(sets(anything={2.5: 2}), sets(anything={2.5: 2}), base=base).anything == {2.5: 2}
    assert merged(sets(anything={2.5: 2}), sets(anything={2.5: 2})).anything == {2.5: 2}
    with pytest.raises(ContextMergeConflict, match=r"^\$\.anything\[1\.5\] was changed differently"):
        merged(sets(anything={1.5: 3}), sets(anything={1.5: 5}), base=base)


def test_a_value_that_contains_itself_is_merged_or_in_conflict() -> None:
    table: dict[str, Any] = {"n": 0}
    table["self"] = table
    base = State.take(Book(anything=table))
    assert merged(lambda book: book.anything.update(n=3), base=base).anything["self"]["n"] == 3
    with pytest.raises(ContextMergeConflict, match=r"^\$\.anything\.n was changed differently"):
        merged(lambda book: book.anything.update(n=3), lambda book: book.anything.update(n=5), base=base)
    with pytest.raises(ContextMergeConflict) as caught:
        merged(lambda book: book.anything.update(a=3), lambda book: book.anything.update(b=5), base=base)
    assert caught.value.field == "$.anything" + 50 * ".self"


def test_a_model_that_contains_itself_is_merged_or_in_conflict() -> None:
    page, me = Page(), "me"
    setattr(page, me, page)
    base = State.take(Book(anything=page))
    assert merged(sets_within(title="two"), base=base).anything.me.title == "two"
    with pytest.raises(ContextMergeConflict, match=r"^\$\.anything\.title was changed differently"):
        merged(sets_within(title="two"), sets_within(title="three"), base=base)


def test_models_within_models_are_merged_by_field_as_deep_as_dicts_are() -> None:
    def innermost(**values: Any) -> Change:
        def change(book: Book) -> None:
            page = book.anything
            while page.me is not None:
                page = page.me
            for name, value in values.items():
                setattr(page, name, value)

        return change

    def nested(pages: int) -> State[Book]:
        page = None
        for _ in range(pages):
            page = Page(me=page)
        return State.take(Book(anything=page))

    page = merged(innermost(a=3), innermost(b=5), base=nested(50)).anything
    for _ in range(49):
        page = page.me
    assert page.model_extra == {"me": None, "a": 3, "b": 5}
    with pytest.raises(ContextMergeConflict) as caught:
        merged(innermost(a=3), innermost(b=5), base=nested(51))
    assert caught.value.field == "$.anything" + 50 * ".me"


def test_a_conflict_is_told_though_a_value_cannot_be_shown() -> None:
    class Shy:
        def __init__(self, n: int) -> None:
            self.n = n

        def __repr__(self) -> str:
            raise LookupError("nobody is here")

    shown = "<Shy, which cannot be shown (LookupError)>"
    told = f"$.anything was changed differently: branch 'a' has {shown}, branch 'b' has {shown}. Choose a"
    with pytest.raises(ContextMergeConflict, match=r"^" + re.escape(told)):
        merged(sets(anything=Shy(3)), sets(anything=Shy(5)))


def sets_within(**values: Any) -> Change:
    def change(book: Book) -> None:
        for name, value in values.items():
            setattr(book.anything, name, value)

    return change


def test_what_is_shared_is_merged_by_identity() -> None:
    class Holder(PipelineContext):
        __shared__ = frozenset({"client"})
        client: Any = None
        n: int = 0

    locks = [threading.Lock(), threading.Lock()]
    base = State.take(Holder(client=locks[0]))
    forks = [base.fork(), base.fork(), base.fork()]
    forks[0].n, forks[1].client, forks[2].client = 5, locks[1], threading.Lock()
    branches = [(name, base.commit(fork)) for name, fork in zip("abc", forks, strict=True)]
    after = merge_context(base, branches[:2], "context_update")[0].fork()
    assert (after.n, after.client is locks[1]) == (5, True)
    with pytest.raises(ContextMergeConflict, match=r"^\$\.client was changed differently"):
        merge_context(base, branches, "context_update")


# The explicit ways out --------------------------------------------------------------------------------


def test_the_last_declared_or_the_first_branch_wins() -> None:
    changes = [sets(count=7, fresh=1), sets(count=11, price=1.5), lambda book: delattr(book, "names")]
    last, first = merged(*changes, strategy="overwrite"), merged(*changes, strategy="keep_first")
    assert (last.count, last.price, last.fresh, hasattr(last, "names")) == (11, 1.5, 1, False)
    assert (first.count, first.price, first.fresh, hasattr(first, "names")) == (7, 1.5, 1, False)
    assert notes_of(*changes, strategy="overwrite") == [
        MergeNote("count", ("b",)),
        MergeNote("price", ("b",)),
        MergeNote("names", ("c",)),
        MergeNote("fresh", ("a",)),
    ]
    assert notes_of(*changes, strategy="keep_first")[0] == MergeNote("count", ("a",))


def test_a_whole_field_wins_not_a_part_of_it() -> None:
    changes = [lambda book: book.notes.update(a=1), lambda book: book.notes.pop("old")]
    assert "a" not in merged(*changes, strategy="overwrite").notes
    assert "old" in merged(*changes, strategy="keep_first").notes


def test_an_unknown_strategy_is_refused() -> None:
    known = "'no_merge', 'context_update', 'overwrite', 'keep_first'"
    with pytest.raises(MisuseError, match=f"^unknown merge strategy 'best'; use one of {known}, or a function$"):
        merged(strategy="best")


def test_a_function_returns_a_context() -> None:
    def highest(base: Book, branches: dict[str, Book]) -> Book:
        base.count = max(branch.count for branch in branches.values())
        base.names = [list(branches)]
        base._log.append("merged")
        return base

    book = merged(sets(count=7), sets(count=11), strategy=highest)
    assert (book.count, book.names, book._log) == (11, [["a", "b"]], ["born", "merged"])
    assert notes_of(sets(count=7), sets(count=11), strategy=highest) == [
        MergeNote("count", ("a", "b")),
        MergeNote("names", ()),
    ]


def test_a_function_returns_a_branch_or_a_context_of_its_own() -> None:
    assert merged(sets(count=7), sets(count=11), strategy=lambda base, branches: branches["b"]).count == 11
    assert merged(strategy=lambda base, branches: Book(count=5)) == Book(count=5)


def test_a_function_returns_fields_to_set() -> None:
    book = merged(sets(count=7), sets(price=1.5), strategy=lambda base, branches: {"count": "13", "fresh": [1]})
    assert (book.count, book.price, book.model_extra) == (13, 0.0, {"surplus": {"k": 1}, "fresh": [1]})


def test_a_function_that_changes_nothing_leaves_the_very_state() -> None:
    base = a_book()
    assert merge_context(base, branched(base, sets(count=7)), lambda base, branches: base) == (base, [])
    assert merge_context(base, branched(base, sets(count=7)), lambda base, branches: {}) == (base, [])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda base, branches: {"count": "x"},
            r"what the merge function returned does not fit Book: \$\.count: .*",
        ),
        (
            lambda base, branches: base.__dict__.update(count=-1) or base,
            r"what the merge function returned does not fit Book: \$: Value error, less than none .*",
        ),
        (
            lambda base, branches: None,
            "what .* returned is of type NoneType; return a Book or a dict of its fields",
        ),
        (
            lambda base, branches: Page(),
            "what .* returned is of type Page; return a Book or a dict of its fields",
        ),
        (lambda base, branches: {1: 2}, r"what .* returned has the keys \[1\]; use the names of fields"),
    ],
    ids=["field", "whole", "nothing", "other model", "keys"],
)
def test_what_a_function_returns_is_validated(function: Any, message: str) -> None:
    with pytest.raises(ContextUpdateError, match=f"^{message}$"):
        merged(sets(count=7), strategy=function)


def test_what_a_function_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        merged(sets(count=7), strategy=lambda base, branches: 1 / 0)


def test_what_a_function_got_and_gave_reaches_no_state() -> None:
    held: list[Any] = []

    def keep(base: Book, branches: dict[str, Book]) -> Book:
        held.extend([base, *branches.values()])
        base.names.append("new")
        return base

    base = a_book()
    branches = branched(base, adds("c"))
    state = merge_context(base, branches, keep)[0]
    for book in held:
        book.names.append("leak")
    assert [context.fork().names[2:] for context in (base, branches[0][1], state)] == [[], ["c"], ["new"]]
