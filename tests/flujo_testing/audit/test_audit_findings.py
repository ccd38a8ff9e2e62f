"""What trials add up to: what became of each fault, the score, and what fails an audit."""

from __future__ import annotations

import json
from datetime import date

import pytest

from flujo_testing.audit.endings import Ending
from flujo_testing.audit.findings import Findings
from flujo_testing.audit.gates import Score, problems_of, score_of
from flujo_testing.audit.settings import Settings
from flujo_testing.audit.trial import Audited, State, Trial, audited_from_plain
from flujo_testing.audit.waivers import Waiver, Waivers
from tests.flujo_testing.audit.made_findings import (
    ALL,
    CATALOGUE,
    EXACT,
    FAR,
    HEARD,
    LOOSE,
    MISSED,
    ODD,
    POOR,
    UNTOLD,
    findings,
    killed,
    silent,
    tolerated,
    unreached,
)

NO_WAIVERS = Waivers({})
MISSED_IS_WAIVED = Waivers({"missed": Waiver("missed", "soon", date(2027, 3, 1))})


def gates(least_percent: int | None = None, most_vacuous: int | None = None) -> Settings:
    return Settings(True, least_percent, most_vacuous, 30, None, None, None)


# Trials -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trials", "is_vacuous"),
    [
        ((), False),
        ((silent(HEARD), unreached(FAR)), False),
        ((killed(HEARD),), False),
        ((tolerated(HEARD), killed(MISSED)), False),
        ((tolerated(HEARD), silent(MISSED)), True),
        ((tolerated(HEARD, Ending.CRASH),), True),
        ((Trial("heard", State.NOT_INFECTED, Ending.ASSERTION), tolerated(MISSED)), True),
    ],
    ids=["no trials", "none infected", "noticed", "one noticed", "tolerated", "crashed", "noticed what was not told"],
)
def test_a_test_is_vacuous_that_notices_nothing_of_what_changes_it(trials: tuple[Trial, ...], is_vacuous: bool) -> None:
    assert Audited("t.py::test_it", 1, trials).is_vacuous is is_vacuous


@pytest.mark.parametrize("audited", [EXACT, LOOSE, POOR, ODD], ids=lambda audited: str(audited.test))
def test_what_came_of_a_test_crosses_processes_as_json(audited: Audited) -> None:
    assert audited_from_plain(json.loads(json.dumps(audited.as_plain()))) == audited


# By fault, and by test ----------------------------------------------------------------------------------------------


def test_trials_are_sorted_by_fault_and_by_what_came_of_them() -> None:
    assert [one.fault for one in ALL.faults] == list(CATALOGUE)
    assert [[test for test, _ in one.trials] for one in ALL.faults] == [
        ["t.py::test_exact", "t.py::test_loose"],
        ["t.py::test_exact", "t.py::test_loose"],
        ["t.py::test_exact", "t.py::test_poor"],
        ["t.py::test_exact"],
    ]
    heard, missed, untold, far = ALL.faults
    assert heard.killers == (("t.py::test_exact", EXACT.trials[0]),)
    assert heard.survived == (("t.py::test_loose", LOOSE.trials[0]),)
    assert heard.infected == heard.trials
    assert (missed.killers, missed.survived) == ((), missed.trials)
    assert [one.reached for one in ALL.faults] == [True, True, True, False]
    assert (untold.infected, far.infected) == ((), ())


def test_a_fault_is_as_the_best_that_came_of_it() -> None:
    assert [one.verdict for one in ALL.faults] == ["KILLED", "SURVIVED", "NOT INFECTED", "NOT REACHED"]
    assert [one.verdict for one in findings(POOR).faults] == [
        "NOT REACHED",
        "NOT REACHED",
        "NOT INFECTED",
        "NOT REACHED",
    ]
    assert ALL.with_verdict("SURVIVED") == (ALL.faults[1],)
    assert [one.fault for one in findings(POOR).with_verdict("NOT REACHED")] == [HEARD, MISSED, FAR]


def test_tests_are_told_by_what_is_wrong_with_them() -> None:
    assert (ALL.unheard, ALL.vacuous) == ((ODD,), (LOOSE,))
    assert findings(EXACT, LOOSE, full=False).vacuous == ()
    assert (ALL.infected_tests, ALL.passes) == (2, 15)
    assert (findings().infected_tests, findings().passes) == (0, 0)


