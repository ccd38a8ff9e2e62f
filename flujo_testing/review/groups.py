"""Changed goldens in groups, by what has changed: one cause, looked at once, in however many goldens it shows.

Every difference of every golden is in exactly one group. Reads and writes no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from flujo.money import total
from flujo.structure import MISSING
from flujo_testing.golden.parsing import read_data
from flujo_testing.review.causes import SPENT, Caused, caused, key_of
from flujo_testing.review.edits import Table, applied, merged_keys
from flujo_testing.review.spending import KNOWN, Sums, added, respent
from flujo_testing.review.titles import listed, steps_of, title_of
from flujo_testing.transcript import differences, render

_WHOLE: Final = {
    "golden_new": ("goldens are new", "this golden is new"),
    "golden_gone": ("goldens are to be removed", "this golden is to be removed"),
    "layout": ("only the way goldens are written has changed", "only the way it is written has changed"),
}
_WHOLE_TEXTS: Final = {key_of((kind,)): text for kind, (_, text) in _WHOLE.items()}


@dataclass(frozen=True, slots=True)
class Changed:
    """One golden and the story that is proposed for it.

    ``golden`` is its path below the golden folder, ``test`` the node id of the test that told it, ``before`` its text
    (None: it is new), ``after`` the text of the proposal (None: it is to be removed).
    """

    golden: str
    test: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Instance:
    """Where a cause shows in one golden.

    ``texts`` are the differences in words, ``usd`` is by how much what the run spends changes because of it.
    """

    golden: str
    test: str
    texts: tuple[str, ...]
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Group:
    """One cause, over all goldens.

    ``key`` names it for people and scripts, ``title`` says it in the words of the field, ``kind`` is that of its
    differences, ``steps`` are those in which it shows, sorted, ``usd`` is the sum over the instances.
    """

    key: str
    title: str
    kind: str
    steps: tuple[str, ...]
    instances: tuple[Instance, ...]
    usd: Decimal

    @property
    def goldens(self) -> tuple[str, ...]:
        return tuple(instance.golden for instance in self.instances)


@dataclass(frozen=True, slots=True)
class Case:
    """One changed golden with its edits by cause; none where it changes as a whole, for the cause ``whole``."""

    changed: Changed
    before: Table
    after: Table
    found: tuple[Caused, ...]
    whole: str | None = None

    @property
    def causes(self) -> tuple[str, ...]:
        """The keys of its causes, in the order of the story."""
        return (self.whole,) if self.whole is not None else tuple(dict.fromkeys(one.cause for one in self.found))


@dataclass(frozen=True, slots=True)
class Sorting:
    """The changed goldens, and the causes that they were sorted by."""

    cases: tuple[Case, ...]
    groups: tuple[Group, ...]


def grouped(changed: Iterable[Changed]) -> tuple[Group, ...]:
    """The causes, largest first; a golden may be in several. Raises GoldenCorrupt for a text that is no golden."""
    return sorting(changed).groups


def sorting(changed: Iterable[Changed]) -> Sorting:
    """The causes, and what each of them changes in each golden. Raises GoldenCorrupt for a text that is no golden."""
    listed = sorted((one for one in changed if one.before != one.after), key=lambda one: one.golden)
    stories = [(one, _data(one.before, one.golden), _data(one.after, one.golden)) for one in listed]
    found = caused((_file(one.test), before, after) for one, before, after in stories)
    cases = tuple(
        Case(one, before, after, tuple(edits), _whole(one, edits))
        for (one, before, after), edits in zip(stories, found, strict=True)
    )
    groups = _told_apart([_group(key, hit) for key, hit in _by_cause(cases).items()])
    groups.sort(key=lambda group: (-len(group.instances), -abs(group.usd), group.title, group.key))
    return Sorting(cases, tuple(groups))


def composed(case: Case, accepted: Callable[[str], bool]) -> str | None:
    """The golden with the accepted causes, and no others: text as the proposal's where all are; None: no golden."""
    if all(map(accepted, case.causes)):
        return case.changed.after
    return render(_story(case, accepted)) if any(map(accepted, case.causes)) else case.changed.before


