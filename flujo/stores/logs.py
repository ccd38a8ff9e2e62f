"""The log of a run as JSON text: its rows, and the scopes that they stand in once each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from flujo.errors import NotStorable, shown_value
from flujo.events import HOLDING_VALUES, RECORDS, Carried, Event, Judged, Log, RunStarted, Scope, Uneventful, rows
from flujo.execution.frame import Place
from flujo.ports import PluginOutcome
from flujo.stores.codec import Codec, dumps
from flujo.stores.facts import agent_data
from flujo.stores.writing import WRITERS, Reading, Unfit, Unreadable, Writing
from flujo.structure import MISSING

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (*RECORDS, Uneventful)}


def log_text(log: Log, codec: Codec) -> str:
    """The log as JSON text. A value that cannot be stored (no answer: those were refused) is told instead."""
    text, names_classes = _text(log, codec, lambda value: True)
    if names_classes:
        try:
            log_of(text, codec, None)
        except Unreadable:  # one of the values; which one is asked one by one
            text, _ = _text(log, codec, lambda value: _is_readable(value, codec))
    return text


def log_of(text: str, codec: Codec, context: Any) -> Log:
    """The log that ``text`` was made of; ``context`` is the state that the run began with. Raises Unreadable."""
    data = json.loads(text)
    scopes: list[Scope] = []
    for parent, segment, order in data["scopes"]:
        scopes.append(Scope(None if parent is None else scopes[parent], segment, tuple(order)))
    reading = Reading(codec.names)
    log: Log = []
    for kind, at, scope, name, *told in data["rows"]:
        cls = _KINDS[kind]
        log += cls, at, scopes[scope], name
        log += [reading.value(item) for item in told]
        if cls is RunStarted:
            log[-1] = context
    return log


def _text(log: Log, codec: Codec, takes: Callable[[Any], bool]) -> tuple[str, bool]:
    scopes = _Scopes()
    writing = Writing(codec.names, "")
    told = [_row(writing, scopes, row, takes) for row in rows(log)]
    return dumps({"scopes": scopes.told, "rows": told}), writing.names_classes


class _Scopes:
    def __init__(self) -> None:
        self.told: list[list[Any]] = []
        self._numbers: dict[int, int] = {}

    def number(self, scope: Scope) -> int:
        if (known := self._numbers.get(id(scope))) is not None:
            return known
        parent = None if scope.parent is None else self.number(scope.parent)
        self.told.append([parent, scope.segment, list(scope.order)])
        self._numbers[id(scope)] = number = len(self.told) - 1
        return number


def _row(writing: Writing, scopes: _Scopes, row: list[Any], takes: Callable[[Any], bool]) -> list[Any]:
    kind, at, scope, name, *values = row
    if kind is RunStarted:
        values[-1] = None  # the run's first context, which is kept by itself
    if kind is Judged:
        writing.path = f"{Place(scope, name, values[0], values[1]).path}/plugin:{values[2]}"
    told = [kind.__name__, at, scopes.number(scope), name]
    for value in values:
        if type(value) is Carried and kind in HOLDING_VALUES:
            value = value.told  # the rest is kept with the answers
        is_plain = value is None or (value.__class__ is str and value.isascii())
        told.append(value if is_plain else _value(writing, kind, value, takes))
    return told


def _value(writing: Writing, kind: type[Event], value: Any, takes: Callable[[Any], bool]) -> Any:
    if kind is Judged and type(value) is Carried and type(value.told) is str:  # whom it redirects to
        value = Redirect(value)
    met, depth = len(writing.met), writing.depth
    try:
        data = writing.data(value)
    except Unfit:
        data = MISSING
    if data is not MISSING and takes(value):
        return data
    writing.met = {key: number for key, number in writing.met.items() if number < met}
    writing.depth = depth
    return value.carried.told if type(value) is Redirect else shown_value(value)


class Redirect(NamedTuple):
    """A field that tells the name of an agent and carries the agent."""

    carried: Carried


def _redirect(writing: Writing, value: Redirect) -> object:
    return writing.tag("$carried", [value.carried.told, agent_data(writing, value.carried.meant)])


WRITERS[Redirect] = _redirect


def _is_readable(value: Any, codec: Codec) -> bool:
    if isinstance(value, PluginOutcome | Carried | Redirect):
        return True
    try:
        codec.text(value)
    except NotStorable:
        return False
    return True
