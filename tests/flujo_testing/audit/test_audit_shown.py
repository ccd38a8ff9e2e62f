"""What an audit found as lines, as Markdown and as JSON: whole texts, each the same facts."""

from __future__ import annotations

import json
from datetime import date

import pytest

from flujo_testing.audit.endings import Ending
from flujo_testing.audit.show import as_json, as_markdown, as_text
from flujo_testing.audit.trial import Audited, State, Trial
from flujo_testing.audit.waivers import Waiver, Waivers
from tests.flujo_testing.audit.made_findings import (
    ALL,
    EXACT,
    HEARD,
    LOOSE,
    MISSED,
    ODD,
    POOR,
    findings,
    killed,
    tolerated,
)

NO_WAIVERS = Waivers({})
WAIVERS = Waivers({
    "missed": Waiver("missed", "soon", date(2027, 3, 1)),
    "far": Waiver("far", "never", date(2027, 3, 2)),
})  # fmt: skip
LIMITS = "it cannot know: scenarios that no test has, faults that are in no catalogue, goldens accepted unread"


def variants(*names: str) -> list[Audited]:
    return [Audited(name, 3, (tolerated(MISSED),)) for name in names]


def test_everything_is_told_in_lines() -> None:
    assert list(as_text(ALL, NO_WAIVERS, ["too low", "too many"])) == [
        "audit (full): 4 faults, 4 tests that run pipelines, 15 passes; infected faults: 1 of 2 noticed: 50 %",
        "survived: missed (C2): The engine <does> missed.",
        "  t.py::test_exact ended without a claim (crash): it costs more; 1 -> 2",
        "    would notice: assert cost == 1",
        "  t.py::test_loose still passed: it costs more; 1 -> 2",
        "    the built-in check says: 3 USD lack",
        "    would notice: assert cost == 1",
        "reached, but told by no run (the scenarios are too poor): untold",
        "not reached (no scenario): far",
        "infected, and noticed nothing: t.py::test_loose",
        "not audited: t.py::test_odd: nondeterministic: 1 -> 2",
        LIMITS,
        "problem: too low",
        "problem: too many",
    ]


def test_a_fast_audit_of_one_test_says_so_and_calls_nothing_vacuous() -> None:
    assert list(as_text(findings(Audited("t.py::test_it", 3, (killed(HEARD),)), full=False), NO_WAIVERS, [])) == [
        "audit (fast): 4 faults, 1 test that runs pipelines, 3 passes; infected faults: 1 of 1 noticed: 100 %",
        "not reached (no scenario): missed, untold, far",
        LIMITS,
    ]
    assert next(as_text(findings(), NO_WAIVERS, [])) == (
        "audit (full): 4 faults, 0 tests that run pipelines, 0 passes; infected faults: 0 of 0 noticed: no score"
    )


def test_what_is_waived_is_told_with_its_fault_and_by_itself() -> None:
    lines = list(as_text(findings(LOOSE, full=False), WAIVERS, []))
    assert [line for line in lines if line.startswith("survived: ")] == [
        "survived: heard (A1): The engine <does> heard.",
        "survived: missed (C2): The engine <does> missed. (waived)",
    ]
    assert lines[-3:] == [
        "waived: missed until 2027-03-01: soon",
        "waived: far until 2027-03-02: never",
        LIMITS,
    ]


@pytest.mark.parametrize(
    ("tests", "shown", "more"),
    [
        (["a", "b", "c"], ["a", "b", "c"], []),
        (["a", "b", "c", "d"], ["a", "b", "c"], ["  and 1 more"]),
        (["a[1]", "b", "a[2]"], ["a[1]", "b"], ["  and 1 more"]),
        (["a[x[1]]", "a[y]", "b", "c", "d", "e"], ["a[x[1]]", "b", "c"], ["  and 3 more"]),
    ],
    ids=["three", "four", "variants", "many"],
)
def test_few_tests_are_shown_and_of_variants_the_first(tests: list[str], shown: list[str], more: list[str]) -> None:
    lines = list(as_text(findings(*variants(*tests), full=False), NO_WAIVERS, []))
    assert (
        lines[2 : -len(["not reached", LIMITS])]
        == [
            line
            for test in shown
            for line in (f"  {test} still passed: it costs more; 1 -> 2", "    would notice: assert cost == 1")
        ]
        + more
    )


