"""Nothing that a model, a test or a step is called can become part of the page: no element, attribute, link or script.

The same record with harmless text in the place of the evil one, letter for letter, has to give the same elements with
the same attributes: only text may differ.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, dataclass
from hashlib import sha256
from string import ascii_letters, digits

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flujo_testing.report.html.element import element, text_of
from flujo_testing.report.page import page
from flujo_testing.report.record import CaseRecord, Cause, Payment, RunRecord, SuiteRecord
from flujo_testing.review.groups import Changed
from flujo_testing.transcript import render
from tests.flujo_testing.report.parsed import parsed
from tests.flujo_testing.report.records import SMALL

EVIL = "<>&\"'`=/\\;:!?-+*_~|@$%^#,.()[]{} \t\x00\x07\x08\x0c\r\x1b\x7f\x85\xa0\xad\u200b\u2028\u2029\u202e\u2066\ufeff"
# Each evil character has a harmless one that stands for it and for no other.
HARMLESS = "".join(map(chr, range(0x3B1, 0x3CA))) + "".join(map(chr, range(0x430, 0x450)))
STAND_INS = str.maketrans(dict(zip(EVIL, HARMLESS, strict=False)))
TOKENS = (
    "</script>",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<!doctype html>",
    '" onmouseover="alert(1)',
    "' style='x'",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "&#60;",
    "</td></tr></table>",
    "</title>",
    "</style>",
    "\x1b[31m",
    "\u202etxt.exe",
    "</svg><a href=//evil.example>",
    "##[error]",
)
evil_text = st.one_of(
    st.sampled_from(TOKENS),
    st.text(alphabet=st.sampled_from(EVIL + ascii_letters + digits), max_size=12),
)


@dataclass(frozen=True)
class Texts:
    """What somebody else writes, in each place where it gets into a record."""

    test: str
    message: str
    cause: str
    step: str
    branch: str
    output: str
    rejected: str
    plugin: str
    fault: str
    raw: str

    def each(self, change: Callable[[str], str]) -> Texts:
        return Texts(*map(change, astuple(self)))


def harmless(text: str) -> str:
    return text.translate(STAND_INS)


def story(texts: Texts, test: str, *, is_paid: bool) -> str:
    paid = {"paid": {"model": "test:writer", "input": 1, "output": 1, "usd": "0.5"}} if is_paid else {}
    attempt = {"input_from": "run", "output": texts.output, **paid, f"plugin {texts.plugin}": "accepted"}
    branch = {f"step {texts.step}": {"attempt 1": {"error": texts.rejected}, "status": "failed"}}
    steps = {f"a{texts.step}": {"attempt 1": attempt}, "b": {f"branch {texts.branch}": branch}}
    return render({"format": "flujo-golden/1", "owner": test, "result": {"status": "completed"}, "steps": steps})


def record(texts: Texts) -> SuiteRecord:
    """Every text of a record that somebody else writes is one of those."""
    test = f"tests/test_a.py::{texts.test}"
    payments = tuple(Payment(texts.step, texts.output, "ok", "0.5", 1, 1) for _ in range(2))
    runs = (RunRecord(texts.plugin, "failed", None, payments),)
    cause = Cause(texts.raw, texts.cause, texts.plugin, (texts.step,), (test,), texts.message, texts.raw, "0.5")
    changed = (
        Changed(f"{texts.test}.yaml", test, story(texts, test, is_paid=True), story(texts, test, is_paid=False)),
        Changed(f"{texts.test}.new.yaml", test, None, story(texts, test, is_paid=True)),
        Changed(f"{texts.test}.raw.yaml", test, f"- [{texts.raw}\n", f"- [{texts.message}x\n"),
    )
    case = CaseRecord(test, "failed", 0.5, f"a{texts.message}", "c", runs)
    audit = {test: {texts.fault: "KILLED by golden", f"{texts.fault}2": texts.raw}}
    return SuiteRecord((case,), (cause,), changed, audit, texts.message, 1.0)


texts_of = st.builds(Texts, *(evil_text,) * 10)


@settings(max_examples=60, deadline=None)
@given(texts_of)
@example(Texts(*["</script><script>alert(1)</script>"] * 10))
@example(Texts(*['"><img src=x onerror=alert(1)>'] * 10))
@example(Texts(*[""] * 10))
def test_evil_text_makes_no_element_and_no_attribute(texts: Texts) -> None:
    evil, tame = parsed(page(record(texts))), parsed(page(record(texts.each(harmless))))
    assert evil.shapes() == tame.shapes()
    assert evil.one("script").text == tame.one("script").text
    assert evil.one("style").text == tame.one("style").text


def test_the_stand_ins_are_harmless_and_every_evil_letter_has_its_own() -> None:
    assert len(set(EVIL)) == len(EVIL) <= len(set(HARMLESS))
    assert [letter for letter in HARMLESS if not letter.isalpha()] == []
    assert harmless("</b>") != harmless("<\\b>")


def test_the_comparison_sees_an_element_that_text_has_made() -> None:
    text = page(SMALL)
    broken = text.replace("2 differences", "<b>2 differences</b>")
    assert parsed(broken).shapes() - parsed(text).shapes() == Counter(
        {(("html", "body", "main", "section", "div", "table", "tbody", "tr", "td", "div", "p", "b"), ()): 1}
    )


def test_no_text_of_a_record_stands_in_an_attribute() -> None:
    marked = Texts(*(f"MARK{number}" for number in range(10)))
    root = parsed(page(record(marked)))
    assert [
        node.attributes for node in root.walk() if any("MARK" in (value or "") for value in node.attributes.values())
    ] == []
    assert [number for number in range(10) if f"MARK{number}" not in root.text] == []


def test_no_letter_that_hides_or_turns_text_is_left() -> None:
    text = page(record(Texts(*["a\x00\x1b\u202e\u2066\u200bb"] * 10)))
    assert re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", text) == []
    assert "a\\x00\\x1b\\u202e\\u2066\\u200bb" in text


def test_the_policy_lets_nothing_in_but_the_style_and_script_of_the_page() -> None:
    root = parsed(page(SMALL))
    style, script = (
        f"'sha256-{b64encode(sha256(root.one(tag).text.encode()).digest()).decode()}'" for tag in ("style", "script")
    )
    (policy,) = [
        node.attributes["content"]
        for node in root.all("meta")
        if node.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"


def test_every_link_leads_to_a_place_on_the_page() -> None:
    root = parsed(page(SMALL))
    ids = [node.attributes["id"] for node in root.walk() if "id" in node.attributes]
    links = [node.attributes["href"] for node in root.walk() if "href" in node.attributes]
    assert len(ids) == len(set(ids))
    assert links == ["#causes", "#goldens", "#costs", "#audit", "#slowest", "#tests"]
    assert {link[1:] for link in links if link} <= {id_ for id_ in ids if id_}
    assert [node.tag for node in root.walk() if node.attributes.keys() & {"src", "srcset", "style", "action"}] == []
    assert re.findall(r"url\(|@import|https?:|//\w", root.one("style").text) == []
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|fetch|https?:", root.one("script").text)
        == []
    )


def test_text_is_escaped_and_markup_cannot_be_handed_in() -> None:
    built = element("p", "<b>&amp;", element("code", "a\"'>"), id='x" onclick="y')
    assert str(built) == '<p id="x&quot; onclick=&quot;y">&lt;b&gt;&amp;amp;<code>a"\'&gt;</code></p>'
    assert text_of(built) == "<b>&amp;a\"'>"


def test_what_is_none_or_false_is_left_out() -> None:
    assert str(element("details", None, "a", open=False, class_=None)) == "<details>a</details>"
    assert str(element("details", open=True, data_sort=3)) == '<details open="" data-sort="3"></details>'
    assert str(element("input", type="search")) == '<input type="search">'


@pytest.mark.parametrize("tag", ["script", "style", "iframe", "img", "object", "form", "link", "P", "b onload"])
def test_an_element_that_could_do_harm_is_refused(tag: str) -> None:
    with pytest.raises(
        ValueError,
        match=re.escape(f"<{tag}> is not among the elements of a report: add it to TAGS if it can do no harm"),
    ):
        element(tag)


@pytest.mark.parametrize("name", ["onclick", "style", "src", "srcdoc", "action", "formaction"])
def test_an_attribute_that_could_do_harm_is_refused(name: str) -> None:
    with pytest.raises(
        ValueError,
        match=re.escape(f"{name}= is not among the attributes of a report: add it to ATTRIBUTES if it is harmless"),
    ):
        element("a", **{name: "x"})


@pytest.mark.parametrize("href", ["javascript:alert(1)", "//evil.example", "https://evil.example", "", " #a"])
def test_a_link_that_leaves_the_page_is_refused(href: str) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"a link of a report leads to a place on it, '#...', not to {href!r}")
    ):
        element("a", "x", href=href)
