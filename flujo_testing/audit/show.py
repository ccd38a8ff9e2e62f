"""What the audit found, as lines for the summary of pytest, as Markdown, and as JSON: the same facts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from flujo_testing.audit.endings import Ending
from flujo_testing.audit.findings import Findings, OfFault
from flujo_testing.audit.gates import score_of
from flujo_testing.audit.trial import Audited, Trial
from flujo_testing.audit.waivers import Waivers
from flujo_testing.golden.inert import inert

MOST_TESTS = 3
"""Of those that tolerated one fault, so many are shown."""
LIMITS = "it cannot know: scenarios that no test has, faults that are in no catalogue, goldens accepted unread"


def as_text(findings: Findings, waivers: Waivers, problems: Sequence[str]) -> Iterator[str]:
    yield _head(findings, waivers)
    for one in findings.with_verdict("SURVIVED"):
        yield f"survived: {one.fault.name} ({one.fault.law}): {one.fault.wrong}{_waived(one, waivers)}"
        yield from (f"  {line}" for line in _tolerated(one))
    for told, faults in _left_out(findings):
        yield f"{told}: {', '.join(one.fault.name for one in faults)}"
    if findings.full:
        yield from (f"infected, and noticed nothing: {audited.test}" for audited in findings.vacuous)
    yield from (f"not audited: {audited.test}: {audited.problem}" for audited in findings.unheard)
    yield from (f"waived: {name} until {waiver.expires}: {waiver.reason}" for name, waiver in waivers.valid.items())
    yield LIMITS
    yield from (f"problem: {problem}" for problem in problems)


def as_markdown(findings: Findings, waivers: Waivers, problems: Sequence[str]) -> str:
    return "\n".join(_markdown(findings, waivers, problems)) + "\n"


def as_json(findings: Findings, waivers: Waivers, problems: Sequence[str]) -> str:
    score = score_of(findings, waivers)
    told = findings.as_plain() | {
        "score": {"noticed": score.noticed, "infected": score.infected},
        "waivers": [
            {"fault": one.fault, "reason": one.reason, "expires": str(one.expires)} for one in waivers.valid.values()
        ],
        "problems": list(problems),
    }
    return json.dumps(told, indent=1) + "\n"


def _head(findings: Findings, waivers: Waivers) -> str:
    mode = "full" if findings.full else "fast"
    tests = "1 test that runs" if len(findings.tests) == 1 else f"{len(findings.tests)} tests that run"
    score = score_of(findings, waivers).told
    looked_at = f"{len(findings.catalogue)} faults, {tests} pipelines, {findings.passes} passes"
    return f"audit ({mode}): {looked_at}; infected faults: {score}"


def _waived(one: OfFault, waivers: Waivers) -> str:
    return " (waived)" if one.fault.name in waivers.valid else ""


def _tolerated(one: OfFault) -> Iterator[str]:
    shown = _few(one)
    for test, trial in shown:
        yield f"{test} {_ended(trial)}: {'; '.join(trial.told)}"
        if trial.violation:
            yield f"  the built-in check says: {trial.violation}"
        yield f"  would notice: {trial.assertion}"
    if len(one.survived) > len(shown):
        yield f"and {len(one.survived) - len(shown)} more"


def _few(one: OfFault) -> list[tuple[str, Trial]]:
    """The first variant of each test, and not many tests."""
    by_test: dict[str, tuple[str, Trial]] = {}
    for test, trial in one.survived:
        by_test.setdefault(test.partition("[")[0], (test, trial))
    return list(by_test.values())[:MOST_TESTS]


def _ended(trial: Trial) -> str:
    if trial.ending is Ending.SURVIVED:
        return "still passed"
    return f"ended without a claim ({trial.ending})"


def _left_out(findings: Findings) -> Iterator[tuple[str, tuple[OfFault, ...]]]:
    for verdict, told in (
        ("NOT INFECTED", "reached, but told by no run (the scenarios are too poor)"),
        ("NOT REACHED", "not reached (no scenario)"),
    ):
        if faults := findings.with_verdict(verdict):
            yield told, faults


def _markdown(findings: Findings, waivers: Waivers, problems: Sequence[str]) -> Iterator[str]:
    yield from ("## Fault audit", "", _safe(_head(findings, waivers)) + ".", "")
    yield from (f"- **problem**: {_safe(problem)}" for problem in problems)
    yield from ("", "| fault | law | verdict | noticed by | tolerated by |", "|---|---|---|---|---|")
    for one in findings.faults:
        verdict = one.verdict + _waived(one, waivers)
        yield f"| {one.fault.name} | {one.fault.law} | {verdict} | {len(one.killers)} | {len(one.survived)} |"
    for one in findings.with_verdict("SURVIVED"):
        yield from ("", f"### {one.fault.name}", "", _safe(one.fault.wrong), "")
        yield from _bullets(_few(one))
    yield from _tests("Infected, and noticed nothing", findings.vacuous)
    yield from _tests("Not audited", findings.unheard)


def _bullets(survived: Iterable[tuple[str, Trial]]) -> Iterator[str]:
    for test, trial in survived:
        yield f"- {_safe(test)} {_ended(trial)}: {_safe('; '.join(trial.told))}"
        yield f"  - would notice: {_code(trial.assertion)}"


def _tests(title: str, tests: Sequence[Audited]) -> Iterator[str]:
    if tests:
        yield from ("", f"### {title}", "")
        told = (f"{audited.test}: {audited.problem}" if audited.problem else audited.test for audited in tests)
        yield from (f"- {_safe(line)}" for line in told)


def _safe(text: str) -> str:
    """Without a line break, and with nothing that Markdown or HTML would act on."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&@-])", r"\\\1", inert(text).replace("\n", " "))


def _code(text: str) -> str:
    """Within as many backticks as it needs."""
    line = inert(text).replace("\n", " ")
    fence = "`" * (max((len(found) for found in re.findall("`+", line)), default=0) + 1)
    return f"{fence} {line} {fence}"