def test_everything_is_told_in_markdown() -> None:
    assert as_markdown(ALL, WAIVERS, ["too *low*"]).split("\n") == [
        "## Fault audit",
        "",
        r"audit \(full\): 4 faults, 4 tests that run pipelines, 15 passes; infected faults: 1 of 1 noticed: 100 %.",
        "",
        r"- **problem**: too \*low\*",
        "",
        "| fault | law | verdict | noticed by | tolerated by |",
        "|---|---|---|---|---|",
        "| heard | A1 | KILLED | 1 | 1 |",
        "| missed | C2 | SURVIVED (waived) | 0 | 2 |",
        "| untold | P3 | NOT INFECTED | 0 | 0 |",
        "| far | P4 | NOT REACHED (waived) | 0 | 0 |",
        "",
        "### missed",
        "",
        r"The engine \<does\> missed.",
        "",
        r"- t.py::test\_exact ended without a claim (crash): it costs more; 1 \-\> 2",
        "  - would notice: ` assert cost == 1 `",
        r"- t.py::test\_loose still passed: it costs more; 1 \-\> 2",
        "  - would notice: ` assert cost == 1 `",
        "",
        "### Infected, and noticed nothing",
        "",
        r"- t.py::test\_loose",
        "",
        "### Not audited",
        "",
        r"- t.py::test\_odd: nondeterministic: 1 \-\> 2",
        "",
    ]


def test_markdown_has_no_headings_for_what_there_is_not() -> None:
    lines = as_markdown(findings(POOR), NO_WAIVERS, []).splitlines()
    assert [line for line in lines if line.startswith("#")] == ["## Fault audit"]
    assert lines[3:6] == ["", "", "| fault | law | verdict | noticed by | tolerated by |"]


def markdown_of(told: str, assertion: str) -> list[str]:
    """What is written of one trial."""
    trial = Trial("missed", State.INFECTED, Ending.SURVIVED, (told,), assertion)
    lines = as_markdown(findings(Audited("t", 3, (trial,)), full=False), NO_WAIVERS, []).splitlines()
    return lines[-2:]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("two\nlines", "two lines"),
        ("a\x1bb", r"a\\x1bb"),
        ("<b>`x`</b> | [a](b) @me #1 ~~", r"\<b\>\`x\`\</b\> \| \[a\]\(b\) \@me \#1 \~\~"),
        (r"{a_b} *c* +d! & \e", r"\{a\_b\} \*c\* \+d\! \& \\e"),
    ],
    ids=["line break", "control character", "tags and links", "marks"],
)
def test_nothing_that_was_told_acts_in_markdown(text: str, safe: str) -> None:
    assert markdown_of(text, "x")[0] == f"- t still passed: {safe}"


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("assert a", "` assert a `"),
        ("assert '`'", "`` assert '`' ``"),
        ("a `` b ` c ``` d", "```` a `` b ` c ``` d ````"),
        ("two\nlines", "` two lines `"),
        ("a\x1bb", r"` a\x1bb `"),
    ],
    ids=["plain", "backtick", "backticks", "line break", "control character"],
)
def test_code_stands_in_as_many_backticks_as_it_needs(code: str, shown: str) -> None:
    assert markdown_of("told", code)[1] == f"  - would notice: {shown}"


def test_everything_is_told_as_json() -> None:
    text = as_json(ALL, WAIVERS, ["too low"])
    told = json.loads(text)
    assert told == ALL.as_plain() | {
        "tests": json.loads(json.dumps([one.as_plain() for one in (EXACT, LOOSE, POOR, ODD)])),
        "score": {"noticed": 1, "infected": 1},
        "waivers": [
            {"fault": "missed", "reason": "soon", "expires": "2027-03-01"},
            {"fault": "far", "reason": "never", "expires": "2027-03-02"},
        ],
        "problems": ["too low"],
    }
    assert text == json.dumps(told, indent=1) + "\n"
