"""The record of a run of a suite: what it adds up to, and that a file gives back what was written into it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flujo_testing.golden.leak import secrets_in
from flujo_testing.report.last_run import masked
from flujo_testing.report.record import Cause, RecordUnreadable, SuiteRecord, as_json, suite_from_json, sum_usd
from flujo_testing.review.groups import Changed
from flujo_testing.transcript.quoting import quoted
from tests.flujo_testing.report import samples

GREEN = samples.case(test="b", outcome="passed", message="", cause=None)


def test_what_tests_cost_is_exact_and_unknown_where_a_payment_is() -> None:
    known = samples.suite(cases=(samples.case(runs=(samples.paid("0.1"), samples.paid("0.2"))), GREEN))
    assert (known.cases[0].usd, known.cases[1].usd, known.usd) == ("0.3", "0", "0.3")
    assert samples.suite(cases=(*known.cases, samples.case(runs=(samples.paid(None),)))).usd is None
    assert sum_usd(["-0.0031", "0.001"]) == "-0.0021"


def test_failed_tests_and_errors_are_red() -> None:
    outcomes = ("failed", "error", "xpassed", "xfailed", "skipped", "passed")
    record = samples.suite(cases=tuple(samples.case(outcome=outcome) for outcome in outcomes))
    assert [case.outcome for case in record.red] == ["failed", "error"]


@given(st.lists(samples.causes, max_size=3).map(tuple))
def test_a_file_gives_back_the_record(causes: tuple[Cause, ...]) -> None:
    changed = (Changed("test_rain/test_it.yaml", "tests/test_rain.py::test_it", None, "a: 1\n"),)
    record = samples.suite(*causes, cases=(samples.case(runs=(samples.paid("0.1"),)), GREEN), changed=changed)
    assert suite_from_json(as_json(record), "last-run.json") == record


def without(name: str) -> str:
    told = json.loads(as_json(samples.suite()))
    del told[name]
    return json.dumps(told)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "last-run.json is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[" * 100_000, "last-run.json is not JSON: "),
        ("[]", "last-run.json is no record of a run in the format 'flujo-suite/1'"),
        ('{"format": "flujo-suite/2"}', "last-run.json is no record of a run in the format 'flujo-suite/1'"),
        (without("causes"), "last-run.json is no record of a run: it has no field 'causes'"),
        (
            as_json(samples.suite(cases=(samples.case(outcome="fine"),))),
            "last-run.json is no record of a run: cases.0.outcome: Input should be 'passed', 'failed', 'error', "
            "'skipped', 'xfailed' or 'xpassed'",
        ),
    ],
)
def test_a_file_that_is_no_record_is_told_so_with_its_name_and_the_place(text: str, why: str) -> None:
    with pytest.raises(RecordUnreadable) as caught:
        suite_from_json(text, "last-run.json")
    assert str(caught.value)[: len(why)] == why


def test_a_record_holds_nothing_but_plain_data() -> None:
    told = json.loads(as_json(samples.suite(samples.cause())))
    assert sorted(told) == sorted(["format", *SuiteRecord.__slots__])


def test_a_secret_in_an_escape_of_a_golden_is_masked_before_anybody_reads_the_golden() -> None:
    secret = 'a"b/c=d\\e<f>'
    scan = secrets_in({"RAIN_API_KEY": secret})
    said = json.dumps({"error": f"no such key: {secret}"})
    golden = f'format: "flujo-golden/1"\nowner: "o"\ninput: {quoted(said)}\n'
    fine = 'format: "flujo-golden/1"\nowner: "o"\ninput: "rain"\n'
    record = samples.suite(changed=(Changed("a/b.yaml", "t", fine, golden), Changed("a/c.yaml", "t", None, fine)))
    hidden = 'format: flujo-golden/1\nowner: "o"\ninput: "{\\"error\\": \\"no such key: ***\\"}"\n'
    assert masked(record, scan).changed == (
        Changed("a/b.yaml", "t", fine, hidden),
        Changed("a/c.yaml", "t", None, fine),
    )
