"""Records of runs for tests, among them such with texts that try to break out of where they are shown."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from hypothesis import strategies as st

from flujo.cli.commands import GROUP
from flujo_testing.golden.inert import inert
from flujo_testing.report.record import CaseRecord, Cause, Payment, RunRecord, SuiteRecord
from flujo_testing.review.groups import Changed

GOLDEN = [EntryPoint("golden", "flujo_testing.review.command:golden", GROUP)]
"""The commands that ``flujo`` is given."""
HOSTILE = (
    "::error::owned", "\n::set-output name=a::b", "%0A::stop", "a|b", "| x |\n| --- |", "<script>x()</script>", "`x`",
    "</code>", "[a](https://b.c)", "![a](b)", "www.b.c", "https://b.c", "@everyone", "**x**", "\r\n", "\x1b[31m",
    "&lt;", "file=a,line=2", "\\", "~~~", "$x$", "<!-- x -->", "\u202e", "\ud800", "]]>", "\x00",
)  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)), max_size=4).map("".join)
inert_texts = texts.map(inert)


def cause(**fields: object) -> Cause:
    told: dict[str, object] = {
        "key": "38fa3c47",
        "title": "a metered agent answered, but no entry says what was paid",
        "kind": "law",
        "steps": ("write",),
        "tests": ("tests/test_rain.py::test_it",),
        "example": "write/attempt:1: a metered agent answered",
        "command": "python -m pytest tests/test_rain.py::test_it",
        "usd": None,
    }
    return Cause(**(told | fields))  # type: ignore[arg-type]


def case(**fields: object) -> CaseRecord:
    told: dict[str, object] = {
        "test": "tests/test_rain.py::test_it",
        "outcome": "failed",
        "seconds": 0.25,
        "message": "assert 1 == 2",
        "cause": "38fa3c47",
        "runs": (),
        "file": "tests/test_rain.py",
        "line": 7,
    }
    return CaseRecord(**(told | fields))  # type: ignore[arg-type]


def paid(usd: str | None, step: str = "write") -> RunRecord:
    return RunRecord("rain", "completed", usd, (Payment(step, "test:writer", "ok", usd, 120, 40),))


def suite(*causes: Cause, cases: tuple[CaseRecord, ...] = (), changed: tuple[Changed, ...] = ()) -> SuiteRecord:
    return SuiteRecord(cases, causes, changed, {"a": {"b": "c"}}, "2026-01-02T03:04:05+00:00", 1.5)


causes = st.builds(
    Cause,
    key=st.just("38fa3c47"),
    title=inert_texts,
    kind=st.sampled_from(["law", "golden", "error"]),
    steps=st.lists(inert_texts, max_size=3).map(tuple),
    tests=st.lists(inert_texts, min_size=1, max_size=3).map(tuple),
    example=inert_texts,
    command=inert_texts,
    usd=st.sampled_from([None, "0.00208", "-0.0031"]),
)