def words(case: Case, cause: str) -> tuple[str, ...]:
    """What the golden says otherwise with this cause and no other. What was spent is told for each cause by itself."""
    if case.whole is not None:
        return (_WHOLE_TEXTS[case.whole],)
    return tuple(difference.text for difference in differences(case.before, _story(case, cause.__eq__)))


def _story(case: Case, accepted: Callable[[str], bool]) -> Table:
    taken = [one for one in case.found if accepted(one.cause)]
    story = applied(case.before, case.after, [one.edit.place for one in taken if one.edit.place != SPENT])
    if (spent := next((one for one in case.found if one.edit.place == SPENT), None)) is not None:
        _spend(story, case, spent, taken)
    return story


def _spend(story: Table, case: Case, spent: Caused, taken: Sequence[Caused]) -> None:
    """What was spent is summed up anew: it follows from what was paid."""
    was, now = spent.edit.values("spent")
    change, whole = (_change(found) for found in (taken, case.found))
    is_taken = spent in taken
    if change == whole and (is_taken or not spent.is_first):
        value = now
    elif change:
        value = respent(was, now, change)
    else:
        value = now if is_taken and spent.is_first else was
    ending = {**story["result"], "spent": value}
    order = merged_keys(spent.edit.before, spent.edit.after)
    story["result"] = {name: ending[name] for name in order if ending.get(name, MISSING) is not MISSING}


def _change(found: Sequence[Caused]) -> Sums:
    change: Sums = {}
    for one in found:
        change = added(change, one.spends)
    return change


def _data(text: str | None, golden: str) -> Table:
    return {} if text is None else read_data(text.encode("utf-8"), golden)


def _file(test: str) -> str:
    return test.partition("::")[0]


def _whole(changed: Changed, found: Sequence[Caused]) -> str | None:
    if changed.before is None or changed.after is None:
        return key_of(("golden_new" if changed.before is None else "golden_gone",))
    return None if found else key_of(("layout",))


def _told_apart(groups: Sequence[Group]) -> list[Group]:
    """Two of one title get the test files that they are in behind it."""
    titles = Counter(group.title for group in groups)
    return [
        replace(group, title=f"{group.title}, {listed(_files(group))}") if titles[group.title] > 1 else group
        for group in groups
    ]


def _files(group: Group) -> list[str]:
    return sorted({_file(instance.test) for instance in group.instances})


def _by_cause(cases: Sequence[Case]) -> dict[str, list[tuple[Changed, list[Caused]]]]:
    """What each cause changes in which goldens; no edits where they change as a whole."""
    by_cause: dict[str, list[tuple[Changed, list[Caused]]]] = {}
    for case in cases:
        edits: dict[str, list[Caused]] = {} if case.whole is None else {case.whole: []}
        for one in case.found if case.whole is None else ():
            edits.setdefault(one.cause, []).append(one)
        for key, found in edits.items():
            by_cause.setdefault(key, []).append((case.changed, found))
    return by_cause


def _group(key: str, hit: Sequence[tuple[Changed, list[Caused]]]) -> Group:
    whole = next((kind for kind in _WHOLE if key_of((kind,)) == key), None)
    if whole is not None:
        title, text = _WHOLE[whole]
        instances = tuple(Instance(one.golden, one.test, (text,), Decimal(0)) for one, _ in hit)
        return Group(key, title, whole, (), instances, Decimal(0))
    first = [one for _, edits in hit for one in edits if one.is_first]
    instances = tuple(
        Instance(
            changed.golden,
            changed.test,
            tuple(difference.text for one in edits for difference in one.edit.differences),
            total(one.spends.get(KNOWN, Decimal(0)) for one in edits),
        )
        for changed, edits in hit
    )
    usd = total(instance.usd for instance in instances)
    return Group(key, title_of(first), first[0].signs.kind, steps_of(first), instances, usd)
