"""Which faults a test can show: while it passes, each lie is told beside its law, and nobody hears it.

A lie that says nothing but what its law says changes nothing: the test need not be passed again under that fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from decimal import Decimal
from operator import attrgetter
from typing import Any

from flujo import Laws
from flujo.laws import DEFAULT
from flujo_testing.audit.endings import Ending
from flujo_testing.audit.trial import State, Trial
from flujo_testing.faults import Fault, Reach
from flujo_testing.faults.seams import Lying

SEAMS = tuple(field.name for field in fields(Laws))
UNTOLD = frozenset({"context_for_attempt"})
"""What these give is made anew each time, with classes of the user's: that is done once only."""
OF_THE_ENGINE = frozenset({"branches_to_merge", "logs_in_order", "plugins_in_order"})
"""These give lists that nobody keeps: what is in them counts. All other lists are somebody's."""
PLAIN = (bool, int, float, str, Decimal)


@dataclass(slots=True)
class _Told:
    """A lie beside its law."""

    fault: str
    policy: Callable[..., Any]
    reach: Reach
    notes_itself: bool

    def differs(self, law: str, truth: Any, given: tuple[Any, ...], named: dict[str, Any]) -> bool:
        if law in UNTOLD:
            return True
        first, *rest = given
        stand_in = _instead(law, first, truth, rest)
        try:
            lied = self.policy(stand_in, *rest, **named)
        except Exception:  # a lie that breaks where the law holds is another answer
            return True
        if self.notes_itself:
            return self.reach.count > 0
        if law in OF_THE_ENGINE and type(lied) is list:
            truth, lied = tuple(truth), tuple(lied)
        return not _same(truth, first if lied is stand_in else lied)


class Beside:
    """Lies beside the laws of one pass; ``laws`` are to be in force while it lasts."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._asked: set[str] = set()
        self._differ: set[str] = set()
        told: dict[str, list[_Told]] = {}
        for fault in faults:
            if isinstance(fault.lie, Lying):
                reach = Reach()
                for law, policy in fault.lie.policies(reach).items():
                    told.setdefault(law, []).append(_Told(fault.name, policy, reach, fault.lie.notes_itself))
        self.laws = Laws(**{name: self._noting(attrgetter(name)(DEFAULT), name, told.get(name, [])) for name in SEAMS})

    def is_asked(self, fault: Fault) -> bool:
        """Whether the pass came to the seam of a fault; at other seams than laws only a pass under it can tell."""
        seams = {seam.strip() for seam in fault.seam.split(",")}
        return not all(seam.startswith("laws.") for seam in seams) or not seams.isdisjoint(self._asked)

    def is_silent(self, fault: Fault) -> bool:
        """Whether the fault says at its seam what the laws say."""
        return isinstance(fault.lie, Lying) and fault.name not in self._differ

    def _noting(self, law: Callable[..., Any], name: str, lies: list[_Told]) -> Callable[..., Any]:
        def noted(*given: Any, **named: Any) -> Any:
            self._asked.add(f"laws.{name}")
            try:
                truth = law(*given, **named)
            except BaseException:
                self._differ.update(lie.fault for lie in lies)
                raise
            for lie in lies:
                if lie.fault not in self._differ and lie.differs(name, truth, given, named):
                    self._differ.add(lie.fault)
            return truth

        return noted


def silent_trial(fault: Fault) -> Trial:
    """What a pass under a fault that is silent would come to."""
    of_itself = isinstance(fault.lie, Lying) and fault.lie.notes_itself
    return Trial(fault.name, State.NOT_REACHED if of_itself else State.NOT_INFECTED, Ending.SURVIVED)


@dataclass(frozen=True, slots=True)
class _Quoted:
    """Stands for prices: the user's own are asked once."""

    truth: object

    def quote(self, *_: object) -> object:
        return self.truth


@dataclass(frozen=True, slots=True)
class _Committed:
    """Stands for the state before an attempt: what is committed is copied once."""

    values: object
    after: object

    def commit(self, _: object) -> object:
        return self.after


def _instead(law: str, first: Any, truth: object, rest: list[Any]) -> Any:
    """What a lie is given for the first argument of a law."""
    if law == "quote":
        return _Quoted(truth)
    if law == "context_after_attempt":
        accepted = rest[-1]
        return _Committed(first.values, truth if accepted else None)
    return first


def _same(truth: object, lied: object) -> bool:
    """Whether nobody could tell one from the other; objects are the same if they are one."""
    if truth is lied:
        return True
    if type(truth) is not type(lied):
        return False
    if isinstance(truth, tuple) and isinstance(lied, tuple):
        return len(truth) == len(lied) and all(map(_same, truth, lied))
    return isinstance(truth, PLAIN) and truth == lied
