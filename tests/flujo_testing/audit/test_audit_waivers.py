"""Waivers as they are written: what a file may hold, and in which words the rest is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flujo_testing.audit.waivers import MAX_BYTES, Waiver, Waivers, waivers_of

TODAY = date(2026, 3, 1)
LONG = "x" * 100
GOOD = '[a]\nreason = "soon"\nexpires = 2026-03-02\n'
WAIVED = Waivers({"a": Waiver("a", "soon", date(2026, 3, 2))})


def read(folder: Path, text: str | bytes) -> Waivers:
    file = folder / "waivers.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return waivers_of(file, {"a", "b", LONG}, TODAY)


def test_without_a_file_there_are_none() -> None:
    assert waivers_of(None, {"a"}, TODAY) == Waivers({}, ())


def test_every_table_is_a_waiver_or_a_problem(tmp_path: Path) -> None:
    found = read(tmp_path, 'c = 1\n[b]\nreason = "over"\nexpires = 2026-02-28\n' + GOOD)
    assert found == Waivers(
        WAIVED.valid,
        (
            "waivers.toml waives 'c', which is no fault of the catalogue",
            "waivers.toml: the waiver of 'b' has expired on 2026-02-28: over",
        ),
    )


NEEDS = 'needs a reason and a day, reason = "..." and expires = 2027-03-01'
CUT = "x" * 59


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{'y' * 100} = 1", f" waives '{'y' * 59}, which is no fault of the catalogue"),
        ("a = 1", f": the waiver of 'a' {NEEDS}"),
        ("[a]\nexpires = 2026-03-02", f": the waiver of 'a' {NEEDS}"),
        ("[a]\nreason = 1\nexpires = 2026-03-02", f": the waiver of 'a' {NEEDS}"),
        ('[a]\nreason = "\\t"\nexpires = 2026-03-02', f": the waiver of 'a' {NEEDS}"),
        (f'[{LONG}]\nreason = "soon"', f": the waiver of '{CUT} {NEEDS}"),
        (f"{GOOD}until = 1", f": the waiver of 'a' {NEEDS}"),
        (
            f'[{LONG}]\nreason = "soon"\nexpires = "{LONG}"',
            f": the waiver of '{CUT} expires on '{CUT}, which is no day: expires = 2027-03-01",
        ),
        (
            '[a]\nreason = "soon"\nexpires = 2026-03-02T01:00:00',
            ": the waiver of 'a' expires on datetime.datetime(2026, 3, 2, 1, 0), which is no day: expires = 2027-03-01",
        ),
        (
            f'[{LONG}]\nreason = "soon"\nexpires = 2026-03-01',
            f": the waiver of '{CUT} has expired on 2026-03-01: soon",
        ),
        ("a = " + "[" * 3000, " cannot be read: it is nested too deep"),
    ],
    ids=[
        "unknown",
        "no table",
        "no reason",
        "a number for a reason",
        "a blank reason",
        "no day",
        "more than that",
        "text for a day",
        "a time for a day",
        "expired today",
        "nested too deep",
    ],
)
def test_what_is_no_waiver_is_refused_in_words(tmp_path: Path, text: str, problem: str) -> None:
    assert read(tmp_path, text) == Waivers({}, (f"waivers.toml{problem}",))


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_a_file_may_have_so_many_bytes(tmp_path: Path, more: int, fits: bool) -> None:
    comment = "#" * (MAX_BYTES - len(GOOD) + more)
    refused = Waivers({}, ("waivers.toml cannot be read: it has more than 262144 bytes",))
    assert read(tmp_path, GOOD + comment) == (WAIVED if fits else refused)


def test_bytes_that_are_no_text_and_a_file_that_is_not_there_are_told(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, b"\xff").problems
    assert problem.startswith("waivers.toml cannot be read: 'utf-8' codec can't decode byte 0xff")
    (problem,) = waivers_of(tmp_path / "none.toml", {"a"}, TODAY).problems
    assert problem.startswith("none.toml cannot be read: [Errno 2] No such file or directory")
