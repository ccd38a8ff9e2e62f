"""The bytes of a golden become plain data, or an error with file, line and reason; never code."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flujo_testing.golden import GoldenCorrupt
from flujo_testing.golden.limits import MAX_BYTES, MAX_DEPTH, MAX_NODES
from flujo_testing.golden.parsing import decoded, plain_data, read_data
from tests.flujo_testing.golden_project import REPOSITORY

HEADER = 'format: "flujo-golden/1"\nowner: "tests/test_rain.py::test_it"\n'
CONFLICT = "holds the markers of an unresolved merge conflict: resolve it in git"


def refusal(content: bytes) -> tuple[str, int, str]:
    with pytest.raises(GoldenCorrupt) as caught:
        read_data(content, "golden/a.yaml")
    error = caught.value
    assert str(error) == f"{error.path}, line {error.line}: {error.reason}"
    return error.path, error.line, error.reason


def test_a_golden_is_read_as_plain_data() -> None:
    text = HEADER + (
        'input: "rain"\nsteps:\n  write:\n    attempt 1: {output: "wet", usd: "0.00104", input: 120}\n'
        "    notes: [null, true, false, -3, 2.5, yes, 0o17, 1e3, 12:30:00, 2020-01-01]\n"
        "  text: |\n    a\n    b\n"
    )
    assert read_data(text.encode(), "golden/a.yaml") == {
        "format": "flujo-golden/1",
        "owner": "tests/test_rain.py::test_it",
        "input": "rain",
        "steps": {
            "write": {
                "attempt 1": {"output": "wet", "usd": "0.00104", "input": 120},
                "notes": [None, True, False, -3, 2.5, "yes", "0o17", "1e3", "12:30:00", "2020-01-01"],
            },
            "text": "a\nb\n",
        },
    }


def test_numbers_that_are_no_numbers_are_told_apart() -> None:
    data = plain_data("[.nan, .inf, -.inf, -0.0, 0.0, 1, 1.0]")
    assert repr(data) == "[nan, inf, -inf, -0.0, 0.0, 1, 1.0]"


@pytest.mark.parametrize(
    ("body", "line", "reason"),
    [
        ("a: !!python/object/apply:os.system [id]", 3,
         "holds the tag 'tag:yaml.org,2002:python/object/apply:os.system': only data without tags is read"),
        ("a: !mine 1", 3, "holds the tag '!mine': only data without tags is read"),
        ("a: &x 1", 3, "holds an anchor: write the value out where it is used"),
        ("a: *x", 3, "holds an alias: write the value out"),
        ("a:\n  <<: {b: 1}", 4, "holds a merge key '<<': write the values out"),
        ("a: 1\nb: 2\na: 3", 5, "has the key 'a' twice in one mapping"),
        ("? [1]\n: 2", 3, "has a list or a mapping for a key"),
        ("a: 1\n---\nb: 2", 4, "holds a second document"),
        ("a: 1\n<<<<<<< HEAD\nb: 2", 4, CONFLICT),
        ("a: 1\n=======\nb: 2", 4, CONFLICT),
        ("a: 1\n>>>>>>> theirs\nb: 2", 4, CONFLICT),
        ("a: " + "9" * 5000, 3, "holds an integer of 5000 digits, at most 4300"),
        ("a: [1", 4, "is not YAML: did not find expected ',' or ']'"),
        ("a: \"\\z\"", 3, "is not YAML: found unknown escape character"),
    ],
)  # fmt: skip
def test_what_is_no_plain_data_is_refused_with_its_line(body: str, line: int, reason: str) -> None:
    assert refusal(f"{HEADER}{body}\n".encode()) == ("golden/a.yaml", line, reason)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"\xef\xbb\xbf" + HEADER.encode(), 1,
         "begins with a byte order mark (BOM): save it as UTF-8 without one"),
        (HEADER.replace("\n", "\r\n").encode(), 1, "has CRLF line ends: keep git from converting it "
         "(.gitattributes: 'golden/** -text')"),
        (HEADER.encode() + b"a: \xff", 3, "is not UTF-8 (invalid start byte, byte 65)"),
        (b"", 1, "is no golden: there is no 'format:' in it"),
        (b"- 1\n", 1, "is no golden: there is no 'format:' in it"),
        (b"owner: x\n", 1, "is no golden: its format is None, not 'flujo-golden/1'"),
        (b"format: flujo-golden/2\nowner: x\n", 1,
         "was written by a newer version (flujo-golden/2; this one reads flujo-golden/1): "
         "upgrade flujo-pipelines"),
        (b"format: flujo-golden/1\n", 1, "names no owner: the line 'owner: \"<test id>\"' is missing"),
        (b"%YAML 1.1\n---\n" + HEADER.encode(), 1, "holds a YAML directive"),
        (b"a: \x00\n", 1, "holds a character that YAML forbids: control characters are not allowed"),
        (b" " * (MAX_BYTES + 1), 1, f"has {MAX_BYTES + 1} bytes, at most {MAX_BYTES} are read"),
        (b"[" * 100_000, 1, f"is nested deeper than {MAX_DEPTH}"),
        (b"a: [" + b"1," * (MAX_NODES + 1) + b"]", 1, f"holds more than {MAX_NODES} values"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-",
)  # fmt: skip
def test_a_file_that_is_no_golden_is_refused_with_its_line(content: bytes, line: int, reason: str) -> None:
    assert refusal(content) == ("golden/a.yaml", line, reason)


def test_a_quoted_key_is_no_merge() -> None:
    assert plain_data('"<<": {a: 1}') == {"<<": {"a": 1}}


def test_the_deepest_data_that_may_be_written_can_be_read() -> None:
    assert plain_data("[" * MAX_DEPTH + "]" * MAX_DEPTH) == _nested(MAX_DEPTH)


def _nested(depth: int) -> list[object]:
    data: list[object] = []
    for _ in range(depth - 1):
        data = [data]
    return data


def test_bytes_that_are_no_text_are_refused_before_they_are_compared() -> None:
    with pytest.raises(GoldenCorrupt, match=r"^golden/a.yaml, line 2: is not UTF-8"):
        decoded(b"a: 1\nb: \xc3\x28\n", "golden/a.yaml")


AUDIT = """
import sys
from flujo_testing.golden.errors import GoldenCorrupt
from flujo_testing.golden.parsing import read_data
import yaml

hostile = [
    b"!!python/object/apply:os.system ['echo pwned']",
    b"!!python/object/new:subprocess.Popen [['echo', 'pwned']]",
    b"!!python/module:antigravity ''",
    b"a: &a [1]\\nb: &b [*a, *a]\\nc: [*b, *b]",
    b"!!binary cG93bmVk",
    b"format: flujo-golden/1\\nowner: !!python/name:os.system x",
]
read_data(b"format: flujo-golden/1\\nowner: x", "warm up")
seen = []
armed = False
sys.addaudithook(lambda event, args: seen.append(event) if armed else None)
armed = True
refused = 0
for content in hostile:
    try:
        read_data(content, "golden/a.yaml")
    except GoldenCorrupt:
        refused += 1
armed = False
print(refused, sorted(set(seen)))
"""


def test_no_code_runs_when_a_hostile_golden_is_read() -> None:
    command = [sys.executable, "-c", AUDIT]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "6 []\n"
