"""Records of runs of a suite to make pages of: a small one whose every number is known, and large ones."""

from __future__ import annotations

from dataclasses import replace

from flujo_testing.report.record import CaseRecord, Cause, Payment, RunRecord, SuiteRecord
from flujo_testing.review.groups import Changed

STARTED = "2026-11-29T14:03:22+00:00"
EMPTY = SuiteRecord((), (), (), None, STARTED, 0.25)

BEFORE = """\
format: flujo-golden/1
owner: "tests/test_rain.py::test_draft"
input: "rain"
result:
  status: completed
  output: "Rain"
  spent: {usd: "0.00208", requests: 2, input_tokens: 240, output_tokens: 80}
steps:
  write:
    attempt 1:
      input_from: run
      output: "a b c"
      paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
      plugin max_words: {rejected: "3 words, at most 2"}
    attempt 2:
      input_from: run
      feedback: [{from: max_words, text: "3 words, at most 2"}]
      output: "Rain"
      paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
      plugin max_words: accepted
  review:
    branch legal:
      step check:
        attempt 1:
          input_from: write
          output: "fine"
    branch facts:
      step check:
        attempt 1:
          input_from: write
          error: "offline"
        status: failed
      failed: ignored
"""
UNPAID = BEFORE.replace(
    '      paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}\n      plugin max_words: {',
    "      plugin max_words: {",
).replace(
    '{usd: "0.00208", requests: 2, input_tokens: 240, output_tokens: 80}',
    '{usd: "0.00104", requests: 1, input_tokens: 120, output_tokens: 40}',
)
UNTOLD = BEFORE.replace('      feedback: [{from: max_words, text: "3 words, at most 2"}]\n', "")


def owned(text: str, test: str) -> str:
    return text.replace("tests/test_rain.py::test_draft", test)


def paid(step: str, model: str | None, usd: str | None, outcome: str = "ok") -> Payment:
    return Payment(step, model, outcome, usd, 120, 40)


RAIN = (
    RunRecord(
        "pipeline",
        "completed",
        "0.002749",
        (
            paid("write", "test:writer", "0.00104"),
            paid("write", "test:writer", "0.00104", "timeout"),
            paid("write/fallback:small", "test:small", "0.000669"),
        ),
    ),
)
UNKNOWN = (RunRecord("pipeline", "failed", None, (paid("write", None, None, "in_doubt"),)),)

CASES = (
    CaseRecord("tests/test_hail.py::test_no_run", "passed", 0.002, "", None, ()),
    CaseRecord("tests/test_hail.py::test_not_here", "skipped", 0.0, "", None, ()),
    CaseRecord("tests/test_rain.py::test_draft", "failed", 0.25, "2 differences", "4f1a", RAIN),
    CaseRecord("tests/test_rain.py::test_lost", "error", 1.5, "offline", "77aa", UNKNOWN),
    CaseRecord("tests/test_rain.py::test_told", "failed", 0.125, "1 difference", "4f1a", RAIN),
)
CAUSES = (
    Cause(
        "4f1a",
        "failed attempts are no longer paid",
        "golden",
        ("write",),
        ("tests/test_rain.py::test_draft", "tests/test_rain.py::test_told"),
        "write/attempt:1 is no longer paid: 0.00104 -> 0",
        "flujo golden review",
        "-0.00104",
    ),
    Cause("77aa", "offline", "error", (), ("tests/test_rain.py::test_lost",), "", "pytest tests/test_rain.py", None),
)
CHANGED = (
    Changed("rain/test_draft.yaml", "tests/test_rain.py::test_draft", BEFORE, UNPAID),
    Changed("rain/test_told.yaml", "tests/test_rain.py::test_told", BEFORE, UNTOLD),
)
AUDIT = {
    "tests/test_hail.py::test_one": {"share_context": "SURVIVED", "plugin_skipped": "SURVIVED"},
    "tests/test_rain.py::test_draft": {"share_context": "CRASH", "plugin_skipped": "KILLED by golden"},
    "tests/test_rain.py::test_told": {"plugin_skipped": "KILLED by assertion", "ignore_limit": "KILLED by golden"},
}
SMALL = SuiteRecord(CASES, CAUSES, CHANGED, AUDIT, STARTED, 74.2)


def large(tests: int, goldens: int, text: str = "") -> SuiteRecord:
    """Many tests, of which the first ones have changed goldens in three ways; ``text`` makes each golden longer."""
    changes = (UNPAID, UNTOLD, BEFORE.replace('output: "fine"', 'output: "well"'))
    names = [f"tests/desk/test_drafts_{number % 12}.py::test_that_a_draft_is_told_{number}" for number in range(tests)]
    changed = tuple(
        Changed(
            f"desk/test_drafts_{number % 12}/test_that_a_draft_is_told_{number}.yaml",
            name,
            owned(BEFORE, name).replace('"rain"', f'"rain {text}"'),
            owned(changes[number % 3], name).replace('"rain"', f'"rain {text}"'),
        )
        for number, name in enumerate(names[:goldens])
    )
    cases = tuple(
        CaseRecord(name, "failed" if number < goldens else "passed", number / 1000, "", None, RAIN)
        for number, name in enumerate(names)
    )
    cause = replace(CAUSES[0], tests=tuple(names[:goldens]))
    faults = [f"fault_{number}" for number in range(60)]
    audit = {name: dict.fromkeys(faults[: number % 60], "KILLED by golden") for number, name in enumerate(names)}
    return SuiteRecord(cases, (cause,), changed, audit, STARTED, 74.2)
