"""A cassette as a file: the same text for the same exchanges, and one clear error for everything that is none."""

from __future__ import annotations

import json
import math
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flujo.canonical import canonical_json
from flujo_testing.cassette.errors import CassetteCorrupt
from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.lines import FORMAT, MAX_BYTES, MAX_DEPTH, MAX_DIGITS, read, written

OWNER = "tests/test_rain.py::test_rain"
FIRST = Exchange("write/attempt:1", {"agent": "writer", "input": "rain"}, {"output": "Grey rain"})
SECOND = Exchange("write/attempt:2", {"agent": "writer", "input": "snow"}, {"output": "Grey snow"})
TENTH = Exchange("write/attempt:10", {"agent": "writer", "input": "hail"}, {"output": "Grey hail"})
CONTENT = written(OWNER, [FIRST, SECOND])
HEADER, LINE, OTHER = CONTENT.decode("ascii").splitlines()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=3), st.dictionaries(st.text(), JSON, max_size=3), st.text())
def test_what_is_read_back_is_what_was_written(request: dict[str, object], answer: dict[str, object], at: str) -> None:
    owner, (exchange,) = read(written(OWNER, [Exchange(at, request, answer)]), "x.jsonl")
    assert owner == OWNER
    told = [canonical_json(part) for part in (exchange.at, exchange.request, exchange.answer)]
    assert told == [canonical_json(part) for part in (at, request, answer)]


def test_its_order_is_that_of_the_places_and_not_of_the_answers() -> None:
    assert written(OWNER, [TENTH, SECOND, FIRST]) == written(OWNER, [FIRST, SECOND, TENTH])
    assert [e.at for e in read(written(OWNER, [TENTH, SECOND, FIRST]), "x")[1]] == [
        "write/attempt:1",
        "write/attempt:2",
        "write/attempt:10",
    ]


def swapped_answers() -> str:
    one, other = json.loads(LINE), json.loads(OTHER)
    one["answer"], other["answer"] = other["answer"], one["answer"]
    return "\n".join([HEADER, json.dumps(one), json.dumps(other), ""])


NESTED = '{"a":' * 100_000 + "1" + "}" * 100_000
BROKEN: dict[str, tuple[bytes | str, int, str]] = {
    "nothing": ("", 1, "is empty: record it again"),
    "a truncated line": (CONTENT[:-9], 1, "ends in the middle of a line"),
    "half of a line that ends": (f"{HEADER}\n{LINE[:50]}\n", 2, "is not JSON"),
    "a byte order mark": (b"\xef\xbb\xbf" + CONTENT, 1, "begins with a byte order mark"),
    "no UTF-8": (b"\xff" + CONTENT, 1, "is not UTF-8"),
    "CRLF": (CONTENT.replace(b"\n", b"\r\n"), 1, "has CR line ends"),
    "a merge conflict": (f"{HEADER}\n<<<<<<< HEAD\n{LINE}\n", 2, "unresolved merge conflict"),
    "a newer format": (f'{{"format":"flujo-cassette/2","owner":"x"}}\n{LINE}\n', 1, "was written by a newer version"),
    "another format": ('{"format":"vcr","owner":"x"}\n', 1, "is no cassette: its format is 'vcr'"),
    "no owner": (f'{{"format":"{FORMAT}"}}\n', 1, "names no owner"),
    "a list": ("[1]\n", 1, "is no JSON object"),
    "a YAML tag": ("!!python/object/apply:os.system ['true']\n", 1, "is not JSON"),
    "a field more": (f'{HEADER}\n{LINE[:-1]},"x":1}}\n', 2, "has the unknown field 'x'"),
    "a key twice": (f'{HEADER}\n{{"at":"a","at":"b"}}\n', 2, "has the key 'at' twice"),
    "no answer": (f'{HEADER}\n{{"at":"a"}}\n', 2, "is no exchange: its field 'key' is None"),
    "deep nesting": (f"{HEADER}\n{NESTED}\n", 2, "is nested deeper than 200 levels"),
    "a huge number": (f"{HEADER}\n{'9' * 5000}\n", 2, "holds a number of more than 4300 digits"),
    "swapped answers": (swapped_answers(), 2, "holds another answer than was recorded with it"),
    "a changed request": (CONTENT.replace(b'"rain"', b'"ruin"'), 2, "holds another request than was recorded with it"),
    "a changed place": (CONTENT.replace(b"attempt:2", b"attempt:3"), 3, "holds another answer than was recorded"),
}


@pytest.mark.parametrize(("content", "line", "reason"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_no_cassette_is_refused_with_its_line(content: bytes | str, line: int, reason: str) -> None:
    data = content.encode() if isinstance(content, str) else content
    with pytest.raises(CassetteCorrupt) as raised:
        read(data, "cassettes/x.jsonl")
    assert (raised.value.path, raised.value.line) == ("cassettes/x.jsonl", line)
    assert raised.value.reason.startswith(reason) or reason in raised.value.reason


def test_a_text_may_hold_digits_and_brackets_without_measure() -> None:
    exchange = Exchange("a", {"input": "9" * (MAX_DIGITS + 1)}, {"output": "[" * (MAX_DEPTH + 1)})
    assert read(written(OWNER, [exchange]), "x")[1][0].request == exchange.request
    assert read(written(OWNER, [exchange]), "x")[1][0].answer == exchange.answer


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    content = b"x" * (MAX_BYTES + 1)
    tracemalloc.start()
    try:
        with pytest.raises(CassetteCorrupt, match=f"has {MAX_BYTES + 1} bytes, at most {MAX_BYTES} are read"):
            read(content, "x.jsonl")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


_heard: list[str] = []
_listening = False


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if _listening and event in {"exec", "compile", "import", "open", "os.system", "subprocess.Popen"}:
        _heard.append(event)


def test_reading_runs_no_code_and_opens_nothing() -> None:
    global _listening
    contents = [data.encode() if isinstance(data, str) else data for data, _, _ in BROKEN.values()]
    for content in [CONTENT, *contents]:  # what is imported lazily is imported now
        _read_or_refuse(content)
    sys.addaudithook(_hear)
    _listening = True
    try:
        for content in [CONTENT, *contents]:
            _read_or_refuse(content)
    finally:
        _listening = False
    assert _heard == []


def _read_or_refuse(content: bytes) -> bool:
    try:
        read(content, "x.jsonl")
    except CassetteCorrupt:
        return False
    return True


def test_floats_keep_what_json_would_lose() -> None:
    exchange = Exchange("a", {"x": [math.nan, math.inf, -0.0, 1.0, 1]}, {"output": None})
    (found,) = read(written(OWNER, [exchange]), "x")[1]
    assert canonical_json(found.request) == '{"x":[NaN,Infinity,-0.0,1.0,1]}'