def test_findings_are_told_as_plain_data() -> None:
    plain = ALL.as_plain()
    assert list(plain) == ["format", "mode", "passes", "faults", "tests", "vacuous"]
    assert (plain["format"], plain["mode"], plain["passes"]) == ("flujo-audit/1", "full", 15)
    assert plain["faults"][:2] == [
        {
            "name": "heard",
            "group": "ours",
            "law": "A1",
            "wrong": "The engine <does> heard.",
            "verdict": "KILLED",
            "killers": ["t.py::test_exact"],
            "survived": ["t.py::test_loose"],
        },
        {
            "name": "missed",
            "group": "ours",
            "law": "C2",
            "wrong": "The engine <does> missed.",
            "verdict": "SURVIVED",
            "killers": [],
            "survived": ["t.py::test_loose"],
        },
    ]
    assert [fault["verdict"] for fault in plain["faults"][2:]] == ["NOT INFECTED", "NOT REACHED"]
    assert plain["tests"] == [audited.as_plain() for audited in (EXACT, LOOSE, POOR, ODD)]
    assert plain["vacuous"] == ["t.py::test_loose"]


def test_a_fast_audit_does_not_know_which_tests_are_vacuous() -> None:
    plain = findings(LOOSE, full=False).as_plain()
    assert (plain["mode"], plain["vacuous"]) == ("fast", None)


# Gates --------------------------------------------------------------------------------------------------------------


def test_the_score_is_of_the_faults_that_changed_what_is_told() -> None:
    assert score_of(ALL, NO_WAIVERS) == Score(1, 2)
    assert score_of(findings(POOR), NO_WAIVERS) == Score(0, 0)


def test_a_waived_fault_counts_only_where_it_was_noticed() -> None:
    assert score_of(ALL, MISSED_IS_WAIVED) == Score(1, 1)
    assert score_of(findings(Audited("t", 3, (killed(MISSED), tolerated(HEARD)))), MISSED_IS_WAIVED) == Score(1, 2)


@pytest.mark.parametrize(
    ("score", "told"),
    [
        (Score(1, 2), "1 of 2 noticed: 50 %"),
        (Score(2, 3), "2 of 3 noticed: 67 %"),
        (Score(0, 1), "0 of 1 noticed: 0 %"),
        (Score(0, 0), "0 of 0 noticed: no score"),
    ],
    ids=str,
)
def test_a_score_is_told_with_its_figures(score: Score, told: str) -> None:
    assert score.told == told


@pytest.mark.parametrize(
    ("score", "percent", "is_below"),
    [(Score(1, 2), 50, False), (Score(1, 2), 51, True), (Score(2, 3), 67, True), (Score(2, 3), 66, False)],
    ids=str,
)
def test_a_score_is_not_rounded_where_it_is_held_to_a_least(score: Score, percent: int, is_below: bool) -> None:
    assert score.is_below(percent) is is_below


TOO_LOW = "faults: 1 of 2 noticed: 50 %, at least 51 % were asked for (--flujo-audit-min)"
TOO_MANY = "tests: 1 of 2 infected ones noticed nothing, at most 0 may (--flujo-audit-vacuous)"
NOTHING = (
    "no fault changed what a test tells (1 tests that ran a pipeline and passed, 4 faults): nothing was audited",
)


@pytest.mark.parametrize(
    ("found", "settings", "problems"),
    [
        (ALL, gates(), ()),
        (ALL, gates(50, 1), ()),
        (ALL, gates(51, 1), (TOO_LOW,)),
        (ALL, gates(50, 0), (TOO_MANY,)),
        (ALL, gates(51, 0), (TOO_LOW, TOO_MANY)),
        (findings(POOR), gates(), NOTHING),
        (findings(POOR), gates(100, 0), NOTHING),
    ],
    ids=["no gates", "met", "too low", "too many vacuous", "both", "nothing infected", "nothing infected, with gates"],
)
def test_an_audit_fails_at_its_gates(found: Findings, settings: Settings, problems: tuple[str, ...]) -> None:
    assert tuple(problems_of(found, settings, NO_WAIVERS)) == problems


def test_what_is_wrong_with_waivers_comes_first_and_a_waived_fault_lowers_no_score() -> None:
    waivers = Waivers(MISSED_IS_WAIVED.valid, ("one has expired",))
    assert list(problems_of(ALL, gates(100, 0), waivers)) == ["one has expired", TOO_MANY]


def test_a_score_of_waived_faults_alone_is_no_problem() -> None:
    alone = findings(Audited("t.py::test_it", 3, (tolerated(MISSED),)))
    assert list(problems_of(alone, gates(100), MISSED_IS_WAIVED)) == []
    assert [one.fault for one in alone.with_verdict("NOT REACHED")] == [HEARD, UNTOLD, FAR]
