"""The summary in Markdown: what it tells, and that whatever a test or a model says stays text in its cell."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from flujo_testing.golden.inert import inert
from flujo_testing.report.markdown import as_markdown, code
from flujo_testing.report.record import Cause
from tests.flujo_testing.report import samples

OURS = {"<code>", "</code>", "<br>"}


def test_causes_and_costs() -> None:
    cause = samples.cause(steps=("write", "review"), usd="-0.0031")
    cases = (samples.case(runs=(samples.paid("0.002"),)), samples.case(test="b", outcome="passed", cause=None))
    told = html.unescape(re.sub("</?code>", "`", as_markdown(samples.suite(cause, cases=cases))))
    assert told.split("\n") == [
        "### Flujo",
        "",
        "1 of 2 tests is red: 1 cause.",
        "",
        "| tests | kind | cause | steps | first | to see it |",
        "| ---: | --- | --- | --- | --- | --- |",
        "| 1 | `law` | `a metered agent answered, but no entry says what was paid` `-0.0031` USD | `write`<br>`review` "
        "| `tests/test_rain.py::test_it`<br>`write/attempt:1: a metered agent answered` "
        "| `python -m pytest tests/test_rain.py::test_it` |",
        "",
        "1 run of pipelines spent `0.002` USD, at the prices of the tests.",
        "",
        "| USD | test |",
        "| ---: | --- |",
        "| `0.002` | `tests/test_rain.py::test_it` |",
        "",
    ]


def test_a_green_run_is_told_in_a_line_and_an_unknown_cost_is_not_0() -> None:
    green = samples.case(outcome="passed", cause=None, runs=(samples.paid(None),))
    assert as_markdown(samples.suite(cases=(green,))).split("\n") == [
        "### Flujo",
        "",
        "1 test, none is red.",
        "",
        "1 run of pipelines spent an unknown amount of USD, at the prices of the tests.",
        "",
    ]


def test_of_very_many_causes_the_largest_are_told() -> None:
    told = as_markdown(samples.suite(*[samples.cause()] * 103, cases=(samples.case(),))).split("\n")
    assert (len([line for line in told if line.startswith("| 1 |")]), told[-2]) == (100, "And 3 causes more.")


@given(st.lists(samples.causes, min_size=1, max_size=4))
def test_no_text_breaks_out_of_its_cell(causes: list[Cause]) -> None:
    text = as_markdown(samples.suite(*causes, cases=(samples.case(),)))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = [token.children or [] for token in tokens if token.type == "inline"]
    kinds = {child.type for children in inline for child in children}
    assert kinds <= {"text", "html_inline", "text_special"}
    assert {child.content for children in inline for child in children if child.type == "html_inline"} <= OURS
    assert [token.type for token in tokens].count("td_open") == 6 * len(causes)
    titles = ["".join(c.content for c in inline[10 + 6 * n] if c.type != "html_inline") for n in range(len(causes))]
    usd = ["" if cause.usd is None else f" {cause.usd} USD" for cause in causes]
    wanted = [" ".join(cause.title.split()) + money for cause, money in zip(causes, usd, strict=True)]
    assert [title.strip() for title in titles] == [title.strip() for title in wanted]


@given(samples.texts)
def test_code_reads_back_to_the_text_on_one_line(text: str) -> None:
    written = code(text)
    assert html.unescape(written.removeprefix("<code>").removesuffix("</code>")) == " ".join(inert(text).split())
    assert not re.search(r"[|<>`*_\[\]@:]|www\.", written.removeprefix("<code>").removesuffix("</code>"))
