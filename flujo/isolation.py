"""Private copies of a context that cost only what is touched, and what became of them.

A ``State`` is one generation of a context. It owns values that no user code ever holds, and never changes.
``fork`` hands out a context whose mutable fields are copied out of the state when first looked at; ``commit``
copies changed fields back in and keeps every unchanged field as the very object it was: "what changed" is
asked by identity.

Aliases are kept within a field and between fields. Private attributes are one unit, extras another.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import lru_cache, partial
from operator import is_
from typing import Any, Generic, TypeVar

from flujo.context import (
    EXTRA,
    FIELDS_SET,
    PENDING,
    PRIVATE,
    SLOTS,
    PipelineContext,
    hand_over,
    held_by,
    prepare,
)
from flujo.errors import ContextUpdateError
from flujo.loading import Loader, loader_of, not_copyable, settled
from flujo.structure import ATOMS, MISSING, Same, clone, clone_named, itself, private_of, same_atom
from flujo.validation import Refill, Replaced, accepted, named_values, refills_of

C = TypeVar("C", bound=PipelineContext)


class State(Generic[C]):
    """One generation of a context of class ``cls``; immutable."""

    __slots__ = ("__weakref__", "atoms", "cls", "others", "tied", "values")

    def __init__(
        self,
        cls: type[C],
        values: dict[str, Any],
        atoms: dict[str, Any],
        tied: frozenset[str] = frozenset(),
        others: tuple[str, ...] = (),
    ) -> None:
        self.cls = cls
        self.values = values
        """Fields, the slots of ``SLOTS``, and whatever else was in the ``__dict__``, by name."""
        self.atoms = atoms
        """Those of them that every fork may hold as they are: unchangeable, or shared."""
        self.tied = tied
        """Names of values that share objects with each other: touched together or not at all."""
        self.others = others
        """Names that are neither atoms, fields nor slots (cached properties): no descriptor fetches them."""

    @classmethod
    def take(cls, context: C) -> State[C]:
        """The state of a context that the engine does not own: a full copy. Raises NotCopyable."""
        return _taken(context, *_owners_for(type(context), anew=False))

    @classmethod
    def begin(cls, model: type[C], data: Mapping[str, Any]) -> State[C]:
        """The state of a new context with these data, which stay the caller's. Raises ValidationError, NotCopyable.

        Copies only what validation does not make anew; a validator of the user's makes it copy everything.
        """
        context = model.model_validate(dict(data))
        refills = refills_of(model)
        return None if refills is None else _begun(context, refills)

    @property
    def fields_set(self) -> Set[str]:
        """The fields that were set, as ``model_fields_set`` tells them."""
        return self.values[FIELDS_SET]  # type: ignore[no-any-return]

    def fork(self) -> C:
        """A context equal to this state, for one owner to change; what is looked at is copied then."""
        context = self.cls.__new__(self.cls)
        held = self.atoms.copy()
        held[PENDING] = self
        hand_over(context, held)
        for name in self.others:
            self.load(context, name)
        return context

    def view(self) -> C:
        """The state's own values as a context: for reading by the engine, never for user code."""
        context = self.cls.__new__(self.cls)
        hand_over(context, {name: value for name, value in self.values.items() if name not in SLOTS})
        for name, slot in SLOTS.items():
            slot.__set__(context, self.values[name])
        return context

    def commit(self, context: C) -> State[C]:
        """The state after an accepted attempt; this very state if nothing changed. Raises NotCopyable.

        Unchanged fields keep their objects. What the owner of the context does to it later reaches no state.
        """
        if type(context) is not self.cls:
            return State.take(context)
        held = held_by(context)
        source: State[C] | Loader | None = held.get(PENDING)
        if source is self and (after := self._after_atoms(held)) is not None:
            return after
        if source is None or source.state is not self:
            slots = (context.__pydantic_extra__, private_of(context), context.__pydantic_fields_set__)
            now = dict(zip(SLOTS, slots, strict=True)) | context.__dict__
            return self._after(now, context, whole=True)
        return self._after(loader_of(context, self).held_now(context), context, whole=False)

    # A state is the source of its own forks until they are looked into.

    @property
    def state(self) -> State[C]:
        return self

    def load(self, context: C, name: str) -> Any:
        return loader_of(context, self).load(context, name)

    def load_all(self, context: C) -> None:
        loader_of(context, self).load_all(context)

    def _after_atoms(self, held: dict[str, Any]) -> State[C] | None:
        """The state after an attempt that met only atoms and set them to atoms; None if it did more."""
        atoms = self.atoms
        if len(held) != len(atoms) + 1:
            return None
        if all(map(is_, held.values(), atoms.values())):  # PENDING comes last, unless something was deleted
            return self
        fresh = {}
        for name, was in atoms.items():
            if (now := held.get(name, was)) is not was:
                if type(now) not in ATOMS:
                    return None
                if not same_atom(was, now):
                    fresh[name] = now
        if not fresh:
            return self
        return State(self.cls, self.values | fresh, atoms | fresh, self.tied, self.others)

    def _after(self, now: dict[str, Any], context: C, whole: bool) -> State[C]:
        """The state after ``now``: all that the context holds, or all that it holds already."""
        old = self.values
        touched = {name: value for name, value in now.items() if value is not old.get(name, MISSING)}
        copies, tied = settled(self, touched, context)
        if not copies and (not whole or list(now) == list(old)):
            return self
        values = {name: copies.get(name, old.get(name)) for name in now} if whole else old | copies
        if not whole and self._are_kinds_kept(copies, touched):
            fresh = {name: value for name, value in copies.items() if name in self.atoms}
            return State(self.cls, values, self.atoms | fresh if fresh else self.atoms, tied, self.others)
        unchanging = {name for name, copy in copies.items() if copy is touched[name]}
        return assembled(self.cls, values, unchanging | (self.atoms.keys() - copies.keys()), tied)

    def _are_kinds_kept(self, copies: dict[str, Any], touched: dict[str, Any]) -> bool:
        """Whether what was an atom is one again, and what was none is none."""
        for name, copy in copies.items():
            is_atom = copy is touched[name]
            if name not in SLOTS and (name not in self.values or is_atom is not (name in self.atoms)):
                return False
        return True


