"""47 red tests of three planted faults, told as three causes."""

from __future__ import annotations

import json
import shlex

import pytest

from flujo.cli.commands import run as run_command
from tests.flujo_testing.golden_project import Project
from tests.flujo_testing.report.planted_suite import BROKEN, kept, plant, run, suite_of, triage
from tests.flujo_testing.report.samples import GOLDEN

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return suite_of(pytester, monkeypatch)


TABLE = """\
47 of 60 tests are red: 3 causes
20 tests, law: a metered agent answered, but no entry says what was paid [{law}]
    in:    both/branch:left/draft, both/branch:right/edit, write
    first: tests/test_laws.py::test_branches[topic 0]
    says:  both/branch:left/draft/attempt:1: a metered agent answered, but no entry says what was paid
    see:   python -m pytest 'tests/test_laws.py::test_branches[topic 0]'
15 tests, golden: output of prompt has changed [{golden}]
    in:    prompt
    first: tests/test_prompts.py::test_haiku[topic 0]
    says:  output of prompt/attempt:1: "Write a plain haiku about topic 0" -> "Write a short haiku about topic 0"
    see:   flujo golden diff {golden}
12 tests, assertion: assert … == …, at tests/test_titles.py:8 [{assertion}]
    first: tests/test_titles.py::Titles::test_hail
    says:  assert 'hail' == 'Hail'
    see:   python -m pytest tests/test_titles.py::Titles::test_hail"""


def test_47_red_tests_are_3_causes_in_whichever_order_and_on_however_many_processes(suite: Project) -> None:
    plant(suite, **BROKEN)
    plain = run(suite)
    plain.assert_outcomes(passed=13, failed=47)
    record = kept(suite)
    told = triage(plain)
    assert told == TABLE.format(**{cause.kind: cause.key for cause in record.causes}).split("\n")
    assert {cause.kind: len(cause.tests) for cause in record.causes} == {"law": 20, "golden": 15, "assertion": 12}
    assert len({test for cause in record.causes for test in cause.tests}) == 47
    assert {case.cause for case in record.red} == {cause.key for cause in record.causes}
    shuffled = run(suite, "--randomly-seed=17", plugins=("pytest_randomly",))
    assert first_red(shuffled) != first_red(plain)
    assert triage(shuffled) == told
    assert triage(run(suite, "-n2", "--randomly-seed=4", plugins=("xdist", "pytest_randomly"))) == told


def first_red(result: pytest.RunResult) -> str:
    """The test that failed first, as the summary lists them."""
    return next(line for line in result.outlines if line.startswith("FAILED "))


def test_the_command_of_changed_goldens_shows_them(
    suite: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(suite, TONE="short")
    command = next(line.partition("see:   ")[2] for line in triage(run(suite)) if "see:" in line)
    capsys.readouterr()
    monkeypatch.chdir(suite.path)
    flujo, *arguments = shlex.split(command)
    assert (flujo, run_command([*arguments, "--json"], entries=GOLDEN)) == ("flujo", 0)
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert (group["title"], len(group["goldens"])) == ("output of prompt has changed", 15)


def test_in_ci_the_command_shows_a_test_or_the_artifacts(suite: Project) -> None:
    plant(suite, TONE="short", CI="true")
    assert triage(run(suite))[-1] == "    see:   python -m pytest 'tests/test_prompts.py::test_haiku[topic 0]'"
    key = triage(run(suite, "--golden-artifacts=my proposals"))[-1].split()[4]
    assert triage(run(suite, "--golden-artifacts=my proposals"))[-1] == (
        f"    see:   flujo golden diff {key} --from 'my proposals'"
    )
