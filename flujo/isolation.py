"""Private copies of a context that cost only what is touched, and what became of them.

A ``State`` is one generation of a context. It owns values that no user code ever holds, and never changes.
``fork`` hands out a context whose mutable fields are copied out of the state when first looked at; ``commit``
copies changed fields back in and keeps every unchanged field as the very object it was: "what changed" is
asked by identity.

Aliases are kept within a field and between fields. Private attributes are one unit, extras another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from itertools import compress, takewhile
from operator import is_, is_not
from typing import Any, Generic, TypeAlias, TypeVar

from flujo.canonical import digest
from flujo.context import EXTRA, FIELDS_SET, PENDING, SLOTS, PipelineContext, hand_over, held_by
from flujo.errors import ContextUpdateError
from flujo.loading import (
    NAMES,
    Loader,
    WatchedLoader,
    all_names,
    begun,
    copied,
    everything,
    loader_of,
    settled,
    taken,
)
from flujo.structure import ATOMS, MISSING, Same, alike, clone, same_atom
from flujo.validation import accepted, named_values, newness

C = TypeVar("C", bound=PipelineContext)
Delta: TypeAlias = tuple[tuple[str, Any], ...]
"""(name of a field or slot, value) of each that changed; see ``delta``."""


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
        model = type(context)
        now = everything(context)
        parts = taken(context, now)
        return State(model, *parts) if parts is not None else State(model, {}, {})._after(now, context, whole=True)

    @classmethod
    def begin(cls, model: type[C], data: dict[str, Any]) -> State[C]:
        """The state of a new context with these data, which stay the caller's. Raises ValidationError, NotCopyable.

        What validation makes anew is not copied again, unless code of the user's has a say in it.
        """
        new = newness(model)
        if new is None:
            return State.take(model.model_validate(data))
        parts = begun(model, data, new)
        return State.take(model.model_validate(data)) if parts is None else State(model, *parts)

    @property
    def fields_set(self) -> Set[str]:
        """The fields that were set, as ``model_fields_set`` tells them."""
        return self.values[FIELDS_SET]  # type: ignore[no-any-return]

    def fork(self) -> C:
        """A context equal to this state, for one owner to change; what is looked at is copied then."""
        context = self.cls.__new__(self.cls)
        self.refill(context)
        return context

    def refill(self, context: C) -> None:
        """Makes a context of this class a fork of this state, whatever it held."""
        held = self.atoms.copy()
        held[PENDING] = self
        hand_over(context, held)
        for name in self.others:
            self.load(context, name)

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
            return self._after(everything(context), context, whole=True)
        return self._after(loader_of(context, self).held_now(context), context, whole=False)

    def replay(self, context: C, rows: Delta) -> None:
        """Makes a context of this class a fork of this state to which ``delta`` was done. Raises NotCopyable."""
        memo: dict[int, Any] = {}
        own = [(name, copied(self.cls, name, value, memo)) for name, value in rows]
        self.refill(context)
        if any(value is MISSING for _, value in own):
            self.load_all(context)
        held = held_by(context)
        for name, value in own:
            if name in SLOTS:
                object.__setattr__(context, name, value)
            elif value is MISSING:
                held.pop(name, None)
            else:
                held[name] = value

    def with_delta(self, rows: Delta) -> State[C]:
        """The state after ``delta(old, new)``: like ``new`` if this one is like ``old``. Raises NotCopyable."""
        context = self.cls.__new__(self.cls)
        self.replay(context, rows)
        return self.commit(context)

    def watched(self, reads: set[str]) -> State[C]:
        """A state equal to this one; what its forks, and those of all states made of it, look at is put into ``reads``.

        That is the names of fields and slots that still hold what they hold here, and ``NAMES`` where all was looked
        at. It may be more than was looked at, and is never less: setting a field to what it is counts as a look.
        """
        return Watched(self, ((reads, self.values),))

    def unwatched(self) -> State[C]:
        """The same without the latest ``watched``."""
        return self

    def unseen(self) -> C:
        """A fork that is not watched."""
        return self.fork()

    def note(self, names: Iterable[str]) -> None:
        """Tell whoever watches that these were looked at."""

    def assembled(self, values: dict[str, Any], unchanging: Set[str], tied: Set[str]) -> State[C]:
        """The next state, of values that no user code holds; forks may hold the ``unchanging`` ones as they are."""
        rest = [name for name in values if name not in SLOTS]
        atoms = {name: values[name] for name in rest if name in unchanging}
        parts = values.keys() - atoms.keys()
        others = tuple(name for name in rest if name in parts and name not in self.cls.__pydantic_fields__)
        return self._next(values, atoms, frozenset(tied & parts), others)

    def _next(
        self, values: dict[str, Any], atoms: dict[str, Any], tied: frozenset[str], others: tuple[str, ...]
    ) -> State[C]:
        return State(self.cls, values, atoms, tied, others)

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
        if len(held) != len(atoms) + 1 or next(reversed(held)) != PENDING:  # it came last: something was deleted
            return None
        fresh = {}
        for name in compress(atoms, map(is_not, atoms.values(), held.values())):
            now = held[name]
            if type(now) not in ATOMS:
                return None
            if not same_atom(atoms[name], now):
                fresh[name] = now
        if not fresh:
            return self
        return State(self.cls, self.values | fresh, atoms | fresh, self.tied)  # others would be held, too

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
            return self._next(values, self.atoms | fresh if fresh else self.atoms, tied, self.others)
        unchanging = {name for name, copy in copies.items() if copy is touched[name]}
        return self.assembled(values, unchanging | (self.atoms.keys() - copies.keys()), tied)

    def _are_kinds_kept(self, copies: dict[str, Any], touched: dict[str, Any]) -> bool:
        """Whether what was an atom is one again, and what was none is none."""
        for name, copy in copies.items():
            is_atom = copy is touched[name]
            if name not in SLOTS and (name not in self.values or is_atom is not (name in self.atoms)):
                return False
        return True


class Watched(State[C]):
    """A state whose forks tell what is looked at in them."""

    __slots__ = ("watchers",)

    def __init__(self, state: State[C], watchers: tuple[tuple[set[str], dict[str, Any]], ...]) -> None:
        super().__init__(state.cls, state.values, state.atoms, state.tied, state.others)
        self.watchers = watchers
        """Where reads are put, with the values that were there when the watch began; the latest comes last."""

    def refill(self, context: C) -> None:
        loader = WatchedLoader(self)
        hand_over(context, {PENDING: loader})
        for name in (*(name for name in self.atoms if name not in self.cls.__pydantic_fields__), *self.others):
            loader.load(context, name)  # no descriptor fetches them

    def unseen(self) -> C:
        context = self.cls.__new__(self.cls)
        super().refill(context)
        return context

    def commit(self, context: C) -> State[C]:
        if type(context) is not self.cls:
            self.note(all_names(self))
        return super().commit(context)

    def watched(self, reads: set[str]) -> State[C]:
        return Watched(self, (*self.watchers, (reads, self.values)))

    def unwatched(self) -> State[C]:
        if len(self.watchers) > 1:
            return Watched(self, self.watchers[:-1])
        return super()._next(self.values, self.atoms, self.tied, self.others)

    def note(self, names: Iterable[str]) -> None:
        names = list(names)
        for reads, began in self.watchers:
            reads.update(name for name in names if self.values.get(name, MISSING) is began.get(name, MISSING))

    def _next(
        self, values: dict[str, Any], atoms: dict[str, Any], tied: frozenset[str], others: tuple[str, ...]
    ) -> State[C]:
        """What became again what it was at first is not told by a delta: it must be so wherever that is done."""
        after = Watched(super()._next(values, atoms, tied, others), self.watchers)
        exchanged = [(name, values.get(name, MISSING)) for name in names_exchanged(self.values, values)]
        for reads, began in self.watchers:
            reads.update(name for name, now in exchanged if alike(began.get(name, MISSING), now))
        return after

    def _after(self, now: dict[str, Any], context: C, whole: bool) -> State[C]:
        after = super()._after(now, context, whole)
        self.note(name for name in now if after.values[name] is self.values.get(name, MISSING))
        return after


def changed(old: State[C], new: State[C], touched: list[str] | None = None) -> tuple[tuple[str, Any, Any], ...]:
    """(field, before, after) of every field, then every extra that differs; ``MISSING`` where there is none.

    The values are the states' own: for the engine to read. Nothing private is told. ``touched``: ``names_exchanged``.
    """
    touched = names_exchanged(old.values, new.values) if touched is None else touched
    fields, others = old.cls.__pydantic_fields__, new.cls.__pydantic_fields__
    if len(touched) > 1:
        touched = [name for name in fields | others if name in touched] + [name for name in touched if name == EXTRA]
    rows: list[tuple[str, Any, Any]] = []
    for name in touched:
        if name in fields or name in others:
            was, now = old.values.get(name, MISSING), new.values.get(name, MISSING)
            if not alike(was, now):
                rows.append((name, was, now))
        elif name == EXTRA:
            was, now = old.values[EXTRA] or {}, new.values[EXTRA] or {}
            extras = [(extra, was.get(extra, MISSING), now.get(extra, MISSING)) for extra in was | now]
            rows += [row for row in extras if not alike(row[1], row[2])]
    return tuple(rows)


def names_exchanged(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The names that do not hold the very object that they held."""
    if len(old) == len(new) and all(map(is_, old, new)):
        return list(compress(old, map(is_not, old.values(), new.values())))
    return [name for name in old | new if old.get(name, MISSING) is not new.get(name, MISSING)]


