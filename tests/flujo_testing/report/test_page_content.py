"""What the report says: every table by its exact content, the empty states, and what is cut."""

from __future__ import annotations

from dataclasses import replace

from flujo_testing.report.page import page
from flujo_testing.report.record import CaseRecord, Payment, RunRecord
from flujo_testing.review.groups import Changed
from tests.flujo_testing.report.parsed import Node, parsed, table
from tests.flujo_testing.report.records import BEFORE, CAUSES, EMPTY, SMALL, UNPAID, large

PAGE = parsed(page(SMALL))


def texts(nodes: list[Node]) -> list[str]:
    return [node.text for node in nodes]


def test_the_head_tells_outcomes_time_and_cost() -> None:
    header = PAGE.one("header")
    assert header.one("h1").text == "3 of 5 tests failed"
    assert PAGE.one("head").one("title").text == "3 of 5 tests failed - Flujo report"
    assert [(figure.one("dt").text, figure.one("dd").text) for figure in header.all("div", "figure")] == [
        ("failed", "2"),
        ("error", "1"),
        ("passed", "1"),
        ("skipped", "1"),
        ("time", "1 min 14 s"),
        ("cost", "0.005498 USD + 1 unpriced"),
        ("runs", "3"),
        ("requests", "7"),
        ("tokens in / out", "840 / 280"),
    ]
    assert header.one("svg").one("desc").text == "2 failed, 1 error, 1 passed, 1 skipped"
    assert [rect.attributes["width"] for rect in header.all("rect")] == ["400", "200", "200", "200"]


def test_causes_stand_with_their_tests_and_the_command_that_shows_them() -> None:
    first, second = PAGE.by_id("causes").all("details", "item")
    assert texts(first.one("summary").nodes) == [
        "failed attempts are no longer paid",
        "golden",
        "2 tests",
        "\N{MINUS SIGN}0.00104 USD",
    ]
    assert texts(first.one("p", "steps").all("code")) == ["write"]
    assert first.one("pre").text == "write/attempt:1 is no longer paid: 0.00104 -> 0"
    assert first.one("p", "command").one("code").text == "flujo golden review"
    assert texts(first.all("li")) == ["tests/test_rain.py::test_draft", "tests/test_rain.py::test_told"]
    assert texts(second.one("summary").nodes) == ["offline", "error", "1 test"]
    assert second.all("pre") == []


def test_a_test_with_two_causes_is_one_test() -> None:
    both = (CAUSES[0], replace(CAUSES[1], tests=CAUSES[0].tests))
    assert parsed(page(replace(SMALL, causes=both))).by_id("causes").one("span", "told").text == "2 causes, 2 tests"


def test_many_tests_of_a_cause_are_folded() -> None:
    many = replace(CAUSES[0], tests=tuple(f"tests/test_a.py::test_{number}" for number in range(300)))
    cause = parsed(page(replace(SMALL, causes=(many,)))).by_id("causes").one("details", "item")
    folded = cause.one("div", "inside").one("details")
    assert folded.one("summary").text == "295 more tests"
    assert len(folded.all("li")) == 201
    assert folded.all("li")[-1].text == "and 95 more"


def test_goldens_stand_in_groups_with_count_money_and_words() -> None:
    section = PAGE.by_id("goldens")
    assert section.one("span", "told").text == "2 goldens in 2 groups, \N{MINUS SIGN}0.00104 USD"
    unpaid, untold = section.all("details", "item")
    head = ["failed attempts are no longer paid", "paid", "1 golden", "\N{MINUS SIGN}0.00104 USD"]
    assert texts(unpaid.nodes[0].nodes)[:4] == head
    assert texts(unpaid.one("ul", "words").all("li"))[0] == "write/attempt:1 is no longer paid: 0.00104 -> 0"
    assert texts(untold.one("ul", "words").all("li")) == [
        'feedback "3 words, at most 2" no longer reaches write/attempt:2'
    ]
    assert texts(untold.nodes[0].nodes)[:3] == ["feedback no longer reaches the next attempt", "feedback", "1 golden"]


def test_a_golden_is_drawn_before_and_after_on_the_same_rows() -> None:
    run = PAGE.by_id("golden-1").one("table", "run")
    names = [
        [
            next((name.text for name in cell.all("span", "name")), "") if "gutter" not in cell.classes else cell.text
            for cell in row.nodes
        ]
        for row in run.one("tbody").all("tr")
    ]
    assert names == [
        ["start", "", "start"],
        ["write", "", "write"],
        ["attempt 1", "\N{NOT EQUAL TO}\N{MINUS SIGN}0.00104", "attempt 1"],
        ["plugin max_words", "", "plugin max_words"],
        ["attempt 2", "", "attempt 2"],
        ["plugin max_words", "", "plugin max_words"],
        ["review", "", "review"],
        ["branch legal", "branch facts", "", "branch legal", "branch facts"],
        ["check", "check", "", "check", "check"],
        ["attempt 1", "attempt 1", "", "attempt 1", "attempt 1"],
        ["result", "\N{NOT EQUAL TO}\N{MINUS SIGN}0.00104", "result"],
    ]
    changed = [(node.one("span", "name").text, node.all("p", "detail")) for node in run.all("div", "changed")]
    assert [(name, texts(details)) for name, details in changed] == [
        ("attempt 1", ['paid {model: "test:writer", input: 120, output: 40, usd: "0.00104"}']),
        ("attempt 1", ["paid not told"]),
        ("result", ['spent {usd: "0.00208", requests: 2, input_tokens: 240, output_tokens: 80}']),
        ("result", ['spent {usd: "0.00104", requests: 1, input_tokens: 120, output_tokens: 40}']),
    ]


