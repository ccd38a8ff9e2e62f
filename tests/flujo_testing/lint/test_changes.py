"""What became weaker between two versions of a test file, and what only moved, was renamed, or changed its value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from flujo_testing.lint.changes import Version, weakenings
from flujo_testing.lint.finding import RULES, Finding
from flujo_testing.lint.library import Library, parsed
from flujo_testing.lint.origins import Origins
from tests.flujo_testing.lint.marked import HEAD, test_of

EXACT = 'assert result.output == "rain"'
COST = 'assert result.total_cost_usd == Decimal("0.00208")'
RAISES = "with pytest.raises(StepFailedError, match=\"step 'write' failed after 2\"):\n    result.raise_for_status()"
GOLDEN = "golden.check(result)"
NEAR = "assert result.step_history[0].latency_s == pytest.approx(2.0, abs=0.1)"
SKIP = "@pytest.mark.skip(reason='later')"
DECORATED = "async def test_rain(flujo_run):"


def origins_of(text: str | None) -> Origins | None:
    return None if text is None else Library().of_text(Path("/nowhere/test_rain.py"), parsed(text, "test_rain.py"))


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[Finding]:
    """What is found where these files became those."""
    names = sorted({*old, *new})
    return weakenings([Version(name, origins_of(old.get(name)), origins_of(new.get(name)), name) for name in names])


def in_one_test(before: str, after: str) -> list[Finding]:
    return changed({"test_rain.py": test_of(before)}, {"test_rain.py": test_of(after)})


WEAKER = {
    "a bound": (COST, "assert result.total_cost_usd >= 0", "FL301"),
    "there": (EXACT, "assert result.output is not None", "FL301"),
    "true": (EXACT, "assert result.output", "FL301"),
    "somewhere": (EXACT, 'assert "rain" in str(result.output)', "FL301"),
    "a type": (EXACT, "assert isinstance(result.output, str)", "FL301"),
    "or": (EXACT, 'assert result.output == "rain" or result.output == "snow"', "FL301"),
    "one of several": (EXACT, 'assert result.output in ("rain", "snow")', "FL301"),
    "anything": (EXACT, "assert result.output == ANY", "FL301"),
    "itself": (EXACT, "assert result.output == result.output", "FL301"),
    "nearly": (COST, "assert float(result.total_cost_usd) == pytest.approx(0.00208)", "FL301"),
    "the whole is there": (EXACT, "assert result is not None", "FL301"),
    "only the size": ("assert result.output == [1, 2]", "assert len(result.output) > 0", "FL301"),
    "by another name": (EXACT, "output = result.output\nassert output", "FL301"),
    "part of a tuple": (
        'assert (result.status, result.output) == ("completed", "rain")',
        'assert result.status == "completed"\nassert result.output',
        "FL301",
    ),
    "by unittest": ('self.assertEqual(result.output, "rain")', "self.assertIsNotNone(result.output)", "FL301"),
    "weaker than a bound": ("assert result.total_tokens < 100", "assert result.total_tokens is not None", "FL301"),
    "removed": (f"{EXACT}\n{COST}", EXACT, "FL302"),
    "removed from a tuple": (
        'assert (result.status, result.output) == ("completed", "rain")',
        'assert result.status == "completed"',
        "FL302",
    ),
    "replaced by something else": (f"{EXACT}\n{COST}", f"{EXACT}\nassert PIPELINE.name == 'write'", "FL302"),
    "one for two": ("assert result.a == 7\nassert result.b == 7", "assert result.c == 7", "FL302"),
    "commented out": (f"{EXACT}\n{COST}", f"{EXACT}\n# {COST}", "FL302"),
    "an error is no longer expected": (f"{EXACT}\n{RAISES}", f"{EXACT}\nresult.raise_for_status()", "FL302"),
    "a golden is gone": (f"{EXACT}\n{GOLDEN}", EXACT, "FL305"),
    "a golden by == is gone": (f"{EXACT}\nassert result == golden", EXACT, "FL305"),
    "a second golden is gone": (f"{GOLDEN}\ngolden.check(result, name='b')", GOLDEN, "FL305"),
    "redacted": (GOLDEN, "golden.check(result, redact={'steps.write': '...'})", "FL306"),
    "redacted more": (
        "golden.check(result, redact={'a': 1})",
        "golden.check(result, redact={'a': 1, 'b': 1})",
        "FL306",
    ),
    "redacted by a name": (GOLDEN, "golden.check(result, redact=SECRETS)", "FL306"),
    "wider": (NEAR, NEAR.replace("0.1", "0.5"), "FL307"),
    "wider by abs": ("assert abs(result.x - 2) < 0.1", "assert abs(result.x - 2) < 0.2", "FL307"),
    "fewer digits": ("assert round(result.x, 4) == 2", "assert round(result.x, 2) == 2", "FL307"),
    "a tolerance is given": (NEAR.replace(", abs=0.1", ""), NEAR, "FL307"),
    "any error": (RAISES, RAISES.replace("StepFailedError", "Exception"), "FL308"),
    "a base of ours": (RAISES, RAISES.replace("StepFailedError", "FlujoError"), "FL308"),
    "a builtin base": (
        "with pytest.raises(KeyError):\n    result.f()",
        "with pytest.raises(LookupError):\n    result.f()",
        "FL308",
    ),
    "one more error": (RAISES, RAISES.replace("StepFailedError", "(StepFailedError, ValueError)"), "FL308"),
    "no match": (RAISES, RAISES.replace(", match=\"step 'write' failed after 2\"", ""), "FL308"),
    "less of a match": (RAISES, RAISES.replace(" failed after 2", ""), "FL308"),
    "a match of anything": (RAISES, RAISES.replace("step 'write' failed after 2", ".*"), "FL308"),
}

NO_WEAKER = {
    "nothing": (EXACT, EXACT),
    "another value": (EXACT, 'assert result.output == "snow"'),
    "stronger": ("assert result.output", EXACT),
    "another order": (f"{EXACT}\n{COST}", f"{COST}\n{EXACT}"),
    "joined in a tuple": (
        f"{EXACT}\n{COST}",
        'assert (result.output, result.total_cost_usd) == ("rain", Decimal("0.00208"))',
    ),
    "split": ('assert result.output == "rain" and result.error is None', f"{EXACT}\nassert result.error is None"),
    "by a name": (EXACT, 'output = result.output\nassert output == "rain"'),
    "another name": (EXACT, 'other = await flujo_run(PIPELINE, "rain")\nassert other.output == "rain"'),
    "the whole": (
        'assert result.context.drafts == ["a"]\nassert result.context.topic == "b"',
        'assert result.context == Context(drafts=["a"], topic="b")',
    ),
    "a golden instead": (f"{EXACT}\n{COST}", GOLDEN),
    "less redacted": ("golden.check(result, redact={'a': 1, 'b': 1})", "golden.check(result, redact={'a': 1})"),
    "narrower": (NEAR, NEAR.replace("0.1", "0.01")),
    "a narrower error": (RAISES.replace("StepFailedError", "FlujoError"), RAISES),
    "more of a match": (RAISES.replace(" failed after 2", ""), RAISES),
    "true is true": ("assert result.success == True", "assert result.success"),
    "something that said little": (f"{EXACT}\nassert isinstance(result.output, str)", EXACT),
    "an inner function": (EXACT, f"def look():\n    {EXACT}\nlook()"),
    "something that never failed": (f"{EXACT}\nassert True", EXACT),
}


@pytest.mark.parametrize(("before", "after", "code"), WEAKER.values(), ids=WEAKER.keys())
def test_what_became_weaker_is_found(before: str, after: str, code: str) -> None:
    assert [finding.code for finding in in_one_test(before, after)] == [code]


@pytest.mark.parametrize(("before", "after"), NO_WEAKER.values(), ids=NO_WEAKER.keys())
def test_what_did_not_is_not(before: str, after: str) -> None:
    assert in_one_test(before, after) == []


def test_a_finding_says_what_was_what_is_and_what_to_write() -> None:
    (finding,) = in_one_test(COST, "assert result.total_cost_usd >= 0")
    assert str(finding) == (
        "test_rain.py:16:5: FL301 test_rain: `result.total_cost_usd == Decimal('0.00208')` became "
        "`result.total_cost_usd >= 0`; write: assert result.total_cost_usd == Decimal('0.00208')"
    )


# Tests as a whole -----------------------------------------------------------------------------------------

RAIN = test_of(EXACT)
SNOW = RAIN.removeprefix(HEAD).replace("rain", "snow")


def codes(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.path, finding.test, finding.code) for finding in findings]


def test_a_deleted_test_is_found_whether_its_file_is_gone_or_not() -> None:
    both = {"test_rain.py": RAIN + SNOW}
    assert codes(changed(both, {"test_rain.py": RAIN})) == [("test_rain.py", "test_snow", "FL303")]
    assert codes(changed(both, {})) == [
        ("test_rain.py", "test_rain", "FL303"),
        ("test_rain.py", "test_snow", "FL303"),
    ]
    (finding,) = changed({"test_rain.py": RAIN}, {})
    assert finding.found == "was deleted, with 1 assertion"


def test_a_test_that_is_no_longer_collected_is_a_deleted_one() -> None:
    hidden = RAIN.replace("def test_rain", "def _test_rain")
    assert codes(changed({"test_rain.py": RAIN}, {"test_rain.py": hidden})) == [("test_rain.py", "test_rain", "FL303")]


@pytest.mark.parametrize(
    "new",
    [
        {"test_rain.py": RAIN.replace("def test_rain", "def test_of_rain")},
        {"test_weather.py": RAIN},
        {"test_weather.py": RAIN.replace("def test_rain", "def test_of_rain")},
        {"test_rain.py": RAIN, "test_weather.py": test_of(COST).replace("def test_rain", "def test_snow")},
    ],
)
def test_a_test_may_be_renamed_and_moved(new: Mapping[str, str]) -> None:
    assert changed({"test_rain.py": RAIN}, new) == []


def test_a_test_that_moved_and_became_weaker_is_found() -> None:
    weaker = test_of("assert result.output")
    assert codes(changed({"test_rain.py": RAIN}, {"test_weather.py": weaker})) == [
        ("test_weather.py", "test_rain", "FL301")
    ]


def test_a_claim_may_move_to_another_test_or_helper() -> None:
    old = {"test_rain.py": test_of(f"{EXACT}\n{COST}")}
    helper = f"\ndef is_cheap(result):\n    {COST}\n"
    assert changed(old, {"test_rain.py": test_of(f"{EXACT}\nis_cheap(result)") + helper}) == []
    assert codes(changed(old, {"test_rain.py": test_of(f"{EXACT}\nis_cheap(result)")})) == [
        ("test_rain.py", "test_rain", "FL302")
    ]


def test_a_helper_that_became_weaker_is_found() -> None:
    helper = "\ndef is_cheap(result):\n    {}\n"
    old = RAIN + helper.format(COST)
    assert codes(changed({"test_rain.py": old}, {"test_rain.py": RAIN + helper.format("assert result")})) == [
        ("test_rain.py", "is_cheap", "FL301")
    ]
    assert codes(changed({"test_rain.py": old}, {"test_rain.py": RAIN})) == [("test_rain.py", "is_cheap", "FL302")]


@pytest.mark.parametrize(
    "new",
    [
        RAIN.replace(DECORATED, f"{SKIP}\n{DECORATED}"),
        RAIN.replace(DECORATED, f"@pytest.mark.xfail\n{DECORATED}"),
        RAIN.replace(DECORATED, f"@pytest.mark.skipif(True, reason='x')\n{DECORATED}"),
        RAIN.replace("    assert", "    pytest.skip('later')\n    assert"),
        RAIN.replace("PIPELINE =", "pytestmark = [pytest.mark.skip]\nPIPELINE ="),
        RAIN.replace("PIPELINE =", "pytest.importorskip('rain')\nPIPELINE ="),
    ],
)
def test_a_test_that_no_longer_has_to_pass_is_found(new: str) -> None:
    assert codes(changed({"test_rain.py": RAIN}, {"test_rain.py": new})) == [("test_rain.py", "test_rain", "FL304")]
    assert changed({"test_rain.py": new}, {"test_rain.py": new}) == []
    assert changed({"test_rain.py": new}, {"test_rain.py": RAIN}) == []


def test_cases_that_are_gone_are_found() -> None:
    three = RAIN.replace(DECORATED, f"@pytest.mark.parametrize('n', [1, 2, 3])\n{DECORATED}")
    two = three.replace(", 3]", "]")
    assert codes(changed({"test_rain.py": three}, {"test_rain.py": two})) == [("test_rain.py", "test_rain", "FL302")]
    assert changed({"test_rain.py": two}, {"test_rain.py": three}) == []


def test_errors_of_the_test_file_have_bases_too() -> None:
    classes = "class Weather(Exception): ...\nclass Rain(Weather): ...\n"
    body = "with pytest.raises({}):\n    result.f()"
    old, new = (classes + test_of(body.format(name)) for name in ("Rain", "Weather"))
    assert [finding.code for finding in changed({"test_rain.py": old}, {"test_rain.py": new})] == ["FL308"]
    assert changed({"test_rain.py": new}, {"test_rain.py": old}) == []


def test_new_files_and_new_tests_weaken_nothing() -> None:
    assert changed({}, {"test_rain.py": RAIN}) == []
    assert changed({"test_rain.py": RAIN}, {"test_rain.py": RAIN + SNOW}) == []


def test_every_rule_about_changes_is_tested_here() -> None:
    tested = {code for _, _, code in WEAKER.values()} | {"FL303", "FL304"}
    assert tested == {code for code in RULES if code.startswith("FL3")}
