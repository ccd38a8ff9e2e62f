"""From what was chosen (groups, goldens) to a decision: what is written, what stays open. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from flujo.money import add
from flujo_testing.golden.errors import GoldenMisuse
from flujo_testing.golden.findings import digest
from flujo_testing.golden.pending import Pending
from flujo_testing.review.decision import Decision, Rewrite
from flujo_testing.review.groups import Case, Group, composed
from flujo_testing.review.page import Entry, Told, entry_text
from flujo_testing.review.proposals import Waiting

ACCEPTED, REJECTED = "accepted", "rejected"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a decision is about: causes by their keys wherever they show, and goldens with all their causes."""

    causes: frozenset[str] = frozenset()
    goldens: frozenset[str] = frozenset()

    def of(self, case: Case, *, but: bool = False) -> Callable[[str], bool]:
        """Whether a cause is chosen, in one golden; ``but``: whether it is not."""
        is_whole = case.changed.golden in self.goldens
        return lambda cause: (is_whole or cause in self.causes) is not but


def chosen(waiting: Waiting, names: Sequence[str], *, everything: bool = False) -> Choice:
    """By the keys of groups and the paths of goldens. Raises GoldenMisuse for a name of neither."""
    groups = {group.key for group in waiting.sorting.groups}
    if everything:
        return Choice(causes=frozenset(groups))
    causes = [name for name in names if name in groups]
    goldens = [_golden(waiting, name) for name in names if name not in groups]
    return Choice(frozenset(causes), frozenset(goldens))


def accepting(waiting: Waiting, choice: Choice, reason: str, at: datetime) -> Decision:
    """The goldens get what was chosen; what else is proposed for them stays open."""
    rewrites, keep, drop, hit = [], [], list(waiting.settled), []
    for case in waiting.sorting.cases:
        is_chosen = choice.of(case)
        if not any(map(is_chosen, case.causes)):
            continue
        hit.append(case)
        golden = case.changed.golden
        pending, text = waiting.proposals[golden].pending, composed(case, is_chosen)
        rewrites.append(Rewrite(golden, pending.base, text))
        if text == case.changed.after:
            drop.append(golden)
        else:
            keep.append(replace(pending, base=None if text is None else digest(text.encode("utf-8"))))
    return _decision(waiting, choice, hit, Entry(at, ACCEPTED, reason, (), ()), rewrites, keep, drop)


def rejecting(waiting: Waiting, choice: Choice, reason: str, at: datetime) -> Decision:
    """The proposals lose what was chosen; those with nothing else in them go."""
    keep, drop, hit = [], list(waiting.settled), []
    for case in waiting.sorting.cases:
        is_chosen = choice.of(case)
        if not any(map(is_chosen, case.causes)):
            continue
        hit.append(case)
        golden = case.changed.golden
        text = composed(case, choice.of(case, but=True))
        if text is None or text == case.changed.before:
            drop.append(golden)
        else:
            keep.append(replace(waiting.proposals[golden].pending, text=text))
    return _decision(waiting, choice, hit, Entry(at, REJECTED, reason, (), ()), [], keep, drop)


def _decision(
    waiting: Waiting,
    choice: Choice,
    hit: Sequence[Case],
    entry: Entry,
    rewrites: Sequence[Rewrite],
    keep: Sequence[Pending],
    drop: Sequence[str],
) -> Decision:
    if not hit:
        return Decision(str(waiting.root), drop=tuple(drop))
    goldens = [case.changed.golden for case in hit]
    told = [one for group in waiting.sorting.groups if (one := _told(group, choice, set(goldens))) is not None]
    entry = replace(entry, causes=told, goldens=goldens, partly=frozenset(pending.golden for pending in keep))
    return Decision(str(waiting.root), tuple(rewrites), entry_text(entry), None, tuple(keep), tuple(drop))


def _told(group: Group, choice: Choice, goldens: Collection[str]) -> Told | None:
    """The group as far as it was decided about."""
    found = [one for one in group.instances if one.golden in choice.goldens or group.key in choice.causes]
    usd = Decimal(0)
    for one in found:
        usd = add(usd, one.usd)
    return Told(group.key, group.title, len(found), usd) if found else None


def _golden(waiting: Waiting, name: str) -> str:
    """A golden by its path, as it is shown or below the golden folder, or by its test."""
    for golden, proposal in waiting.proposals.items():
        if name in (golden, waiting.folder.shown(golden), proposal.pending.owner, proposal.pending.test):
            return golden
    for problem in waiting.problems:
        if name in (problem.golden, waiting.folder.shown(problem.golden)):
            raise GoldenMisuse(problem.reason)
    raise GoldenMisuse(f"there is no group and no changed golden {name!r:.200}: 'flujo golden status' lists them")
