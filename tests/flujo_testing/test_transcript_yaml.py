"""The YAML of a story: read back it is the same data, whoever reads it, and a reader sees every character."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flujo_testing.golden.parsing import plain_data
from flujo_testing.transcript import plain, render, story_of
from flujo_testing.transcript.plain import same
from flujo_testing.transcript.yaml import COLUMNS, on_one_line
from tests.flujo_testing.transcript_runs import RUNS

READERS = {
    "PyYAML": lambda text: yaml.load(text, yaml.SafeLoader),
    "libyaml": lambda text: yaml.load(text, yaml.CSafeLoader),
    "goldens": plain_data,
}
reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


# As a reader sees it ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("rain", '"rain"'),
        ("", '""'),
        ('a "b" \\c', r'"a \"b\" \\c"'),
        ("a\tb\r", r'"a\tb\r"'),
        ("\x00\x1b[31m\x7f\x85", r'"\x00\x1b[31m\x7f\x85"'),
        ("a\u202eb\u200d\ufeff\u2028", r'"a\u202eb\u200d\ufeff\u2028"'),
        ("\U000e0041\U0001f600", '"\\U000e0041\U0001f600"'),
        ("\u00a0\u3000", '"\\xa0\u3000"'),
        (unicodedata.normalize("NFC", "élan"), '"\u00e9lan"'),
        (unicodedata.normalize("NFD", "élan"), r'"e\u0301lan"'),
        ("\u212b", r'"\u212b"'),
        ("\n\u0303", r'"\n\u0303"'),
        ("\U0001e08f\u0301\u0316", '"\\U0001e08f\\u0301\\u0316"'),
        ("a\nb", "|-\n  a\n  b"),
        ("a\n\n  b\n", "|\n  a\n\n    b"),
        ("a\n", r'"a\n"'),
        ("a\nb\n\n", r'"a\nb\n\n"'),
        ("\na", r'"\na"'),
        (" a\nb", r'" a\nb"'),
        ("a \nb", r'"a \nb"'),
        ("a\nb ", r'"a\nb "'),
        ("a\n\tb", r'"a\n\tb"'),
        ("e\u0301\nb", r'"e\u0301\nb"'),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (-12, "-12"),
        (1.5, "1.5"),
        (-0.0, "-0.0"),
        (1e16, "1.0e+16"),
        (1.5e-7, "1.5e-07"),
        ([], "[]"),
        ({}, "{}"),
        ([[], {"a": {}}], "[[], {a: {}}]"),
    ],
)  # fmt: skip
def test_a_value_is_written_in_one_way(value: object, written: str) -> None:
    assert render({"v": value}) == f"v: {written}\n"


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("a", "a"), ("attempt 1", "attempt 1"), ("$float", "$float"), ("a-b_C", "a-b_C"),
        ("y", '"y"'), ("No", '"No"'), ("NULL", '"NULL"'), ("on", '"on"'), ("true", '"true"'), ("1", '"1"'), ("", '""'),
        ("a b ", '"a b "'), ("a: b", '"a: b"'), ("-a", '"-a"'), ("é", '"é"'), ("a\nb", r'"a\nb"'),
        ("<<", '"<<"'), ("=", '"="'),
    ],
)  # fmt: skip
def test_a_key_is_plain_only_where_nobody_can_misread_it(key: str, written: str) -> None:
    assert render({key: 1}) == f"{written}: 1\n"


def test_words_of_the_format_are_plain_and_text_of_users_is_not() -> None:
    step = {
        "attempt 1": {
            "input_from": "run", "output": {"status": "ok", "from": "me"}, "paid": {"model": "small", "usd": "unknown"},
            "plugin tone": "accepted", "plugin fit": {"redirect_to": "senior"},
        },
        "merged": {"by": "function", "notes": {"set": {"by": "me"}, "from": ["legal", "no"]}},
        "status": "on",
    }  # fmt: skip
    assert render({"status": "x", "steps": {"status": step}}) == (
        "status: x\n"
        "steps:\n"
        "  status:\n"
        "    attempt 1:\n"
        "      input_from: run\n"
        '      output: {status: "ok", from: "me"}\n'
        '      paid: {model: "small", usd: unknown}\n'
        "      plugin tone: accepted\n"
        "      plugin fit: {redirect_to: senior}\n"
        '    merged: {by: function, notes: {set: {by: "me"}, from: [legal, "no"]}}\n'
        '    status: "on"\n'
    )


def test_what_fits_into_a_line_is_written_on_one_and_longer_things_below_each_other() -> None:
    width = COLUMNS - len("v: {a: [, 1]}") - 2
    assert render({"v": {"a": ["x" * width, 1]}}) == f'v: {{a: ["{"x" * width}", 1]}}\n'
    assert render({"v": {"a": ["x" * (width + 1), 1]}}) == f'v:\n  a: ["{"x" * (width + 1)}", 1]\n'


@pytest.mark.parametrize(
    ("told", "on_one", "below"),
    [
        pytest.param(lambda x: {"v": [x]}, 'v: ["%s"]', 'v:\n  - "%s"', id="list"),
        pytest.param(lambda x: {"v": [1, x]}, 'v: [1, "%s"]', 'v:\n  - 1\n  - "%s"', id="list-of-two"),
        pytest.param(lambda x: {"v": [[x]]}, 'v: [["%s"]]', 'v:\n  - ["%s"]', id="list-in-a-list"),
        pytest.param(lambda x: {"v": {"a": 1, "b": x}}, 'v: {a: 1, b: "%s"}', 'v:\n  a: 1\n  b: "%s"', id="mapping"),
        pytest.param(lambda x: {"from": ["a", x]}, "from: [a, %s]", "from:\n  - a\n  - %s", id="words"),
        pytest.param(
            lambda x: {"paid": {"model": "a", "usd": x}},
            'paid: {model: "a", usd: %s}',
            'paid:\n  model: "a"\n  usd: %s',
            id="mapping-with-words",
        ),
        pytest.param(
            lambda x: {"v": ["a\nb", [1, x]]},
            'v:\n  - |-\n    a\n    b\n  - [1, "%s"]',
            'v:\n  - |-\n    a\n    b\n  - - 1\n    - "%s"',
            id="list-behind-a-dash",
        ),
        pytest.param(
            lambda x: {"paid": [{"model": "a\nb"}, {"model": "a", "usd": x}]},
            'paid:\n  - model: |-\n      a\n      b\n  - {model: "a", usd: %s}',
            'paid:\n  - model: |-\n      a\n      b\n  - model: "a"\n    usd: %s',
            id="mapping-with-words-behind-a-dash",
        ),
    ],
)
def test_a_line_ends_at_the_last_column_and_what_is_wider_is_written_below(
    told: Callable[[str], dict[str, object]], on_one: str, below: str
) -> None:
    text = "x" * (COLUMNS - len((on_one % "").split("\n")[-1]))
    assert render(told(text)) == f"{on_one % text}\n"
    assert render(told(f"{text}x")) == f"{below % f'{text}x'}\n"


def test_text_with_line_breaks_that_no_block_holds_stays_on_the_line() -> None:
    assert render({"v": ["a\n", {"b": "\nb"}]}) == 'v: ["a\\n", {b: "\\nb"}]\n'


def test_lists_and_mappings_that_do_not_fit_are_nested_with_dashes() -> None:
    long = "x" * COLUMNS
    assert render({"v": [[long, [1, 2]], {"a": long, "b": "c\nd"}, [{"e": ["f\ng"]}], "h\ni"]}) == (
        "v:\n"
        f'  - - "{long}"\n'
        "    - [1, 2]\n"
        f'  - a: "{long}"\n'
        "    b: |-\n"
        "      c\n"
        "      d\n"
        "  - - e:\n"
        "        - |-\n"
        "          f\n"
        "          g\n"
        "  - |-\n"
        "    h\n"
        "    i\n"
    )


def test_sections_are_never_written_on_one_line() -> None:
    story = {
        "result": {"status": "failed"},
        "steps": {"a": {"attempt 1": {"output": 1}, "branch b": {}}, "c": {}},
    }
    assert render(story) == (
        "result:\n  status: failed\nsteps:\n  a:\n    attempt 1:\n      output: 1\n    branch b: {}\n  c: {}\n"
    )


def test_an_empty_story_is_an_empty_mapping() -> None:
    assert render({}) == "{}\n"
    assert render({"steps": {}, "result": {}}) == "steps: {}\nresult: {}\n"


def test_a_key_too_long_for_parsers_is_marked_as_a_key() -> None:
    assert render({"k" * 1000: 1}) == f"{'k' * 1000}: 1\n"
    key = "k" * 1001
    assert render({key: 1, "steps": {key: {"output": 1}}}) == f"? {key}\n: 1\nsteps:\n  ? {key}\n  :\n    output: 1\n"
    assert render({"v": {key: 1}}) == f"v:\n  ? {key}\n  : 1\n"
    assert render({"v": [{key: "a\nb", "c": {key: [key]}}]}) == (
        f'v:\n  - ? {key}\n    : |-\n      a\n      b\n    c:\n      ? {key}\n      :\n        - "{key}"\n'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="has no form that all YAML parsers read; tell it as plain data first"):
        render({"v": value})


def test_a_value_that_is_not_plain_is_refused() -> None:
    with pytest.raises(TypeError, match=re.escape("b'x' is of type bytes; tell it as plain data first")):
        render({"v": [b"x"]})


def test_on_one_line_everything_is_in_quotes_however_long() -> None:
    assert on_one_line({"status": "a\nb", "l": [1.5, float("inf"), {}, None, "x" * 200]}) == (
        '{status: "a\\nb", l: [1.5, inf, {}, null, "' + "x" * 200 + '"]}'
    )


# As parsers read it -------------------------------------------------------------------------------------


KEYS = st.text(max_size=6) | st.sampled_from(
    [
        "steps",
        "result",
        "attempt 1",
        "branch x",
        "input_from",
        "status",
        "by",
        "from",
        "plugin p",
        "output",
        "y",
        "0x1",
        "k" * 1200,
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3)
    | st.text('ab \n\t"\\#:-{}[],&*!|>%@`\u0301\u00e9\u2028\u202e\ud800\U0001f600\ufeff\x85', max_size=30)
    | st.sampled_from(["yes", "1e3", "0o17", "1:30", "~", "=", "2001-01-01", "- a", "...", "---\na", "a\n---\nb"])
    | st.sampled_from(["%a\nb", "x" * 120])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@reader
@settings(deadline=None)
@given(data=st.dictionaries(KEYS, VALUES, max_size=4))
def test_what_is_read_back_is_what_was_written(read: Any, data: dict[str, object]) -> None:
    told = plain(data)
    assert same(read(render(told)), told)


@settings(deadline=None)
@given(data=st.dictionaries(KEYS, VALUES, max_size=4))
def test_the_text_is_one_that_any_editor_shows_as_it_is(data: dict[str, object]) -> None:
    text = render(plain(data))
    assert unicodedata.is_normalized("NFC", text)
    assert {character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co")} <= {"\n"}
    assert [line for line in text.split("\n") if line.endswith(" ")] == []


@reader
@pytest.mark.parametrize("name", RUNS)
async def test_a_story_is_read_back_as_it_was_told(read: Any, name: str) -> None:
    story = story_of(await RUNS[name]())
    assert same(read(render(story)), story)


@pytest.mark.parametrize("name", RUNS)
async def test_no_line_of_a_story_but_one_long_text_is_longer_than_the_page(name: str) -> None:
    lines = render(story_of(await RUNS[name]())).split("\n")
    assert [line for line in lines if len(line) > COLUMNS and not re.fullmatch(r' *[\w ]+: ".*"', line)] == []


@settings(deadline=None, max_examples=300)
@given(st.text())
def test_the_same_data_is_always_written_the_same(text: str) -> None:
    assert render({"v": text}) == render(READERS["goldens"](render({"v": text})))


def test_plain_data_on_one_line_keeps_numbers_truths_and_nothing() -> None:
    told = on_one_line({"n": 7, "yes": [True, False], "none": None, "x": 1.5, "empty": [{}, []]})
    assert told == '{"n": 7, "yes": [true, false], none: null, x: 1.5, empty: [{}, []]}'
