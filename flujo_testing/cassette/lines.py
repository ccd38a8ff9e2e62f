"""The text of a cassette: a header and one exchange per line, each a line of JSON; read with bounds.

Nothing that is read can construct an object, run code, or take more than the limits below.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from flujo.canonical import canonical_json
from flujo_testing.cassette.errors import CassetteCorrupt
from flujo_testing.cassette.exchange import Exchange

FORMAT = "flujo-cassette/1"
MAX_BYTES = 64 * 1024 * 1024
MAX_LINES = 100_000
MAX_DEPTH = 200
"""As deep as a value of a run may be."""
MAX_DIGITS = 4300
MAX_VALUES = 4_000_000
"""Texts, numbers and brackets of a line: each takes many times its bytes when it is read."""

_FIELDS = {"at": str, "key": str, "request": dict, "answer": dict, "seal": str}
# Possessive, and a text may lack its end: whatever stands there, each letter is looked at once and not remembered.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|([\[{])|([\]}])|([0-9]++)')


class _Refused(ValueError):
    """Why one line is refused."""


def written(owner: str, exchanges: Sequence[Exchange]) -> bytes:
    """The bytes of a cassette; the same for the same exchanges, in whichever order they were made."""
    lines = [canonical_json({"format": FORMAT, "owner": owner})]
    for exchange in sorted(exchanges, key=lambda exchange: exchange.order):
        fields = {"at": exchange.at, "key": exchange.key, "request": exchange.request, "answer": exchange.answer}
        lines.append(canonical_json({**fields, "seal": exchange.seal}))
    return ("\n".join(lines) + "\n").encode("ascii")


def read(content: bytes, shown: str) -> tuple[str, list[Exchange]]:
    """The owner and the exchanges of a cassette. Raises CassetteCorrupt for the file ``shown``."""
    owner, exchanges, _ = _read(content, shown, _refuse_unsealed)
    return owner, exchanges


def read_unsealed(content: bytes, shown: str) -> tuple[str, list[Exchange], int]:
    """The same of a file that a hand has changed, and how many exchanges it has changed."""
    return _read(content, shown, lambda exchange, data: None)


def _read(
    content: bytes, shown: str, check: Callable[[Exchange, dict[str, Any]], None]
) -> tuple[str, list[Exchange], int]:
    number, changed = 1, 0
    exchanges: list[Exchange] = []
    try:
        lines = _lines(content)
        owner = _owner(_data(lines[0]))
        for number, line in enumerate(lines[1:], 2):
            data = _data(line)
            exchange = _exchange(data, number)
            check(exchange, data)
            changed += (exchange.key, exchange.seal) != (data["key"], data["seal"])
            exchanges.append(exchange)
    except _Refused as refused:
        raise CassetteCorrupt(shown, number, str(refused)) from None
    return owner, exchanges, changed


def _lines(content: bytes) -> list[str]:
    if len(content) > MAX_BYTES:
        raise _Refused(f"has {len(content)} bytes, at most {MAX_BYTES} are read")
    if content.startswith(b"\xef\xbb\xbf"):
        raise _Refused("begins with a byte order mark (BOM): save it as UTF-8 without one")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Refused(f"is not UTF-8 ({error.reason}, byte {error.start})") from None
    if "\r" in text:
        raise _Refused("has CR line ends: keep git from converting it (.gitattributes: '*.jsonl -text')")
    if not text:
        raise _Refused("is empty: record it again")
    if not text.endswith("\n"):
        raise _Refused("ends in the middle of a line, so a part of it is missing: restore it from git, or record again")
    lines = text[:-1].split("\n")
    if len(lines) > MAX_LINES:
        raise _Refused(f"has {len(lines)} lines, at most {MAX_LINES} are read")
    return lines


def _data(line: str) -> dict[str, Any]:
    if re.match(r"<{7} |={7}$|>{7} |\|{7} ", line):
        raise _Refused("is a marker of an unresolved merge conflict: resolve it in git")
    _refuse_what_is_too_much(line)
    try:
        data = json.loads(line, object_pairs_hook=_table)
    except json.JSONDecodeError as error:
        raise _Refused(f"is not JSON: {error.msg} (column {error.colno})") from None
    if not isinstance(data, dict):
        raise _Refused("is no JSON object")
    return data


def _refuse_what_is_too_much(line: str) -> None:
    """Looks at brackets, numbers and texts as they stand there: a text may hold brackets and digits without measure."""
    depth = 0
    for number, found in enumerate(_TOKEN.finditer(line), 1):
        opened, closed, digits = found.groups()
        depth += bool(opened) - bool(closed)
        if depth > MAX_DEPTH:
            raise _Refused(f"is nested deeper than {MAX_DEPTH} levels")
        if digits and len(digits) > MAX_DIGITS:
            raise _Refused(f"holds a number of more than {MAX_DIGITS} digits")
        if number > MAX_VALUES:
            raise _Refused(f"holds more than {MAX_VALUES} values")


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise _Refused(f"has the key {twice!r:.60} twice in one object")
    return table


def _owner(header: dict[str, Any]) -> str:
    told = header.get("format")
    if told != FORMAT:
        known = isinstance(told, str) and re.fullmatch(r"flujo-cassette/[1-9][0-9]{0,5}", told)
        if known:
            text = f"was written by a newer version ({told}; this one reads {FORMAT}): upgrade flujo-pipelines"
            raise _Refused(text)
        raise _Refused(f"is no cassette: its format is {told!r:.60}, not '{FORMAT}'")
    owner = header.get("owner")
    if not isinstance(owner, str):
        raise _Refused("names no owner: the field 'owner' is missing")
    return owner


def _exchange(data: dict[str, Any], line: int) -> Exchange:
    for name, kind in _FIELDS.items():
        if not isinstance(data.get(name), kind):
            raise _Refused(f"is no exchange: its field {name!r} is {data.get(name)!r:.60}")
    if strange := sorted(data.keys() - _FIELDS.keys()):
        raise _Refused(f"has the unknown field {strange[0]!r:.60}")
    return Exchange(data["at"], data["request"], data["answer"], line)


def _refuse_unsealed(exchange: Exchange, data: dict[str, Any]) -> None:
    if exchange.key != data["key"]:
        _unlike("request", data["key"], exchange.key)
    if exchange.seal != data["seal"]:
        _unlike("answer", data["seal"], exchange.seal)


def _unlike(what: str, recorded: str, found: str) -> NoReturn:
    raise _Refused(
        f"holds another {what} than was recorded with it (digest {found:.12}, recorded {recorded:.12}): "
        "restore it from git, or record it again; a change on purpose is sealed with 'flujo cassette seal'"
    )
