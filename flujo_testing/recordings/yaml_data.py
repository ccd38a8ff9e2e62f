"""YAML read as plain data: dicts with text keys, lists, text, bytes, numbers, booleans and None.

Not a YAML loader: it builds from parser events, so there is nothing that could construct an object. Anchors,
aliases and tags are refused (but for ``!!binary``, which VCR files use for bytes), and so is whatever is too
big or too deep. Plain scalars mean what they mean to PyYAML's safe loader, except that dates stay text: JSON
has none.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 100
MAX_NODES = 200_000
MAX_DIGITS = 400
_BINARY = "tag:yaml.org,2002:binary"
_PARSER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_RESOLVER = yaml.resolver.Resolver()
_SCALARS = yaml.constructor.SafeConstructor()


class Refused(ValueError):
    """The text is not data that can be read; ``line`` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(slots=True)
class Document:
    """The data of one file, and the line (from 1) where each of its mappings begins."""

    data: object = None
    _lines: dict[int, int] = field(default_factory=dict)

    def line_of(self, mapping: object) -> int:
        return self._lines.get(id(mapping), 1)


def read_yaml(content: bytes, *, max_nodes: int = MAX_NODES) -> Document:
    """Read one YAML document.

    Raises Refused with the line and the reason, whatever the bytes are.
    """
    if len(content) > MAX_BYTES:
        raise Refused(1, f"larger than {MAX_BYTES} bytes")
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise Refused(content[: error.start].count(b"\n") + 1, f"not UTF-8: {error.reason}") from None
    _refuse_conflict_markers(text)
    try:
        return _built(yaml.parse(text, Loader=_PARSER), max_nodes)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Refused(mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        raise Refused(text[: error.position].count("\n") + 1, f"not YAML: {error.reason}") from None


def _refuse_conflict_markers(text: str) -> None:
    for marker in ("<<<<<<< ", ">>>>>>> "):
        at = 0 if text.startswith(marker) else text.find(f"\n{marker}") + 1
        if at or text.startswith(marker):
            raise Refused(text[:at].count("\n") + 1, "holds the markers of an unresolved merge conflict")


@dataclass(slots=True)
class _Open:
    """A container that is being filled; ``key`` is the one that waits for its value."""

    value: dict[str, object] | list[object]
    key: str | None = None


def _built(events: Iterator[yaml.Event], max_nodes: int) -> Document:
    document = Document()
    stack: list[_Open] = []
    roots = nodes = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        nodes += 1
        if nodes > max_nodes:
            raise Refused(line, f"more than {max_nodes} values")
        _refuse_what_is_no_data(event, line, len(stack))
        value = _scalar(event, line) if isinstance(event, yaml.ScalarEvent) else _container(event)
        if stack:
            _put(stack[-1], event, value, line)
        else:
            roots += 1
            if roots > 1:
                raise Refused(line, "holds a second document")
            document.data = value
        if isinstance(value, (dict, list)):
            document._lines[id(value)] = line
            stack.append(_Open(value))
    if not roots:
        raise Refused(1, "empty")
    return document


def _refuse_what_is_no_data(event: yaml.NodeEvent, line: int, depth: int) -> None:
    if isinstance(event, yaml.AliasEvent):
        raise Refused(line, f"alias '*{event.anchor:.60}': write the value out")
    if event.anchor is not None:
        raise Refused(line, f"anchor '&{event.anchor:.60}': write the value out where it is used")
    tag = event.tag if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) else None
    if tag is not None and not (isinstance(event, yaml.ScalarEvent) and tag == _BINARY):
        raise Refused(line, f"tag '{tag:.60}': only data without tags is read")
    if depth >= MAX_DEPTH:
        raise Refused(line, f"nested deeper than {MAX_DEPTH}")


def _container(event: yaml.NodeEvent) -> dict[str, object] | list[object]:
    return {} if isinstance(event, yaml.MappingStartEvent) else []


def _put(parent: _Open, event: yaml.NodeEvent, value: object, line: int) -> None:
    if isinstance(parent.value, list):
        parent.value.append(value)
    elif parent.key is not None:
        parent.value[parent.key] = value
        parent.key = None
    elif not isinstance(event, yaml.ScalarEvent):
        raise Refused(line, "a key that is a list or a mapping")
    elif event.value in parent.value:
        raise Refused(line, f"key {event.value!r:.60} stands twice in one mapping")
    else:
        parent.key = event.value


def _scalar(event: yaml.ScalarEvent, line: int) -> object:
    text: str = event.value
    if event.tag == _BINARY:
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise Refused(line, "'!!binary' that is not base64") from None
    if not event.implicit[0]:
        return text
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    match tag.rpartition(":")[2]:
        case "null":
            return None
        case "bool":
            return _SCALARS.bool_values[text.lower()]
        case "int" | "float" as kind:
            return _number(kind, text, line)
    return text


def _number(kind: str, text: str, line: int) -> object:
    if len(text) > MAX_DIGITS:
        raise Refused(line, f"a number of {len(text)} digits")
    node = yaml.ScalarNode("", text)
    try:
        number = _SCALARS.construct_yaml_int(node) if kind == "int" else _SCALARS.construct_yaml_float(node)
    except ValueError:
        raise Refused(line, f"{text!r:.60} is not a number") from None
    if not math.isfinite(number):
        raise Refused(line, f"{text!r:.60} is a number that JSON cannot write")
    return number
