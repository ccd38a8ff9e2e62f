"""``flujo replay``: the first thing that changed code does otherwise is named, and nobody is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flujo.cli.endings import CLEAN, FINDINGS, USAGE
from tests.flujo.cli.conftest import PRESS, Call

STORE = ("--store", "sqlite:///runs.db")


def keep(flujo: Call, name: str, *options: str) -> None:
    flujo("run", f"{PRESS}:{name}", "--input", "rain", "--run-id", "r1", *STORE, *options)


@pytest.mark.parametrize("name", ["unchanged", "wordy", "thrifty", "approved", "hostile", "sorting"])
def test_unchanged_code_does_the_same_however_the_run_ended(name: str, flujo: Call) -> None:
    keep(flujo, name)
    said = flujo("replay", "r1", *STORE)
    assert said.out.startswith("✓ run r1: ")
    assert said.out.endswith(" events, no difference\n")
    assert (said.err, said.code) == ("", CLEAN)


def test_a_run_that_a_person_has_answered_is_the_same_too(flujo: Call) -> None:
    keep(flujo, "approved")
    flujo("resume", "r1", "--answer", "approve=yes", *STORE)
    said = flujo("replay", "r1", *STORE)
    assert (said.out, said.code) == ("✓ run r1: 31 events, no difference\n", CLEAN)


@pytest.mark.parametrize(
    ("made", "now", "difference"),
    [
        ("unchanged", "other_prompt", 'write/attempt:1 is asked something else: "rain" -> "A haiku about rain"'),
        (
            "unchanged",
            "other_plugin",
            "write/attempt:1/plugin:four_words judges otherwise: rejects: 6 words, at most 4 -> accepts",
        ),
        (
            "unchanged",
            "another_plugin",
            "write/attempt:2/plugin:not_blue: the plugin judges now (accepts), and did not then",
        ),
        (
            "unchanged",
            "other_price",
            "review/branch:legal/read/attempt:1/request:1 costs something else: 0.000452 USD -> 0.000504 USD",
        ),
        ("unchanged", "other_branches", "review/branch:facts/read: the step ran now, and not then"),
        ("unchanged", "fewer_branches", "review/branch:tone/read: the step ran then, and not now"),
        ("unchanged", "fewer_retries", "write/attempt:2: it was asked then, and not now"),
        ("unchanged", "other_name", "draft: the step ran now, and not then"),
        ("unchanged", "longer", "sign: the step ran now, and not then"),
        ("sorting", "sorting_otherwise", 'sort/decision:condition:0 decides otherwise: "short" -> "long"'),
        ("longer", "unchanged", "sign: the step ran then, and not now"),
    ],
)
def test_the_first_difference_is_named(made: str, now: str, difference: str, flujo: Call) -> None:
    keep(flujo, made)
    said = flujo("replay", "r1", "--pipeline", f"{PRESS}:{now}", *STORE)
    assert (said.out, said.err, said.code) == (f"✗ run r1: {difference}\n", "", FINDINGS)


def test_the_difference_as_json(flujo: Call) -> None:
    keep(flujo, "unchanged")
    said = flujo("replay", "r1", "--pipeline", f"{PRESS}:other_prompt", "--json", *STORE)
    assert json.loads(said.out) == {
        "run_id": "r1",
        "events": 30,
        "difference": {
            "path": "write/attempt:1",
            "kind": "asked",
            "before": "rain",
            "after": "A haiku about rain",
            "text": 'write/attempt:1 is asked something else: "rain" -> "A haiku about rain"',
        },
    }
    assert said.code == FINDINGS


def test_a_run_that_failed_and_went_on_is_the_same_too(flujo: Call) -> None:
    keep(flujo, "wordy")
    flujo("resume", "r1", *STORE)
    assert flujo("show", "r1", *STORE).out.count("attempt 4") == 1
    said = flujo("replay", "r1", *STORE)
    assert (said.out, said.code) == ("✓ run r1: 21 events, no difference\n", CLEAN)


def test_a_run_without_an_end_is_not_compared(flujo: Call) -> None:
    keep(flujo, "press")
    made = json.loads(flujo("fork", "r1", "--from", "review", "--json", *STORE).out)["run_id"]
    said = flujo("replay", made, *STORE)
    assert (said.err, said.code) == (
        f"flujo: the run {made} has no end yet, so there is nothing to compare with: 'flujo resume' goes on with it\n",
        USAGE,
    )


def test_functions_that_are_called_anew_may_answer_otherwise(flujo: Call, tmp_path: Path) -> None:
    text = "from flujo import Step\n\nasync def shout(text): return text + {mark!r}\n\nflow = Step('shout', shout)\n"
    for name, mark in (("early", "!"), ("late", "?")):
        (tmp_path / f"{name}.py").write_text(text.format(mark=mark))
    flujo("run", "early:flow", "--input", "rain", "--run-id", "r1", *STORE)
    kept = flujo("replay", "r1", "--pipeline", "late:flow", *STORE)
    assert (kept.out, kept.code) == ("✓ run r1: 6 events, no difference\n", CLEAN)
    called = flujo("replay", "r1", "--pipeline", "late:flow", "--call", "sho*", *STORE)
    assert (called.out, called.code) == (
        '✗ run r1: shout/attempt:1 answers something else: "rain!" -> "rain?"\n',
        FINDINGS,
    )
