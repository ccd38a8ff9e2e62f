"""The one document in a YAML text as plain data, built from parser events; or the line and the reason why not.

Kept apart from ``parsing.py``, because a golden that is equal to its run is never parsed: PyYAML is loaded with
the first one that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from flujo_testing.golden.limits import MAX_DEPTH, MAX_DIGITS, MAX_NODES, Refused

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*([eE][-+][0-9]+)?|[-+]?\.(inf)|\.(nan)")
_WORDS: dict[str, object] = {"": None, "~": None, "null": None, "true": True, "false": False}

Data = dict[str, object] | list[object]


def built(text: str) -> tuple[object, int]:
    """The one document in the text, and the line on which it begins."""
    try:
        return _document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Refused(mark.line + 1 if mark else 1, f"is not YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Refused(line, f"holds a character that YAML forbids: {error.reason}") from None


@dataclass(slots=True)
class _Open:
    """A container that is being filled; ``key`` is the one that waits for its value."""

    value: Data
    key: str | None = None


def _document(events: Iterator[yaml.Event]) -> tuple[object, int]:
    roots: list[tuple[object, int]] = []
    stack: list[_Open] = []
    nodes = 0
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
        elif isinstance(event, yaml.DocumentStartEvent):
            _refuse_more_than_one(event, roots)
        elif isinstance(event, yaml.AliasEvent):
            raise Refused(_line(event), "holds an alias: write the value out")
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            nodes += 1
            line = _line(event)
            _refuse_what_is_no_data(event, line, len(stack), nodes)
            value = _value(event, line)
            if stack:
                _put(stack[-1], event, value, line)
            else:
                roots.append((value, line))
            if isinstance(value, dict | list):
                stack.append(_Open(value))
    return roots[0] if roots else (None, 1)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _refuse_more_than_one(event: yaml.DocumentStartEvent, roots: list[tuple[object, int]]) -> None:
    line = _line(event)
    if roots:
        raise Refused(line, "holds a second document")
    if event.version or event.tags:
        raise Refused(line, "holds a YAML directive")


_Node = yaml.ScalarEvent | yaml.CollectionStartEvent


def _refuse_what_is_no_data(event: _Node, line: int, depth: int, nodes: int) -> None:
    if event.anchor is not None:
        raise Refused(line, "holds an anchor: write the value out where it is used")
    if event.tag is not None:
        raise Refused(line, f"holds the tag {event.tag!r:.60}: only data without tags is read")
    if depth >= MAX_DEPTH:
        raise Refused(line, f"is nested deeper than {MAX_DEPTH}")
    if nodes > MAX_NODES:
        raise Refused(line, f"holds more than {MAX_NODES} values")


def _value(event: _Node, line: int) -> object:
    if isinstance(event, yaml.ScalarEvent):
        return _plain(event.value, line) if event.implicit[0] else event.value
    return {} if isinstance(event, yaml.MappingStartEvent) else []


def _put(parent: _Open, event: _Node, value: object, line: int) -> None:
    if isinstance(parent.value, list):
        parent.value.append(value)
    elif parent.key is not None:
        parent.value[parent.key] = value
        parent.key = None
    elif not isinstance(event, yaml.ScalarEvent):
        raise Refused(line, "has a list or a mapping for a key")
    elif event.value == "<<" and event.implicit[0]:
        raise Refused(line, "holds a merge key '<<': write the values out")
    elif event.value in parent.value:
        raise Refused(line, f"has the key {event.value!r:.60} twice in one mapping")
    else:
        parent.key = event.value


def _plain(text: str, line: int) -> object:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise Refused(line, f"holds an integer of {len(text)} digits, at most {MAX_DIGITS}")
        return int(text)
    if len(text) <= MAX_DIGITS and _FLOAT.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return text
