"""How large a page gets, that it depends on the record alone, and what is left out where there is too much."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from flujo_testing.report.page import page
from flujo_testing.review.groups import Changed
from tests.flujo_testing.report.parsed import parsed
from tests.flujo_testing.report.records import BEFORE, SMALL, large

MOST_BYTES = 5_000_000
ROOT = Path(__file__).parents[3]
HASH_OF_A_PAGE = (
    "from hashlib import sha256\n"
    "from flujo_testing.report.page import page\n"
    "from tests.flujo_testing.report.records import SMALL\n"
    "print(sha256(page(SMALL).encode()).hexdigest())\n"
)


def test_a_page_of_500_tests_with_60_changed_goldens_is_small_and_complete() -> None:
    text = page(large(500, 60))
    root = parsed(text)
    print(f"{len(text.encode()):,} bytes")
    assert len(text.encode()) < MOST_BYTES
    assert len(root.by_id("tests").one("tbody").all("tr")) == 500
    assert len(root.by_id("goldens").all("table", "run")) == 60
    assert root.by_id("goldens").one("span", "told").text == "60 goldens in 6 groups, \N{MINUS SIGN}0.0208 USD"
    assert len(root.by_id("audit").one("tbody").all("tr")) == 59


def test_long_texts_in_every_golden_are_cut() -> None:
    text = page(large(500, 60, text="and it rains " * 2000))
    assert len(text.encode()) < MOST_BYTES
    first = parsed(text).by_id("golden-1").one("table", "run").one("tbody").all("p", "words")[0]
    assert first.text == '"rain ' + "and it rains " * 6 + "and it\N{HORIZONTAL ELLIPSIS} (25,917 more characters)"


def test_goldens_beyond_the_room_are_named_and_not_drawn() -> None:
    words = "and it rains " * 10
    waits = "".join(f'    backoff {number}: "{number} {words}"\n' for number in range(100))
    before = BEFORE.replace("  write:\n", f"  write:\n{waits}")
    goldens = tuple(
        Changed(
            f"rain/{number}.yaml",
            f"tests/test_rain_{number % 2}.py::test_draft",
            before,
            before.replace('"a b c"', '"a b d"'),
        )
        for number in range(60)
    )
    text = page(replace(SMALL, changed=goldens))
    section = parsed(text).by_id("goldens")
    drawn = len(section.all("div", "drawing"))
    notes = [note.text for note in section.all("p", "note")]
    assert len(text.encode()) < MOST_BYTES
    assert drawn < 60
    assert notes.count("Not drawn, this page is long enough: flujo golden diff shows it.") == 60 - drawn


def test_groups_beyond_a_number_are_a_list() -> None:
    goldens = tuple(
        Changed(
            f"rain/{number}.yaml",
            f"tests/test_rain_{number}.py::test_draft",
            BEFORE,
            BEFORE.replace('output: "fine"', 'output: "well"'),
        )
        for number in range(40)
    )
    section = parsed(page(replace(SMALL, changed=goldens))).by_id("goldens")
    groups = section.one("span", "told").text
    assert groups == "40 goldens in 40 groups"
    assert len(section.all("table", "run")) == 30
    folded = section.all("details", "item")[-1]
    assert folded.one("h3").text == "10 smaller groups"
    assert [line.text[-10:] for line in folded.all("li")] == [": 1 golden"] * 10


def test_the_same_record_gives_the_same_bytes_in_every_process() -> None:
    expected = sha256(page(SMALL).encode()).hexdigest()
    for seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", HASH_OF_A_PAGE],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == expected
