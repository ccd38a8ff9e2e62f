"""Whether the audit fails, and why: each problem is a sentence with its figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flujo_testing.audit.findings import Findings
from flujo_testing.audit.settings import Settings
from flujo_testing.audit.waivers import Waivers


@dataclass(frozen=True, slots=True)
class Score:
    """``noticed`` of ``infected`` faults; one that is waived and survives is in neither."""

    noticed: int
    infected: int

    @property
    def told(self) -> str:
        percent = f"{100 * self.noticed / self.infected:.0f} %" if self.infected else "no score"
        return f"{self.noticed} of {self.infected} noticed: {percent}"

    def is_below(self, percent: int) -> bool:
        return 100 * self.noticed < percent * self.infected


def score_of(findings: Findings, waivers: Waivers) -> Score:
    survived = [one for one in findings.with_verdict("SURVIVED") if one.fault.name not in waivers.valid]
    noticed = len(findings.with_verdict("KILLED"))
    return Score(noticed, noticed + len(survived))


def problems_of(findings: Findings, settings: Settings, waivers: Waivers) -> Iterator[str]:
    yield from waivers.problems
    score = score_of(findings, waivers)
    if not any(one.infected for one in findings.faults):
        yield (
            f"no fault changed what a test tells ({len(findings.tests)} tests that ran a pipeline and passed, "
            f"{len(findings.catalogue)} faults): nothing was audited"
        )
    elif settings.least_percent is not None and score.is_below(settings.least_percent):
        yield f"faults: {score.told}, at least {settings.least_percent} % were asked for (--flujo-audit-min)"
    if settings.most_vacuous is not None and len(findings.vacuous) > settings.most_vacuous:
        yield (
            f"tests: {len(findings.vacuous)} of {findings.infected_tests} infected ones noticed nothing, "
            f"at most {settings.most_vacuous} may (--flujo-audit-vacuous)"
        )