def test_blocks_are_coloured_and_named_by_how_they_ended() -> None:
    before = [row.nodes[0] for row in PAGE.by_id("golden-1").one("table", "run").one("tbody").all("tr")]
    assert [(cell.nodes[0].classes[1], *texts(cell.all("span", "outcome"))) for cell in before[:6]] == [
        ("plain",),
        ("plain",),
        ("warn", "rejected"),
        ("warn", "rejected"),
        ("good",),
        ("good", "accepted"),
    ]
    assert [cost.text for cell in before for cost in cell.all("span", "usd")] == [
        "0.00104 USD",
        "0.00104 USD",
        "0.00208 USD",
    ]


def test_the_text_stands_below_as_lines_that_went_and_came() -> None:
    lines = PAGE.by_id("golden-2").one("pre", "diff").all("del")
    assert texts(lines) == ['-       feedback: [{from: max_words, text: "3 words, at most 2"}]\n']
    assert PAGE.by_id("golden-2").one("pre", "diff").all("ins") == []


def test_a_golden_in_two_groups_is_drawn_once() -> None:
    after = UNPAID.replace('      feedback: [{from: max_words, text: "3 words, at most 2"}]\n', "")
    twice = Changed("rain/a.yaml", "tests/test_rain.py::test_a", BEFORE, after)
    section = parsed(page(replace(SMALL, changed=(twice,)))).by_id("goldens")
    assert len(section.all("details", "item")) == 2
    assert len(section.all("table", "run")) == 1
    assert [(link.text, link.attributes) for link in section.all("a")] == [("Drawn above", {"href": "#golden-1"})]


def test_what_is_no_golden_is_shown_as_text() -> None:
    changed = (Changed("rain/a.yaml", "tests/test_rain.py::test_a", "not: [a", "golden"),)
    section = parsed(page(replace(SMALL, changed=changed))).by_id("goldens")
    assert section.one("span", "told").text == "1 golden in 0 groups"
    assert section.one("h3").text == "In no group"
    assert section.one("p", "note").text == "No story can be read from it; its text follows."
    assert [line.text for line in section.one("pre", "diff").nodes] == ["- not: [a\n", "+ golden\n"]


def test_costs_by_step_model_and_outcome_add_up() -> None:
    section = PAGE.by_id("costs")
    assert section.one("span", "told").text == "0.005498 USD, 7 requests, 1 of them unpriced"
    head = ["USD", "share", "requests", "unpriced", "tokens in", "tokens out"]
    assert table(section, 0) == [
        ["step", *head],
        ["write", "0.004160", "75.7 %", "5", "1", "600", "200"],
        ["write/fallback:small", "0.001338", "24.3 %", "2", "0", "240", "80"],
        ["all", "0.005498", "100.0 %", "7", "1", "840", "280"],
    ]
    assert table(section, 1) == [
        ["model", *head],
        ["test:writer", "0.004160", "75.7 %", "4", "0", "480", "160"],
        ["test:small", "0.001338", "24.3 %", "2", "0", "240", "80"],
        ["no model told", "unknown", "0.0 %", "1", "1", "120", "40"],
        ["all", "0.005498", "100.0 %", "7", "1", "840", "280"],
    ]
    assert [row[:2] for row in table(section, 2)] == [
        ["outcome", "USD"],
        ["ok", "0.003418"],
        ["timeout", "0.002080"],
        ["in_doubt", "unknown"],
        ["all", "0.005498"],
    ]


def test_all_items_of_a_step_are_one_row_of_the_costs() -> None:
    paid = tuple(Payment(f"many/item:{number}/each", "test:writer", "ok", "0.001", 10, 2) for number in (1, 2, 11))
    case = CaseRecord("tests/test_a.py::test_a", "passed", 0.5, "", None, (RunRecord("", "completed", "0.003", paid),))
    section = parsed(page(replace(EMPTY, cases=(case,)))).by_id("costs")
    assert [row[:2] for row in table(section, 0)] == [["step", "USD"], ["many/item:*/each", "0.003"], ["all", "0.003"]]


