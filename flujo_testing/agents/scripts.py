"""Scripts: the answers of a fake in order, by path or by input, and how one call takes its own.

Pure data and the rules of taking; who asks is in ``fake.py``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from reprlib import Repr
from typing import Any, Literal

from flujo import PluginOutcome
from flujo_testing.agents.errors import (
    FakeError,
    ScriptExhausted,
    ScriptLeftOver,
    ScriptOrderUnclear,
    ScriptUnmatched,
)
from flujo_testing.agents.passes import FakeState, Progress
from flujo_testing.agents.places import Place, at_the_same_time

WITHIN_A_STEP = ("attempt:", "redirect:", "plugin:")

_short = Repr()
_short.maxstring = _short.maxother = 60
shown = _short.repr


class Script:
    """Several answers for one path or input, in order: ``by_path({"write": Script("first", "second")})``."""

    __slots__ = ("items",)

    def __init__(self, *items: Any) -> None:
        self.items = items


@dataclass(frozen=True, slots=True, init=False)
class Chunks:
    """A streamed answer: pieces of text, ``pause_s`` (virtual seconds) before each, then ``error`` if there
    is one.

    Where nobody reads along, it is their join.
    """

    texts: tuple[str, ...]
    error: Exception | None
    pause_s: float

    def __init__(self, texts: Iterable[str], *, error: Exception | None = None, pause_s: float = 0.0) -> None:
        pieces = tuple(texts) if not isinstance(texts, str) else ()
        if not pieces or not all(isinstance(text, str) for text in pieces):
            raise FakeError(f"Chunks takes one or more pieces of text in a list, not {shown(texts)}")
        object.__setattr__(self, "texts", pieces)
        object.__setattr__(self, "error", error)
        object.__setattr__(self, "pause_s", pause_s)

    def __deepcopy__(self, memo: dict[int, Any]) -> Chunks:
        return self


@dataclass(frozen=True, slots=True)
class Scripts:
    """All that a fake may answer: one script in order, or several that a call finds by its path, input or model."""

    found_by: Literal["order", "path", "input", "model"]
    tracks: tuple[tuple[Any, tuple[Any, ...]], ...]

    @classmethod
    def in_order(cls, items: Iterable[Any]) -> Scripts:
        return cls("order", ((None, _kept(items)),))

    @classmethod
    def by_path(cls, scripts: Mapping[str, Any]) -> Scripts:
        return cls("path", tuple((path, _kept(_items(script))) for path, script in scripts.items()))

    @classmethod
    def by_input(cls, scripts: Mapping[Any, Any] | Iterable[tuple[Any, Any]]) -> Scripts:
        pairs = scripts.items() if isinstance(scripts, Mapping) else scripts
        return cls("input", tuple((copied(key, "the input"), _kept(_items(script))) for key, script in pairs))

    @classmethod
    def by_model(cls, scripts: Mapping[str, Any]) -> Scripts:
        return cls("model", tuple((model, _kept(_items(script))) for model, script in scripts.items()))

    def track_for(self, given: object, path: str | None) -> int | None:
        """The number of the script that answers ``given`` at ``path``; None if there is none."""
        if self.found_by == "order":
            return 0
        keys = path_and_what_is_around(path or "") if self.found_by == "path" else [given]
        for key in keys:
            for number, (known, _) in enumerate(self.tracks):
                if type(known) is type(key) and known == key:
                    return number
        return None


def path_and_what_is_around(path: str) -> list[str]:
    """The path of an ask, then that of its attempt, then that of its step.

    >>> path_and_what_is_around("check/attempt:2/plugin:tone")
    ['check/attempt:2/plugin:tone', 'check/attempt:2', 'check']
    """
    paths = [path]
    while (parts := path.rpartition("/"))[2].startswith(WITHIN_A_STEP):
        path = parts[0]
        paths.append(path)
    return paths


def take(
    scripts: Scripts, state: FakeState, given: object, path: str | None, place: Place | None, who: str
) -> tuple[Any, Progress]:
    """The answer that is this call's, and the progress it belongs to, in which it now counts as being given.

    Raises ScriptUnmatched, ScriptOrderUnclear or ScriptExhausted.
    """
    at = f" at '{path}'" if path else ""
    if scripts.found_by == "path" and not path:
        text = f"{who} answers by path, but was asked outside of a run that is followed"
        raise ScriptUnmatched(f"{text}: use the fixture flujo_run, or run it within 'with Pass():'")
    number = scripts.track_for(given, path)
    if number is None:
        known = ", ".join(shown(key) for key, _ in scripts.tracks) or "nothing"
        asked = f"the {scripts.found_by} {shown(path if scripts.found_by == 'path' else given)}"
        raise ScriptUnmatched(f"{who} was asked{at}, but has no script for {asked}; it has: {known}", path=path)
    key, items = scripts.tracks[number]
    with state.lock:
        progress = state.scripts.setdefault(number, Progress())
        if why := _unclear(progress, place):
            other = "by_path({...})" if scripts.found_by == "input" else "by_path({...}) or by_input({...})"
            text = f"{who} was asked from {why}, so who gets which answer is chance"
            raise ScriptOrderUnclear(f"{text}: script it with {other}", path=path)
        progress.asked_from.append(place)
        if progress.taken == len(items):
            raise ScriptExhausted(_exhausted(who, at, key, len(progress.asked_from), len(items)), path=path)
        progress.taken += 1
        progress.in_flight += 1
        return items[progress.taken - 1], progress


def left_over(scripts: Scripts, state: FakeState, who: str) -> ScriptLeftOver | None:
    """The error that says what of the scripts nobody asked for; None if they are used up."""
    told, left = [], 0
    for number, (key, items) in enumerate(scripts.tracks):
        rest = items[state.scripts.get(number, Progress()).taken :]
        if rest:
            left += len(rest)
            told.append(f"{'' if key is None else f'{shown(key)}: '}{', '.join(map(shown, rest))}")
    if not left:
        return None
    count = sum(len(items) for _, items in scripts.tracks)
    asked_from = {place.path for progress in state.scripts.values() for place in progress.asked_from if place}
    paths = sorted(filter(None, asked_from)) or sorted(state.steps)
    where = f" at {', '.join(paths)}" if paths else ""
    text = f"{who}{where} still has {left} of {count} answers when the test ends ({'; '.join(told)})"
    remedy = "remove what is too much, or find out why the pipeline asked less"
    return ScriptLeftOver(f"{text}: {remedy}", path=paths[0] if paths else None)


def _exhausted(who: str, at: str, key: object, asked: int, count: int) -> str:
    script = "its script" if key is None else f"its script for {shown(key)}"
    text = f"{who} was asked{at} for answer {asked}, but {script} has {count}"
    return f"{text}: add what it should answer, or find out why it is asked again (a retry, a redirect, a loop)"


def _unclear(progress: Progress, place: Place | None) -> str | None:
    if place is not None:
        for earlier in progress.asked_from:
            if earlier is not None and (why := at_the_same_time(earlier, place)):
                return why
    return "two callers at the same time" if progress.in_flight else None


def _items(script: object) -> tuple[Any, ...]:
    return script.items if isinstance(script, Script) else (script,)


def _kept(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(copied(item, f"answer {number} of a script") for number, item in enumerate(items, 1))


def is_error(item: object) -> bool:
    return isinstance(item, BaseException) or (isinstance(item, type) and issubclass(item, BaseException))


def copied(item: Any, what: str) -> Any:
    """A deep copy; an exception is itself, for many can't be copied. Raises FakeError where there is none."""
    if is_error(item):
        return item
    if isinstance(item, Script):
        raise FakeError("a Script belongs into by_path({...}) or by_input({...}); answers in order are the arguments")
    memo: dict[int, Any] = {}
    if isinstance(item, PluginOutcome):
        # An agent is who it is, and "no new solution" is an object of its own.
        same = (item.redirect_to,) if item.replaces_output else (item.redirect_to, item.new_solution)
        memo = {id(part): part for part in same}
    try:
        return copy.deepcopy(item, memo)
    except Exception as error:  # a user's __deepcopy__ may raise anything
        text = f"{what} is {shown(item)}, which cannot be copied ({type(error).__name__}: {error})"
        raise FakeError(f"{text}: make it in a FunctionAgent, which hands on what its function returns") from error
