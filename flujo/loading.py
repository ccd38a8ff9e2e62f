"""Filling one fork of a state with copies of what is looked at in it.

What a state is and what becomes of a fork is told in ``isolation``.
"""

from __future__ import annotations

import threading
from collections.abc import Set
from typing import TYPE_CHECKING, Any

from flujo.context import EXTRA, FIELDS_SET, PENDING, PRIVATE, SLOTS, PipelineContext, held_by
from flujo.errors import MisuseError
from flujo.structure import ATOMS, MISSING, Same, clone, clone_named, same_atom

if TYPE_CHECKING:
    from flujo.isolation import State


class NotCopyable(MisuseError, TypeError):
    """A field holds something that cannot be copied and is not declared shared."""


class Loader:
    """Copies out of a state into one fork of it what is looked at there; aliases between fields are kept."""

    __slots__ = ("lock", "memo", "slots", "state")

    def __init__(self, state: State[Any]) -> None:
        self.state = state
        self.memo: dict[int, Any] = {}
        self.slots: list[str] = []  # those of SLOTS that have been filled
        self.lock = threading.RLock()  # two threads must not see each other's half-made copies

    @property
    def fields_set(self) -> Set[str]:
        return self.state.fields_set

    def load(self, context: Any, name: str) -> Any:
        with self.lock:
            held, values = held_by(context), self.state.values
            if name in SLOTS:
                if PENDING in held and name not in self.slots:
                    SLOTS[name].__set__(context, copied(self.state.cls, name, values[name], self.memo))
                    self.slots.append(name)
                return SLOTS[name].__get__(context)
            if name not in held:
                if PENDING not in held or name not in values:
                    raise AttributeError(name)
                copy = copied(self.state.cls, name, values[name], self.memo)
                held.setdefault(name, copy)  # assignment in another thread takes no lock
            return held[name]

    def load_all(self, context: Any) -> None:
        with self.lock:
            held, values = held_by(context), self.state.values
            if PENDING not in held:
                return
            for name in values:
                self.load(context, name)
            known = [name for name in values if name in held]
            for name in known + [name for name in held if name not in values and name != PENDING]:
                held.setdefault(name, held.pop(name))  # to the end
            del held[PENDING]

    def held_now(self, context: Any) -> dict[str, Any]:
        """What the context holds already; of values tied to each other, all or none."""
        held = held_by(context)
        if (tied := self.state.tied) and not tied.isdisjoint((*held, *self.slots)):
            for name in tied:
                self.load(context, name)
        now = held.copy()
        del now[PENDING]
        for name in self.slots:
            now[name] = SLOTS[name].__get__(context)
        return now


_birth = threading.Lock()


def loader_of(context: Any, state: State[Any]) -> Loader:
    """The loader of a fork of ``state``, made when it is first needed."""
    held = held_by(context)
    with _birth:
        source = held.get(PENDING)
        if type(source) is Loader:
            return source
        loader = Loader(state)
        if source is not None:  # else another thread has just fetched everything
            held[PENDING] = loader
        return loader


def copied(cls: type[PipelineContext], name: str, value: Any, memo: dict[int, Any]) -> Any:
    """A copy of the value of one field or slot; itself if it is shared. Raises NotCopyable."""
    shared = cls.__shared__
    if name in shared:
        return value
    try:
        return clone_named(value, memo, shared) if name in (EXTRA, PRIVATE) else clone(value, memo)
    except Exception as error:  # a user's __deepcopy__ or __reduce_ex__ may raise anything
        raise not_copyable(cls, name, error) from error


def not_copyable(cls: type[PipelineContext], name: str, error: Exception) -> NotCopyable:
    """What to raise for a field or slot whose copying failed with this error."""
    return NotCopyable(
        f"{cls.__name__}.{name} cannot be copied ({type(error).__name__}: {error}); keep such an object "
        f"in the run's resources, give its class a __deepcopy__, or name it in {cls.__name__}.__shared__"
    )


def settled(
    state: State[Any], touched: dict[str, Any], context: PipelineContext
) -> tuple[dict[str, Any], frozenset[str]]:
    """Copies of those touched values that changed, and the names that share objects from now on."""
    cls, old, tied = state.cls, state.values, state.tied
    copies: dict[str, Any] = {}
    units: list[list[str]] = []
    for name, value in touched.items():
        if name in tied:
            continue
        if name == FIELDS_SET:
            if value != old.get(name):
                copies[name] = set(value)
        elif type(value) not in ATOMS:
            units.append([name])
        elif not same_atom(old.get(name, MISSING), value):
            copies[name] = value
    if together := [name for name in touched if name in tied]:
        units.append(together)  # a change through one alias is a change of all
    joined: set[str] = set()
    reach: list[tuple[list[str], dict[int, Any], Same]] = []  # kept to the end: ids must not be used twice
    for names in units:
        same, ids = Same(), dict[int, Any]()
        if all(same(old.get(name, MISSING), touched[name]) for name in names):
            ids = same.met
        else:
            for name in names:
                copies[name] = copied(cls, name, touched[name], ids)
            if id(context) in ids:
                raise NotCopyable(f"{cls.__name__}.{names[0]} contains the context itself; take it out")
        for others, met, _ in reach:
            if not ids.keys().isdisjoint(met):
                joined.update(names, others)
        reach.append((names, ids, same))
    if joined:
        memo: dict[int, Any] = {}
        copies |= {name: copied(cls, name, value, memo) for name, value in touched.items() if name in joined}
        tied |= joined
    return copies, tied
