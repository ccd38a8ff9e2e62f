"""The context of a run: a pydantic model whose private copies are filled field by field, when looked at.

A context that a user makes is an ordinary pydantic model. One that the engine hands out may be *pending*:
what it does not hold yet is fetched from its ``Source`` at the first look, whoever looks, Python or C. How
copies are made and what becomes of them is not told here but in ``isolation``.

This rests on the slots of ``BaseModel`` (``__dict__``, ``__pydantic_extra__``, ``__pydantic_private__``,
``__pydantic_fields_set__``), which pydantic names in its sources but does not document.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import lru_cache
from typing import Any, ClassVar, Final, Protocol

from pydantic import BaseModel

from flujo.errors import MisuseError

EXTRA: Final = "__pydantic_extra__"
PRIVATE: Final = "__pydantic_private__"
FIELDS_SET: Final = "__pydantic_fields_set__"
PENDING: Final = "__pipeline_pending__"
"""The key of its source in the ``__dict__`` of a pending context; gone when everything has been fetched."""

_dict_slot: Final[Any] = BaseModel.__dict__["__dict__"]
SLOTS: Final[dict[str, Any]] = {name: BaseModel.__dict__[name] for name in (EXTRA, PRIVATE, FIELDS_SET)}
held_by: Final[Callable[[BaseModel], dict[str, Any]]] = _dict_slot.__get__
"""The ``__dict__`` of a model as it is: looking at it this way fetches nothing."""
hand_over: Final[Callable[[BaseModel, dict[str, Any]], None]] = _dict_slot.__set__
"""Makes a dict the ``__dict__`` of a model."""


class Source(Protocol):
    """Where a pending context gets what it does not hold yet."""

    @property
    def fields_set(self) -> Set[str]:
        """The fields that were set when the context was handed out."""

    def load(self, context: Any, name: str) -> Any:
        """Puts a field or a slot into the context and returns it; AttributeError if there is no such."""

    def load_all(self, context: Any) -> None:
        """Puts everything into the context, in the order of a deep copy; it is pending no longer."""


class _Field:
    """Not a data descriptor: it is asked only while the instance has no value of its own."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, context: Any, owner: type | None = None) -> Any:
        if context is not None and (source := held_by(context).get(PENDING)) is not None:
            return source.load(context, self.name)
        raise AttributeError(self.name)


class _WholeDict:
    """Stands before ``__dict__``, in C code's eyes too, and has it filled before it is seen."""

    def __get__(self, context: Any, owner: type | None = None) -> Any:
        if context is None:
            return _dict_slot
        if (source := held_by(context).get(PENDING)) is not None:
            source.load_all(context)
        return held_by(context)

    def __set__(self, context: Any, value: dict[str, Any]) -> None:
        if (source := held_by(context).get(PENDING)) is not None:
            source.load_all(context)  # so that the slots are filled: they do not come back with the new dict
        hand_over(context, value)


class _WholeSlot:
    """Stands before one of the other slots and has it filled before it is seen."""

    __slots__ = ("name", "slot")

    def __init__(self, name: str) -> None:
        self.name, self.slot = name, SLOTS[name]

    def __get__(self, context: Any, owner: type | None = None) -> Any:
        if context is None:
            return self.slot
        if (source := held_by(context).get(PENDING)) is not None:
            return source.load(context, self.name)
        return self.slot.__get__(context)

    def __set__(self, context: Any, value: object) -> None:
        if (source := held_by(context).get(PENDING)) is not None:
            source.load(context, self.name)  # so that the source knows that the slot is no longer its own
        self.slot.__set__(context, value)


class PipelineContext(BaseModel):
    """What the steps of a run share: subclass it, give it fields.

    Each attempt of a step works on a copy of its own, made as it is looked at. Whatever can be deep-copied
    can be in a context; clients, locks and the like belong into the run's ``resources``, or are named in
    ``__shared__``: the fields, extras and private attributes listed there are never copied, all attempts hold
    the very same object.
    """

    __shared__: ClassVar[frozenset[str]] = frozenset()
    __dict__ = _WholeDict()
    __pydantic_extra__ = _WholeSlot(EXTRA)
    __pydantic_private__ = _WholeSlot(PRIVATE)
    __pydantic_fields_set__ = _WholeSlot(FIELDS_SET)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if cls.__deepcopy__ is not BaseModel.__deepcopy__:
            raise MisuseError(
                f"{cls.__name__} defines __deepcopy__, but a context is copied field by field; "
                f"name what its copies share in {cls.__name__}.__shared__"
            )
        prepare(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        held = held_by(self)
        if (source := held.get(PENDING)) is None or name not in _plainly_set(type(self)):
            super().__setattr__(name, value)
            return
        held[name] = value
        if name not in source.fields_set:
            self.__pydantic_fields_set__.add(name)

    def __delattr__(self, name: str) -> None:
        if (source := held_by(self).get(PENDING)) is not None:
            source.load_all(self)  # a deleted field must not come back
        super().__delattr__(name)


def prepare(cls: type[PipelineContext]) -> None:
    """Has the fields of a context class fetched when first looked at."""
    for name in cls.model_fields:
        if type(vars(cls).get(name)) is not _Field:
            type.__setattr__(cls, name, _Field(name))


@lru_cache(1024)
def _plainly_set(cls: type[PipelineContext]) -> frozenset[str]:
    """The fields that assignment puts where they are, neither validated nor refused."""
    if cls.model_config.get("frozen") or cls.model_config.get("validate_assignment"):
        return frozenset()
    return frozenset(name for name, field in cls.model_fields.items() if not field.frozen)
