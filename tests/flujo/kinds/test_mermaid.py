"""The flowchart of every kind: nodes in declared order, names that cannot break it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flujo import Pipeline, Step
from flujo.stores.memory import MemoryCache
from tests.flujo.kinds.cast import echo
from tests.flujo.kinds.matrix import KINDS, always, always_a, listed

A: Any = Step("a", echo)
B: Any = Step("b", echo)


def drawn(part: Any) -> list[str]:
    lines = Pipeline.of(part).to_mermaid().splitlines()
    assert lines[0] == "flowchart TD"
    return [line.strip() for line in lines[1:]]


def test_a_sequence_is_a_chain() -> None:
    assert drawn(A >> B) == ['n1["a"]', 'n2["b"]', "n1 --> n2"]


def test_a_fallback_is_a_dotted_line() -> None:
    assert drawn(Step("s", echo, fallback=B)) == ['n1["s"]', 'n2["b"]', 'n1 -. "fallback" .-> n2']


def test_branches_are_labelled() -> None:
    assert drawn(Step.branch_on("pick", always_a, {"a": A, 7: B}, default=A)) == [
        'subgraph g2["branch: pick"]',
        "n1(( ))",
        "n1e(( ))",
        'n3["a"]',
        'n1 -- "a" --> n3',
        "n3 --> n1e",
        'n4["b"]',
        'n1 -- "7" --> n4',
        "n4 --> n1e",
        'n5["a"]',
        'n1 -- "default" --> n5',
        "n5 --> n1e",
        "end",
    ]


def test_a_loop_goes_back() -> None:
    assert drawn(Step.loop_until("again", A >> B, always)) == [
        'subgraph g2["loop: again"]',
        "n1(( ))",
        "n1e(( ))",
        'n3["a"]',
        'n4["b"]',
        "n3 --> n4",
        "n1 --> n3",
        "n4 --> n1e",
        'n4 -. "again" .-> n3',
        "end",
    ]


@pytest.mark.parametrize(
    ("part", "box"),
    [
        (Step.map_over("each", A, listed), "map: each"),
        (Pipeline.of(A).as_step("n"), "pipeline: n"),
        (Step.cached(A, MemoryCache()), "cached: a"),
    ],
)
def test_what_is_inside_stands_in_a_box(part: Any, box: str) -> None:
    lines = [f'subgraph g2["{box}"]', "n1(( ))", "n1e(( ))", 'n3["a"]', "n1 --> n3", "n3 --> n1e", "end"]
    assert drawn(part) == lines


def test_a_question_has_a_shape_of_its_own() -> None:
    assert drawn(Step.human_in_the_loop("ask", "well?")) == ['n1[/"ask"/]']


@pytest.mark.parametrize("outer", KINDS)
@pytest.mark.parametrize("inner", KINDS)
def test_boxes_are_closed_and_every_node_that_is_joined_was_drawn(outer: str, inner: str) -> None:
    lines = drawn(KINDS[outer].around("out", KINDS[inner].around("in", A)))
    assert sum(line.startswith("subgraph ") for line in lines) == lines.count("end")
    nodes = {found[1] for line in lines if (found := re.match(r"(n\d+e?)[\[(]", line))}
    joined = {end for line in lines if (found := re.match(r"(n\d+e?) .*> (n\d+e?)$", line)) for end in found.groups()}
    assert joined <= nodes
    assert len(nodes) == len([line for line in lines if re.match(r"n\d+e?[\[(]", line)])


@pytest.mark.parametrize("name", ['say "hi"', "a]b", "<b>&amp;", "a\nb", "#35;", "end", "é\u202e"])
def test_names_stay_inside_their_quotes(name: str) -> None:
    (line,) = drawn(A.named(name))
    assert re.fullmatch(r'n1\["[^"<>\n]*"\]', line)


def test_what_mermaid_reads_as_markup_is_told_by_entities() -> None:
    (line,) = drawn(A.named("`a` $b$ &lt; #1"))
    assert line == 'n1["#96;a#96; #36;b#36; #38;lt; #35;1"]'


def test_what_routes_is_drawn_before_the_branches_that_it_chooses() -> None:
    assert drawn(Step.parallel("p", {"a": A, "b": B}, select=Step("router", echo))) == [
        'subgraph g2["parallel: p"]',
        "n1(( ))",
        "n1e(( ))",
        'n3["router"]',
        "n1 --> n3",
        'n4["a"]',
        'n3 -- "a" --> n4',
        "n4 --> n1e",
        'n5["b"]',
        'n3 -- "b" --> n5',
        "n5 --> n1e",
        "end",
    ]
