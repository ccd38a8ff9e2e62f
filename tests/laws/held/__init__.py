"""Every law of Flujo in our own words, with the tests that hold it: the source of ``docs/laws.md``."""

from __future__ import annotations

from tests.laws.held.accounting import ACCOUNTING
from tests.laws.held.faults import FAULTS
from tests.laws.held.invariants import INVARIANTS, MISTAKES
from tests.laws.held.isolation import ISOLATED
from tests.laws.held.propagation import PROPAGATION
from tests.laws.held.runs import RUNS

CHAPTERS = (PROPAGATION, ACCOUNTING, ISOLATED, RUNS, INVARIANTS, MISTAKES, FAULTS)