def delta(old: State[C], new: State[C]) -> Delta:
    """What ``old.with_delta`` makes a state like ``new`` of: (name, value) of fields and slots, to be done in order.

    ``MISSING`` deletes. Both states have the same class. The values are the states' own: not to be changed.
    """
    if old is new:
        return ()
    was, now = old.values, new.values
    exchanged = names_exchanged(was, now)
    tied = old.tied | new.tied
    if tied.isdisjoint(exchanged):
        tied = frozenset()  # else all of them: their objects belong together
    kept = [name for name in was if name in now]
    in_place = takewhile(lambda pair: pair[0] == pair[1], zip(kept, now, strict=False))
    stay = {name for name, _ in in_place}  # the order of names is that of the dict
    touched = {name for name in stay.intersection(exchanged) if not alike(was[name], now[name])}
    gone = tuple((name, MISSING) for name in was if name not in stay)
    return gone + tuple(row for row in now.items() if row[0] in touched | tied or row[0] not in stay)


def digests_of(state: State[Any], names: Iterable[str]) -> dict[str, str]:
    """A digest of what each of these fields and slots holds, by sorted names. Raises NotRepresentable.

    Two that are equal hold equal canonical JSON, or are both absent. ``NAMES`` stands for the names that there are.
    """
    names = sorted(names)
    state.note(names)
    values = {**state.values, NAMES: [name for name in state.values if name not in SLOTS]}
    return {name: digest({name: values[name]} if name in values else {}) for name in names}


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
    apart = newness(cls) is not None  # each field is validated for itself: the others are not looked at
    present = state.unseen() if apart else state.fork()
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
    state.note({FIELDS_SET, *(fresh.keys() ^ fields.keys())})  # what stays as it is was compared
    if not fresh.keys() <= state.fields_set:
        after.__pydantic_fields_set__.update(fresh)
    return state.commit(after)
