"""What the chaos run holds against the promises: evidence that breaks one is told, and good evidence is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chaos.evidence import Evidence, Kill, violations

PATHS = ["write/attempt:1", "write/attempt:2", "publish/attempt:1"]
KEPT = {path: f'"{path}"' for path in PATHS}
OUTCOME: dict[str, Any] = {
    "status": "completed",
    "output": "rain",
    "notes": PATHS,
    "entries": [[path, "ok", "0.001"] for path in PATHS],
}
DOUBT = {**OUTCOME, "entries": [["write/attempt:2", "in_doubt", "-1"], *OUTCOME["entries"]]}
UNDISTURBED = Evidence(PATHS, KEPT, [OUTCOME, OUTCOME])
KILL = Kill({"write/attempt:1": KEPT["write/attempt:1"]}, 2)
GOOD = Evidence([PATHS[0], PATHS[1], *PATHS[1:]], KEPT, [DOUBT, DOUBT], [KILL])

BAD: dict[str, tuple[Evidence, str]] = {
    "asked again": (
        replace(GOOD, asked=[*PATHS[:2], "write/attempt:1", *PATHS[1:]]),
        "write/attempt:1 was asked again after kill 1, and its answer had been kept",
    ),
    "lost": (
        replace(GOOD, kept={path: KEPT[path] for path in PATHS[1:]}),
        "the answer at write/attempt:1 that was kept at kill 1 is lost, or is another one",
    ),
    "changed": (
        replace(GOOD, kept={**KEPT, "write/attempt:1": '"other"'}),
        "the answer at write/attempt:1 that was kept at kill 1 is lost, or is another one",
    ),
    "two outcomes": (
        replace(GOOD, outcomes=[DOUBT, {**DOUBT, "output": "fog"}]),
        f"the run has 2 outcomes that differ: {[DOUBT, {**DOUBT, 'output': 'fog'}]}",
    ),
    "another output": (
        replace(GOOD, outcomes=[{**DOUBT, "output": "fog"}] * 2),
        "its output is 'fog', undisturbed 'rain'",
    ),
    "another context": (
        replace(GOOD, outcomes=[{**DOUBT, "notes": PATHS[:1]}] * 2),
        f"its notes is {PATHS[:1]!r}, undisturbed {PATHS!r}",
    ),
    "another ledger": (
        replace(GOOD, outcomes=[{**DOUBT, "entries": DOUBT["entries"][:-1]}] * 2),
        f"its ledger is {OUTCOME['entries'][:-1]}, undisturbed {OUTCOME['entries']}",
    ),
    "not told as in doubt": (
        replace(GOOD, outcomes=[OUTCOME, OUTCOME]),
        "write/attempt:2 was asked 2 times, and 0 calls are told as in doubt",
    ),
    "never asked": (
        replace(GOOD, asked=PATHS[:2]),
        f"asked were {sorted(PATHS[:2])}, undisturbed {sorted(PATHS)}",
    ),
    "in doubt without a kill": (
        replace(GOOD, kills=[], asked=PATHS),
        "1 calls are in doubt after 0 kills of 3 branches",
    ),
}


def test_good_evidence_breaks_nothing() -> None:
    assert list(violations(GOOD, UNDISTURBED)) == []
    assert list(violations(UNDISTURBED, UNDISTURBED)) == []
    assert (GOOD.repeated, GOOD.doubts) == (1, 1)


@pytest.mark.parametrize("name", BAD)
def test_evidence_of_a_broken_promise_is_told(name: str) -> None:
    seen, told = BAD[name]
    expected = [told]
    if name == "asked again":  # nor has anybody told of the call
        expected.append("write/attempt:1 was asked 2 times, and 0 calls are told as in doubt")
    assert list(violations(seen, UNDISTURBED)) == expected
