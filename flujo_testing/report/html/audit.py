"""The section on the fault audit: which fault of the engine is noticed by how many tests, by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from flujo_testing.report.html.element import Element, element
from flujo_testing.report.html.plots import meter
from flujo_testing.report.html.tables import Column, Row, Value, empty, section, table
from flujo_testing.report.html.texts import counted, cut

KILLED: Final = "KILLED"
SURVIVED: Final = "SURVIVED"
MOST_FILES: Final = 12
MOST_FAULTS: Final = 300
OTHER: Final = "other files"


@dataclass(frozen=True, slots=True)
class OfFault:
    """A fault over all tests: how many noticed it, tolerated it, or ended otherwise; and by file."""

    fault: str
    noticed: int
    tolerated: int
    otherwise: int
    by_file: Mapping[str, tuple[int, int]]

    @property
    def infected(self) -> int:
        return self.noticed + self.tolerated + self.otherwise


def audit(rows: Mapping[str, Mapping[str, str]] | None) -> Element:
    """``rows``: by test, then by fault, what came of it."""
    if not rows:
        hint = "pytest --flujo-audit runs every test again under each fault of the engine."
        return section("audit", "Fault audit", empty("There is no fault audit of this suite.", hint))
    files = _files(rows)
    faults = _faults(rows, files)
    if not faults:
        return section("audit", "Fault audit", empty("No fault infected a run of the tests that were audited."))
    noticed = sum(1 for one in faults if one.noticed)
    told = f"{noticed} of {counted(len(faults), 'fault')} noticed by {counted(len(rows), 'test')}"
    shown = faults[:MOST_FAULTS]
    note = f"{counted(len(faults) - MOST_FAULTS, 'more fault')} not shown." if len(faults) > MOST_FAULTS else None
    legend = element(
        "p",
        "A cell says how many tests of a file noticed the fault, of those whose runs it changed.",
        class_="note",
    )
    columns = [Column("fault"), Column("noticed by", True, "ascending"), Column("tolerated by", True)]
    columns += [Column("ended otherwise", True), *(Column(_short(file, files), True) for file in files)]
    matrix = table("Faults by the tests that notice them", columns, [_row(one, files) for one in shown])
    return section("audit", "Fault audit", legend, matrix, element("p", note, class_="note"), told=told)


def _files(rows: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The files with the most verdicts; all others share one column."""
    weight: dict[str, int] = {}
    for test, row in rows.items():
        weight[_file(test)] = weight.get(_file(test), 0) + len(row)
    ranked = sorted(weight, key=lambda file: (-weight[file], file))
    if len(ranked) <= MOST_FILES:
        return sorted(ranked)
    return [*sorted(ranked[: MOST_FILES - 1]), OTHER]


def _faults(rows: Mapping[str, Mapping[str, str]], files: Sequence[str]) -> list[OfFault]:
    """Those that the fewest tests notice first."""
    verdicts: dict[str, list[tuple[str, str]]] = {}
    for test, row in rows.items():
        file = _file(test)
        for fault, verdict in row.items():
            verdicts.setdefault(fault, []).append((file if file in files else OTHER, verdict))
    found = [_of_fault(fault, told, files) for fault, told in verdicts.items()]
    return sorted(found, key=lambda one: (one.noticed, one.fault))


def _of_fault(fault: str, told: Sequence[tuple[str, str]], files: Sequence[str]) -> OfFault:
    noticed = sum(verdict.startswith(KILLED) for _, verdict in told)
    tolerated = sum(verdict == SURVIVED for _, verdict in told)
    by_file = {}
    for file in files:
        own = [verdict for place, verdict in told if place == file]
        by_file[file] = (sum(verdict.startswith(KILLED) for verdict in own), len(own))
    return OfFault(fault, noticed, tolerated, len(told) - noticed - tolerated, by_file)


def _file(test: str) -> str:
    return test.partition("::")[0]


def _short(file: str, files: Sequence[str]) -> str:
    """The name of a file, with its folder where another file has the same name."""
    name = file.rpartition("/")[2]
    same = [other for other in files if other.rpartition("/")[2] == name]
    return cut((name if len(same) == 1 else file).removesuffix(".py"), 80)


def _row(one: OfFault, files: Sequence[str]) -> Row:
    share = Decimal(one.noticed) / Decimal(one.infected)
    tone = "good" if one.noticed else "bad"
    head = element("span", element("code", cut(one.fault, 120)), class_=f"fault {tone}")
    noticed = element("span", meter(share, tone), element("span", f"{one.noticed} of {one.infected}"), class_="metered")
    return Row(
        (
            Value(head),
            Value(noticed, str(one.noticed)),
            Value(str(one.tolerated), str(one.tolerated)),
            Value(str(one.otherwise), str(one.otherwise), None if one.otherwise else "zero"),
            *(_cell(*one.by_file[file]) for file in files),
        ),
        found=True,
    )


def _cell(noticed: int, infected: int) -> Value:
    """Its shade says the same as its text."""
    if not infected:
        return Value("", "-1", "cell none")
    level = 0 if not noticed else 1 + (4 * noticed) // (infected + 1) if noticed < infected else 4
    return Value(f"{noticed}/{infected}", str(Decimal(noticed) / Decimal(infected)), f"cell level-{level}")