def _taken(context: C) -> State[C] | None:
    """The state of a whole context; None if fields share objects, or hold the context, or cannot be copied."""
    cls, held = type(context), context.__dict__
    slots = {EXTRA: context.__pydantic_extra__, PRIVATE: private_of(context)}
    values: dict[str, Any] = {**slots, FIELDS_SET: context.__pydantic_fields_set__.copy(), **held}
    atoms, shared = {}, cls.__shared__
    reach: dict[int, Any] = {id(context): context}
    memos: list[dict[int, Any]] = []  # kept to the end: ids must not be used twice
    for name, value in values.items():
        if type(value) in ATOMS or name in shared:
            atoms[name] = value
        elif name != FIELDS_SET:
            memo: dict[int, Any] = {}
            ...


def _begun(context: C, anew: Mapping[str, Refill]) -> State[C] | None:
    """The state of a context that validation has just made, and that it becomes; None as for ``_taken``."""
    held = held_by(context)
    values = {EXTRA: None, PRIVATE: None, FIELDS_SET: SLOTS[FIELDS_SET].__get__(context), **held}
    atoms = {}
    replaced: list[Replaced] = []
    reach: dict[int, Any] = {}
    memos: list[dict[int, Any]] = []  # kept to the end: ids must not be used twice
    for name, value in held.items():
        if type(value) in ATOMS:
            atoms[name] = value
            continue
        memo: dict[int, Any] = {}
        if (refill := anew.get(name)) is not None:
            refill(value, memo, replaced)
        elif (copy := clone(value, memo)) is value:
            atoms[name] = value
        else:
            values[name] = copy
        if memo:
            if not reach.keys().isdisjoint(memo):
                for container, key, item in replaced:
                    container[key] = item
                return None
            reach |= memo
            memos.append(memo)
    return State(type(context), values, atoms)


def assembled(cls: type[C], values: dict[str, Any], unchanging: Set[str], tied: Set[str]) -> State[C]:
    """The state of values that no user code holds; forks may hold the ``unchanging`` ones as they are."""
    rest = [name for name in values if name not in SLOTS]
    atoms = {name: values[name] for name in rest if name in unchanging}
    parts = values.keys() - atoms.keys()
    others = tuple(name for name in rest if name in parts and name not in cls.model_fields)
    return State(cls, values, atoms, frozenset(tied & parts), others)


def changed(old: State[C], new: State[C]) -> tuple[tuple[str, Any, Any], ...]:
    """(field, before, after) of every field, then every extra that differs; ``MISSING`` where there is none.

    The values are the states' own: for reading by the engine. Private attributes are not told.
    """
    names = old.cls.model_fields | new.cls.model_fields
    rows = [(name, old.values.get(name, MISSING), new.values.get(name, MISSING)) for name in names]
    if old.values[EXTRA] is not new.values[EXTRA]:
        was, now = old.values[EXTRA] or {}, new.values[EXTRA] or {}
        rows += [(name, was.get(name, MISSING), now.get(name, MISSING)) for name in was | now]
    return tuple(row for row in rows if row[1] is not row[2] and not Same()(row[1], row[2]))


def private_copy(value: object) -> object:
    """An attempt's own copy of its input, as deep as ``copy.deepcopy``.

    What cannot be copied as a whole (it holds a lock, a socket, a generator...) is handed on as it is, as a
    whole.
    """
    if type(value) in ATOMS:
        return value
    try:
        return clone(value, {})
    except Exception:  # a user's __deepcopy__ or __reduce_ex__ may raise anything
        return value


def apply_output(state: State[C], output: object, what: str = "the output") -> State[C]:
    """The state with the fields of a step's output in it, a mapping or a model, validated as a whole.

    ``what`` is how errors name the output. Raises ContextUpdateError, naming fields and reasons, if the
    context's model does not accept it.
    """
    return updated(state, named_values(output, what), what)


def updated(state: State[C], fresh: Mapping[str, Any], what: str) -> State[C]:
    """The state with ``fresh`` fields in it, validated as a whole through the class of the context.

    Validators may change other fields, too; private attributes stay as they are. ``what`` is how errors name
    the origin of the fields. Raises ContextUpdateError.
    """
    cls = state.cls
    unknown = [name for name in fresh if name not in cls.model_fields]
    if unknown and cls.model_config.get("extra") != "allow":
        raise ContextUpdateError(
            f"{what} has {', '.join(map(repr, unknown))}, but {cls.__name__} has no such field; "
            f"it has {', '.join(map(repr, cls.model_fields)) or 'none'}"
        )
    present = state.fork()
    before = {name: value for name, value in present.__dict__.items() if name in cls.model_fields}
    before |= present.__pydantic_extra__ or {}
    validated = accepted(cls, {**before, **fresh}, what)
    after = state.fork()
    fields = {
        name: value
        for name, value in validated.__dict__.items()
        if name in cls.model_fields and not Same()(before.get(name, MISSING), value)
    }
    held_by(after).update(fields)
    if not Same()(present.__pydantic_extra__, validated.__pydantic_extra__):
        object.__setattr__(after, EXTRA, validated.__pydantic_extra__)
    if not fresh.keys() <= state.fields_set:
        after.__pydantic_fields_set__.update(fresh)
    return state.commit(after)
