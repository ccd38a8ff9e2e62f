"""Every fault of the catalogue has a test that kills it and one that it leaves alone."""

from __future__ import annotations

import re

import pytest

from flujo import Laws, PipelineResult
from flujo_testing.faults import FAULTS
from flujo_testing.transcript import story_of
from tests.flujo_testing.faults.accounting_killers import ACCOUNTING
from tests.flujo_testing.faults.isolation_killers import ISOLATION
from tests.flujo_testing.faults.propagation_killers import PROPAGATION
from tests.flujo_testing.faults.scenario import Killer
from tests.flujo_testing.faults.transcript_killers import TRANSCRIPT

GROUPS = {"accounting": ACCOUNTING, "propagation": PROPAGATION, "isolation": ISOLATION, "transcript": TRANSCRIPT}
KILLERS: dict[str, Killer] = {name: killer for group in GROUPS.values() for name, killer in group.items()}
CATALOGUE = {name: fault for name, fault in FAULTS.items() if fault.group in GROUPS}
"""Without what other tests have registered."""
pytestmark = pytest.mark.usefixtures("virtual_clock")


def told(result: PipelineResult) -> object:
    """All that a run tells of itself, whatever it is called and whenever it was."""
    story = story_of(result) if result.is_whole else None
    costs = [(entry.path, entry.cost_usd, entry.outcome) for entry in result.ledger.entries]
    return story, result.status, result.output, costs


def test_every_fault_has_a_killer_of_its_group() -> None:
    killed = {name: group for group, killers in GROUPS.items() for name in killers}
    assert {name: fault.group for name, fault in CATALOGUE.items()} == killed
    print(f"{len(CATALOGUE)} faults, {len(killed)} killers")


def test_rows_are_well_formed() -> None:
    places = {"door", *(f"laws.{policy}" for policy in Laws.__dataclass_fields__)}
    assert [name for name, fault in CATALOGUE.items() if fault.name != name] == []
    assert [name for name in CATALOGUE if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []
    assert [fault.name for fault in CATALOGUE.values() if not re.fullmatch(r"[PAC]\d", fault.law)] == []
    assert [fault.name for fault in CATALOGUE.values() if not fault.wrong.endswith(".")] == []
    assert [fault.name for fault in CATALOGUE.values() if "|" in fault.wrong + fault.assertion] == []  # in a table
    assert [fault.name for fault in CATALOGUE.values() if not places.issuperset(fault.seam.split(", "))] == []


@pytest.mark.parametrize("name", KILLERS)
async def test_the_killer_passes_clean_and_fails_by_assertion_under_the_fault(name: str) -> None:
    killer = KILLERS[name]
    clean = await killer.run()
    assert killer.reads(clean) == killer.expected
    with FAULTS[name].in_force() as reach:
        lied = await killer.run()
    assert reach.count > 0
    assert killer.reads(lied) != killer.expected
    assert told(lied) != told(clean), "the fault shows in no story: it would not count as infected"


@pytest.mark.parametrize("name", KILLERS)
async def test_a_run_without_the_scenario_is_not_infected(name: str) -> None:
    clean = told(await KILLERS[name].null())
    with FAULTS[name].in_force():
        assert told(await KILLERS[name].null()) == clean
