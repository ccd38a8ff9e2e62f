"""The HTML report: one file that needs no other, for a run of the suite. It reads a record and writes text.

The policy of the page lets nothing be loaded and nothing run but its own style and script, which are known by their
hashes; neither of them holds data.
"""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from flujo_testing.report.html.audit import audit
from flujo_testing.report.html.cases import TONES, cases, outcomes, slowest
from flujo_testing.report.html.causes import causes
from flujo_testing.report.html.costs import costs
from flujo_testing.report.html.element import Element, element
from flujo_testing.report.html.goldens import goldens
from flujo_testing.report.html.plots import Numbers, strip
from flujo_testing.report.html.spending import payments_of, spent
from flujo_testing.report.html.texts import counted, cut, dollars, duration
from flujo_testing.report.record import SuiteRecord

TITLE: Final = "Flujo report"


def page(record: SuiteRecord) -> str:
    """The report as the text of an HTML file; the same record gives the same bytes."""
    numbers = Numbers()
    sections = (
        causes(record),
        goldens(record.changed),
        costs(record, numbers),
        audit(record.audit),
        slowest(record, numbers),
        cases(record),
    )
    body = "\n".join(str(part) for part in (_header(record, numbers), _bar(record), element("main", *sections)))
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"{element('title', f'{_verdict(record)} - {TITLE}')}\n<style>{style}</style>\n</head>\n"
        f"<body>\n{body}\n{_footer()}\n<script>{script}</script>\n</body>\n</html>\n"
    )


@cache
def _asset(name: str) -> str:
    """The style or the script: files of this package, nothing of a user's."""
    return files("flujo_testing.report.html").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _verdict(record: SuiteRecord) -> str:
    tests = len(record.cases)
    if record.red:
        return f"{len(record.red):,} of {counted(tests, 'test')} failed"
    return f"{counted(tests, 'test')}, none failed" if tests else "No test was run"


def _header(record: SuiteRecord, numbers: Numbers) -> Element:
    found = outcomes(record.cases)
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in found) or "no test"
    whole = Decimal(max(1, len(record.cases)))
    shares = [(TONES[outcome], count / whole) for outcome, count in found]
    return element(
        "header",
        element("p", TITLE, " ", element("time", cut(record.started_at, 40)), class_="over"),
        element("h1", _verdict(record), class_="red" if record.red else "green" if record.cases else "off"),
        strip(numbers, "Tests by outcome", told, shares),
        element("dl", *(_figure(*figure) for figure in [*_outcomes(record), *_figures(record)]), class_="figures"),
    )


def _outcomes(record: SuiteRecord) -> list[tuple[str, str, str | None]]:
    return [(outcome, f"{count:,}", TONES[outcome]) for outcome, count in outcomes(record.cases)]


def _figures(record: SuiteRecord) -> list[tuple[str, str, str | None]]:
    paid = spent("", payments_of(record.cases))
    runs = sum(len(case.runs) for case in record.cases)
    unknown = f" + {paid.unpriced:,} unpriced" if paid.unpriced else ""
    return [
        ("time", duration(record.seconds), None),
        ("cost", f"{dollars(paid.usd)}{unknown}", None),
        ("runs", f"{runs:,}", None),
        ("requests", f"{paid.requests:,}", None),
        ("tokens in / out", f"{paid.input_tokens:,} / {paid.output_tokens:,}", None),
    ]


def _figure(name: str, shown: str, tone: str | None) -> Element:
    return element("div", element("dt", name), element("dd", shown), class_=f"figure {tone}" if tone else "figure")


def _bar(record: SuiteRecord) -> Element:
    """What stays on top of the screen: the way to the sections, the search, and the switches."""
    places = [
        ("causes", "Causes", len(record.causes)),
        ("goldens", "Goldens", len(record.changed)),
        ("costs", "Costs", None),
        ("audit", "Audit", None),
        ("slowest", "Slowest", None),
        ("tests", "Tests", len(record.cases)),
    ]
    links = (_link(*place) for place in places)
    search = element(
        "label",
        element("span", "Search", class_="unseen"),
        element(
            "input", id="search", type="search", placeholder="Search tests, causes, steps", autocomplete="off",
            spellcheck="false",
        ),
        element("kbd", "/", aria_hidden="true"),
    )  # fmt: skip
    switches = [
        element("button", text, type="button", id=key, class_="switch")
        for key, text in (("fold", "Fold all"), ("unfold", "Unfold all"), ("scheme", "Dark"))
    ]
    found = element("span", id="found", aria_live="polite")
    tools = element("div", search, found, *switches, class_="tools", hidden=True)
    return element("nav", element("div", *links, class_="places"), tools, aria_label="Report")


def _link(key: str, title: str, count: int | None) -> Element:
    return element("a", title, " " if count else None, element("b", f"{count:,}") if count else None, href=f"#{key}")


def _footer() -> Element:
    keys = (element("kbd", "/"), " searches, ", element("kbd", "Esc"), " clears it")
    return element("footer", element("p", "This file loads nothing and sends nothing. ", *keys, "."))
