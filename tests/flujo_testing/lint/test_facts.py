"""What tests did when they ran, and what the lint makes of it."""

from __future__ import annotations

import json

import pytest

from flujo_testing.lint import facts
from flujo_testing.lint.facts import Ran, from_plain, is_hollow, may_be_hollow
from flujo_testing.lint.finding import Finding
from flujo_testing.lint.library import Library
from flujo_testing.lint.linter import lint_text
from flujo_testing.lint.origins import Origins
from tests.flujo_testing.lint.marked import NOWHERE, test_of

OUTPUT = 'assert result.output == "rain"'


def ran(**seen: object) -> Ran:
    return from_plain({**Ran("/nowhere/test_rain.py", "test_rain", "test_rain[asyncio]").as_plain(), **seen})


def found(body: str, *passes: Ran, hollow: dict[str, str] | None = None) -> list[tuple[str, str]]:
    def judged(findings: list[Finding], origins: Origins) -> list[Finding]:
        return findings + facts.findings_of(passes, hollow or {}, origins, "test_rain.py")

    names = {one.test for one in passes}
    report = lint_text(test_of(body), NOWHERE, Library(), shown="test_rain.py", ran=names, seen=judged)
    return [(finding.code, finding.found) for finding in report.findings]


def test_a_fake_that_nobody_called_is_found_where_the_test_is_silent_about_it() -> None:
    never = ran(uncalled=("EchoAgent at small",), called=("EchoAgent at write",))
    assert found(OUTPUT, never) == [
        ("FL202", "EchoAgent at small was never called, and the test does not say that this is so")
    ]


@pytest.mark.parametrize(
    "body",
    [
        f"{OUTPUT}\nassert small.calls == ()",
        f'{OUTPUT}\nassert [step.name for step in result.step_history] == ["write"]',
        f'{OUTPUT}\nassert result.cost_by("step") == {{}}',
        "golden.check(result)",
        "assert result == golden",
    ],
)
def test_a_test_that_shows_who_was_called_may_have_a_fake_that_was_not(body: str) -> None:
    assert found(body, ran(uncalled=("EchoAgent at small",))) == []


def test_a_fake_that_another_pass_of_the_test_called_is_no_news() -> None:
    other = ran(node="test_rain[trio]", called=("EchoAgent at small",))
    assert found(OUTPUT, ran(uncalled=("EchoAgent at small",)), other) == []


def test_a_rest_of_a_script_is_told_once_for_all_passes() -> None:
    left = ran(left=("ScriptedAgent at write still has 1 of 2 answers when the test ends ('b')",))
    assert found(OUTPUT, left, left) == [("FL201", left.left[0])]


def test_a_golden_of_which_nothing_is_left_is_found() -> None:
    hollow = {"test_rain[asyncio]": "golden/test_rain/test_rain.yaml"}
    assert found("golden.check(result)", ran(), hollow=hollow) == [
        ("FL203", "nothing but replacements is left of golden/test_rain/test_rain.yaml")
    ]


def test_only_tests_that_ran_are_judged_and_these_whatever_their_text_says() -> None:
    silent = test_of("").replace('    result = await flujo_run(PIPELINE, "rain")\n', "    pass\n")
    for names, codes in (({"test_rain"}, ["FL101"]), (set(), [])):
        report = lint_text(silent, NOWHERE, Library(), ran=names)
        assert [finding.code for finding in report.findings] == codes


GOLDEN = 'format: flujo-golden/1\nowner: "x"\ninput: "rain"\nresult:\n  status: {}\nsteps:\n  write:\n    output: {}\n'


@pytest.mark.parametrize(
    ("text", "hollow"),
    [
        (GOLDEN.format("completed", '"rain"'), False),
        (GOLDEN.format('"..."', '"..."'), True),
        (GOLDEN.format("completed", "completed"), True),
        ('input: "rain"\nresult: "..."\nsteps: "..."\n', True),
        ('input: "rain"\nresult: {status: completed}\nsteps: "..."\n', False),
    ],
)
def test_a_golden_is_hollow_if_result_and_steps_are_one_and_the_same_value(text: str, hollow: bool) -> None:
    import yaml

    assert is_hollow(yaml.safe_load(text)) is hollow
    assert may_be_hollow(text) or not hollow


def test_what_a_process_of_xdist_sends_is_plain() -> None:
    seen = ran(uncalled=("a",), called=("b", "c"), left=("d",), values=(("status", '"completed"'),))
    assert from_plain(json.loads(json.dumps(seen.as_plain()))) == seen
