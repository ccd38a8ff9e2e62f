"""Copies between states and contexts: out into a fork as it is looked at, and into a state to be kept.

What a state is and what becomes of a fork is told in ``isolation``.
"""

from __future__ import annotations

import threading
from collections.abc import Set
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flujo.context import EXTRA, FIELDS_SET, PENDING, PRIVATE, SLOTS, PipelineContext, held_by, prepare
from flujo.errors import MisuseError
from flujo.structure import ATOMS, MISSING, Same, clone, clone_named, private_of, same_atom
from flujo.validation import Newness

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


NAMES: Final = "__dict__"
"""Stands for the names in the ``__dict__`` of a context, and their order, among the names of what was looked at."""


def all_names(state: State[Any]) -> set[str]:
    """What is looked at by whoever looks at the whole."""
    return {NAMES, *state.values, *state.cls.__pydantic_fields__}


class WatchedLoader(Loader):
    """Tells its state what is looked at."""

    __slots__ = ()

    @property
    def fields_set(self) -> Set[str]:
        self.state.note((FIELDS_SET,))
        return self.state.fields_set

    def load(self, context: Any, name: str) -> Any:
        self.state.note((name,))
        return super().load(context, name)

    def load_all(self, context: Any) -> None:
        self.state.note(all_names(self.state))
        super().load_all(context)


_birth = threading.Lock()


def loader_of(context: Any, state: State[Any]) -> Loader:
    """The loader of a fork of ``state``, made when it is first needed."""
    held = held_by(context)
    with _birth:
        source = held.get(PENDING)
        if isinstance(source, Loader):
            return source
        loader = Loader(state)
        if source is not None:  # else another thread has just fetched everything
            held[PENDING] = loader
        return loader


_NAMED: Final = (EXTRA, PRIVATE)


def copied(cls: type[PipelineContext], name: str, value: Any, memo: dict[int, Any]) -> Any:
    """A copy of the value of one field or slot; itself if it is shared. Raises NotCopyable."""
    shared = cls.__shared__
    if shared and name in shared:
        return value
    try:
        return clone(value, memo) if name not in _NAMED else clone_named(value, memo, shared)
    except Exception as error:  # a user's __deepcopy__ or __reduce_ex__ may raise anything
        raise not_copyable(cls, name, error) from error


def not_copyable(cls: type[PipelineContext], name: str, error: Exception) -> NotCopyable:
    """What to raise for a field or slot whose copying failed with this error."""
    return NotCopyable(
        f"{cls.__name__}.{name} cannot be copied ({type(error).__name__}: {error}); keep such an object "
        f"in the run's resources, give its class a __deepcopy__, or name it in {cls.__name__}.__shared__"
    )


Parts: TypeAlias = tuple[dict[str, Any], dict[str, Any], frozenset[str], tuple[str, ...]]
"""What a state is made of: its values, atoms, tied names and other names."""


def everything(context: PipelineContext) -> dict[str, Any]:
    """The slots and all else that a context holds."""
    slots = (context.__pydantic_extra__, private_of(context), context.__pydantic_fields_set__)
    held: dict[str, Any] = context.__dict__
    return dict(zip(SLOTS, slots, strict=True)) | held


class _Units:
    """Copies of the fields and slots of one context, each with a memo of its own."""

    __slots__ = ("memos", "reach")

    def __init__(self, context: object) -> None:
        self.reach: dict[int, Any] = {id(context): context}
        self.memos: list[dict[int, Any]] = []  # kept: ids must not be used twice

    def share(self, memo: dict[int, Any]) -> bool:
        """Whether what was copied with this memo shares objects with what was copied before, or holds the context."""
        if not self.reach.keys().isdisjoint(memo):
            return True
        self.reach |= memo
        self.memos.append(memo)
        return False


def taken(context: PipelineContext, now: dict[str, Any]) -> Parts | None:
    """Copies of all that a context holds; None if fields share objects, or hold the context. Raises NotCopyable."""
    cls, shared = type(context), type(context).__shared__
    _prepare(cls)
    values, atoms, units = now.copy(), {}, _Units(context)
    for name, value in now.items():
        if type(value) in ATOMS or name in shared:
            atoms[name] = value
            continue
        memo: dict[int, Any] = {}
        copy = copied(cls, name, value, memo)
        if copy is value:
            atoms[name] = value
        else:
            values[name] = copy
        if memo and units.share(memo):
            return None
    for slot in SLOTS:
        atoms.pop(slot, None)
    plain = cls.__pydantic_fields__.keys() | SLOTS.keys() | atoms.keys()
    return values, atoms, frozenset(), () if now.keys() <= plain else tuple(name for name in now if name not in plain)


@lru_cache(1024)
def _prepare(cls: type[PipelineContext]) -> None:
    prepare(cls)


def begun(cls: type[PipelineContext], data: dict[str, Any], new: Newness) -> Parts | None:
    """What a context of these data holds, one's own; None as for ``taken``. Raises ValidationError, NotCopyable."""
    fields, _, fields_set = new.validate(data)
    values = {EXTRA: None, PRIVATE: None, FIELDS_SET: fields_set, **fields}
    atoms, shared = fields.copy(), cls.__shared__
    reach: dict[int, Any] = {}
    for name, refill, refill_model in new.looks:
        value = fields.get(name)
        if type(value) in ATOMS or name in shared:
            continue
        if refill is None and type(data.get(name)) is dict:
            refill = refill_model
        memo: dict[int, Any] = {}
        try:
            if refill is not None:
                refill(value, memo)
                del atoms[name]
            else:
                values[name] = copy = clone(value, memo)
                if copy is not value:
                    del atoms[name]
        except Exception as error:  # a user's __deepcopy__ or __reduce_ex__ may raise anything
            raise not_copyable(cls, name, error) from error
        if memo:
            if not reach.keys().isdisjoint(memo):
                return None
            reach |= memo
    return values, atoms, frozenset(), ()


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