def test_plots_have_a_title_a_description_and_bars_to_scale() -> None:
    plot = PAGE.by_id("costs").all("svg")[0]
    title, description = plot.one("title"), plot.one("desc")
    assert plot.attributes["role"] == "img"
    assert plot.attributes["aria-labelledby"] == f"{title.attributes['id']} {description.attributes['id']}"
    assert title.text == "Cost by step"
    assert description.text == (
        "2 bars, the most expensive first: write with 0.00416 USD of 0.005498 USD. "
        "The table beside it holds all numbers."
    )
    assert [rect.attributes["width"] for rect in plot.all("rect", "accent")] == ["360", "115.8"]
    assert texts(plot.all("text")) == ["write", "0.00416 USD", "write/fallback:small", "0.001338 USD"]
    assert texts(PAGE.by_id("costs").all("svg")[1].all("text", "number")) == ["0.00416 USD", "0.001338 USD", "unknown"]


def test_the_audit_says_how_many_tests_notice_a_fault_file_by_file() -> None:
    section = PAGE.by_id("audit")
    assert section.one("span", "told").text == "2 of 3 faults noticed by 3 tests"
    assert table(section) == [
        ["fault", "noticed by", "tolerated by", "ended otherwise", "test_hail", "test_rain"],
        ["share_context", "0 of 2", "1", "1", "0/1", "0/1"],
        ["ignore_limit", "1 of 1", "0", "0", "", "1/1"],
        ["plugin_skipped", "2 of 3", "1", "0", "0/1", "2/2"],
    ]
    cells = [cell.classes for cell in section.one("tbody").all("td") if "cell" in cell.classes]
    assert cells == [
        ["number", "cell", "level-0"],
        ["number", "cell", "level-0"],
        ["number", "cell", "none"],
        ["number", "cell", "level-4"],
        ["number", "cell", "level-0"],
        ["number", "cell", "level-4"],
    ]


def test_the_slowest_tests_stand_first_with_their_share() -> None:
    section = PAGE.by_id("slowest")
    assert table(section) == [
        ["test", "seconds", "share"],
        ["tests/test_rain.py::test_lost", "1.500", "79.9 %"],
        ["tests/test_rain.py::test_draft", "0.250", "13.3 %"],
        ["tests/test_rain.py::test_told", "0.125", "6.7 %"],
        ["tests/test_hail.py::test_no_run", "0.002", "0.1 %"],
        ["tests/test_hail.py::test_not_here", "0.000", "0.0 %"],
    ]
    assert section.one("desc").text == "5 tests, the slowest first, 1.9 s of 1.9 s in all."


def test_all_tests_stand_in_a_table_red_ones_first() -> None:
    section = PAGE.by_id("tests")
    assert table(section) == [
        ["outcome", "test", "seconds", "USD", "runs"],
        ["failed", "tests/test_rain.py::test_draft2 differences", "0.250", "0.002749", "1"],
        ["failed", "tests/test_rain.py::test_told1 difference", "0.125", "0.002749", "1"],
        ["error", "tests/test_rain.py::test_lostoffline", "1.500", "unknown", "1"],
        ["passed", "tests/test_hail.py::test_no_run", "0.002", "\N{EN DASH}", "0"],
        ["skipped", "tests/test_hail.py::test_not_here", "0.000", "\N{EN DASH}", "0"],
    ]
    assert [(button.text, button.attributes["data-show"]) for button in section.all("button", "filter")] == [
        ("failed 2", "failed"),
        ("error 1", "error"),
        ("passed 1", "passed"),
        ("skipped 1", "skipped"),
    ]


def test_a_suite_without_anything_says_so_everywhere() -> None:
    page_ = parsed(page(EMPTY))
    assert page_.one("h1").text == "No test was run"
    assert {section.attributes["id"]: section.one("p", "empty").text for section in page_.all("section")} == {
        "causes": "No test was run.",
        "goldens": "No golden has changed.",
        "costs": "No run of this suite has paid for anything.",
        "audit": "There is no fault audit of this suite. "
        "pytest --flujo-audit runs every test again under each fault of the engine.",
        "slowest": "No test was run.",
        "tests": "No test was run.",
    }


def test_a_green_suite_says_that_no_test_failed() -> None:
    green = replace(EMPTY, cases=(CaseRecord("tests/test_a.py::test_a", "passed", 0.5, "", None, ()),))
    page_ = parsed(page(green))
    assert page_.one("h1").text == "1 test, none failed"
    assert page_.by_id("causes").one("p", "empty").text == "No test failed."


def test_a_long_message_is_cut_and_says_how_much() -> None:
    case = CaseRecord("tests/test_a.py::test_a", "failed", 0.5, "a" * 1300, None, ())
    section = parsed(page(replace(EMPTY, cases=(case,)))).by_id("tests")
    assert section.one("p", "message").text == "a" * 300 + "\N{HORIZONTAL ELLIPSIS} (1,000 more characters)"


def test_of_a_message_the_first_lines_are_shown() -> None:
    case = CaseRecord("tests/test_a.py::test_a", "failed", 0.5, "one\n\ntwo\nthree\nfour", None, ())
    section = parsed(page(replace(EMPTY, cases=(case,)))).by_id("tests")
    assert section.one("p", "message").text == "one\ntwo (2 more lines)"


def test_more_tests_than_a_page_shows_are_counted() -> None:
    section = parsed(page(large(2100, 0))).by_id("tests")
    assert len(section.one("tbody").all("tr")) == 2000
    assert section.one("p", "note").text == "100 more tests not shown."
