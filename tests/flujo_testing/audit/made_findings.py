"""Findings of an audit that nobody ran: four faults, and what tests made of them."""

from __future__ import annotations

from flujo_testing.audit.endings import Ending
from flujo_testing.audit.findings import Findings
from flujo_testing.audit.trial import Audited, State, Trial
from flujo_testing.faults import Fault, lying


def fault(name: str, law: str = "A1") -> Fault:
    return Fault(name, "ours", law, f"The engine <does> {name}.", "door", f"assert no {name}", lying())


HEARD, MISSED, UNTOLD, FAR = fault("heard"), fault("missed", "C2"), fault("untold", "P3"), fault("far", "P4")
CATALOGUE = (HEARD, MISSED, UNTOLD, FAR)


def killed(of: Fault, ending: Ending = Ending.ASSERTION) -> Trial:
    return Trial(of.name, State.INFECTED, ending, ("it costs more", "1 -> 2"))


def tolerated(of: Fault, ending: Ending = Ending.SURVIVED, violation: str = "") -> Trial:
    return Trial(of.name, State.INFECTED, ending, ("it costs more", "1 -> 2"), "assert cost == 1", violation)


def silent(of: Fault) -> Trial:
    return Trial(of.name, State.NOT_INFECTED, Ending.SURVIVED)


def unreached(of: Fault) -> Trial:
    return Trial(of.name, State.NOT_REACHED, Ending.SURVIVED)


EXACT = Audited("t.py::test_exact", 6, (killed(HEARD), tolerated(MISSED, Ending.CRASH), silent(UNTOLD), unreached(FAR)))
LOOSE = Audited("t.py::test_loose", 4, (tolerated(HEARD), tolerated(MISSED, violation="3 USD lack")))
POOR = Audited("t.py::test_poor", 3, (silent(UNTOLD),))
ODD = Audited("t.py::test_odd", 2, problem="nondeterministic: 1 -> 2")


def findings(*tests: Audited, full: bool = True) -> Findings:
    return Findings(CATALOGUE, tests, full)


ALL = findings(EXACT, LOOSE, POOR, ODD)
