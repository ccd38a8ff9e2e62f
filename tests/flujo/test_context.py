"""A context is a model like any other; one that is pending is filled before anybody sees that it was not."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

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
from flujo.errors import MisuseError


class Trip(PipelineContext):
    model_config = ConfigDict(extra="allow")
    city: str = "Rome"
    days: list[int] = Field(default=[])
    _log: list[str] = PrivateAttr(default_factory=list)

    if TYPE_CHECKING:  # extras

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

    @cached_property
    def length(self) -> int:
        return len(self.days)


class Plain(BaseModel):
    model_config = ConfigDict(extra="allow")
    city: str = "Rome"
    days: list[int] = Field(default=[])
    _log: list[str] = PrivateAttr(default_factory=list)

    if TYPE_CHECKING:  # extras

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...


class Checked(PipelineContext):
    model_config = ConfigDict(validate_assignment=True)
    n: int = 0


class Frozen(PipelineContext):
    model_config = ConfigDict(frozen=True)
    n: int = 0


class Shelf:
    """A source that has everything ready and writes down what was asked for."""

    def __init__(self, **values: Any) -> None:
        self.values = {EXTRA: None, PRIVATE: None, FIELDS_SET: {"city"}, **values}
        self.fields_set = frozenset({"city"})
        self.asked: list[str] = []

    def load(self, context: Any, name: str) -> Any:
        if name not in self.asked:
            self.asked.append(name)
            if name in SLOTS:
                SLOTS[name].__set__(context, self.values[name])
            elif name in self.values:
                held_by(context)[name] = self.values[name]
            else:
                raise AttributeError(name)
        return SLOTS[name].__get__(context) if name in SLOTS else held_by(context)[name]

    def load_all(self, context: Any) -> None:
        for name in self.values:
            self.load(context, name)
        del held_by(context)[PENDING]


def pending(cls: Any = Trip, /, **values: Any) -> tuple[Any, Shelf]:
    shelf = Shelf(**values)
    context = object.__new__(cls)
    hand_over(context, {PENDING: shelf})
    return context, shelf


LOOKS: dict[str, Callable[[Any], object]] = {
    "dump": lambda trip: trip.model_dump(),
    "json": lambda trip: trip.model_dump_json(),
    "what was set": lambda trip: trip.model_dump(exclude_unset=True),
    "repr": lambda trip: repr(trip).partition("(")[2],
    "vars": vars,
    "iteration": list,
    "extras": lambda trip: trip.model_extra,
    "an extra": lambda trip: trip.guide,
    "private": lambda trip: trip._log,
    "no such": lambda trip: getattr(trip, "nothing", 7),
    "assignment": lambda trip: (trip.__setattr__("city", "Oslo"), trip.city, trip.model_fields_set),
    "equal": lambda trip: trip == copy.deepcopy(trip),
    "copy": lambda trip: trip.model_copy(update={"city": "Oslo"}).model_dump(),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_context_is_a_model_like_any_other(look: str) -> None:
    assert LOOKS[look](Trip(days=[1], guide="Eva")) == LOOKS[look](Plain(days=[1], guide="Eva"))


def test_a_context_can_be_pickled() -> None:
    trip = Trip(days=[1], guide="Eva")
    assert pickle.loads(pickle.dumps(trip)) == trip


def test_a_class_has_no_attribute_for_a_field() -> None:
    for cls in (Trip, Plain):
        with pytest.raises(AttributeError, match=r"^days$"):
            _ = cls.days
    assert Trip.__pydantic_extra__ is BaseModel.__dict__["__pydantic_extra__"]


def test_a_field_is_fetched_when_first_looked_at() -> None:
    trip, shelf = pending(city="Oslo", days=[3])
    assert shelf.asked == []
    assert (trip.days, trip.days, shelf.asked) == ([3], [3], ["days"])


def test_a_field_that_is_assigned_is_not_fetched() -> None:
    trip, shelf = pending(city="Oslo", days=[3])
    trip.city = "Bonn"
    assert (trip.city, shelf.asked) == ("Bonn", [])
    trip.days = [4]
    assert (trip.days, shelf.asked, trip.model_fields_set) == ([4], [FIELDS_SET], {"city", "days"})


def test_a_slot_is_fetched_when_first_looked_at() -> None:
    trip, shelf = pending(**{EXTRA: {"guide": "Eva"}, PRIVATE: {"_log": ["born"]}})
    assert (trip._log, shelf.asked) == (["born"], [PRIVATE])
    assert (trip.guide, shelf.asked) == ("Eva", [PRIVATE, EXTRA])


def test_a_slot_that_is_replaced_is_fetched_before() -> None:
    trip, shelf = pending()
    object.__setattr__(trip, EXTRA, {"guide": "Eva"})
    assert (shelf.asked, trip.guide) == ([EXTRA], "Eva")


def test_everything_is_fetched_before_the_whole_is_seen() -> None:
    trip, _ = pending(city="Oslo", days=[3])
    assert vars(trip) == {"city": "Oslo", "days": [3]}
    trip, _ = pending(city="Oslo", days=[3])
    assert trip.model_dump() == {"city": "Oslo", "days": [3]}


def test_everything_is_fetched_before_the_whole_is_replaced() -> None:
    trip, shelf = pending(city="Oslo", days=[3])
    object.__setattr__(trip, "__dict__", {"city": "Bonn"})
    assert (vars(trip), trip.model_fields_set, len(shelf.asked)) == ({"city": "Bonn"}, {"city"}, 5)


def test_a_deleted_field_does_not_come_back() -> None:
    trip, _ = pending(city="Oslo", days=[3])
    del trip.days
    with pytest.raises(AttributeError, match=r"^'Trip' object has no attribute 'days'$"):
        _ = trip.days


def test_a_field_that_the_source_does_not_have_is_missing() -> None:
    trip, _ = pending(city="Oslo")
    with pytest.raises(AttributeError, match=r"^'Trip' object has no attribute 'days'$"):
        _ = trip.days


def test_assignment_is_checked_as_the_model_says() -> None:
    checked, _ = pending(Checked, n=1, **{FIELDS_SET: set()})
    with pytest.raises(ValidationError, match="valid integer"):
        checked.n = "no"
    checked.n = "3"
    assert (checked.n, checked.model_fields_set) == (3, {"n"})
    frozen, _ = pending(Frozen, n=1)
    with pytest.raises(ValidationError, match="Instance is frozen"):
        frozen.n = 2


def test_a_context_that_says_itself_how_it_is_copied_is_refused() -> None:
    with pytest.raises(MisuseError, match=r"^Own defines __deepcopy__, .* in Own\.__shared__$"):

        class Own(PipelineContext):
            def __deepcopy__(self, memo: Any = None) -> Any:
                return self


def test_a_subclass_adds_fields_and_defaults() -> None:
    class Longer(Trip):
        city: str = "Bern"
        nights: int = 2

    assert Longer().model_dump() == {"city": "Bern", "days": [], "nights": 2}
    longer, shelf = pending(Longer, city="Oslo", days=[3], nights=1)
    assert (longer.nights, longer.city, shelf.asked) == (1, "Oslo", ["nights", "city"])


def test_a_cached_property_is_cached() -> None:
    trip = Trip(days=[1, 2])
    assert (trip.length, vars(trip)["length"]) == (2, 2)


def test_a_class_prepared_without_pydantics_hook_is_prepared_once() -> None:
    class Quiet(PipelineContext):
        n: int = 0

    before = vars(Quiet)["n"]
    prepare(Quiet)
    assert vars(Quiet)["n"] is before


def test_a_context_that_is_not_pending_has_no_source_to_ask() -> None:
    trip = Trip()
    del trip.days
    with pytest.raises(AttributeError, match=r"^'Trip' object has no attribute 'days'$"):
        _ = trip.days


def test_the_class_tells_pydantics_own_dict_slot() -> None:
    assert vars(Trip.__mro__[1])["__dict__"].__get__(None, Trip) is vars(BaseModel)["__dict__"]
