"""The report in a real browser: it is opened from a file, clicked, typed into and sorted, and asks nobody for anything.

Needs Chromium: ``apt-get install chromium``. In CI its absence is a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flujo_testing.report.page import page
from flujo_testing.report.record import SuiteRecord
from flujo_testing.review.groups import Changed
from tests.flujo_testing.report.browser import INSTALL, Browser, browsing, chromium
from tests.flujo_testing.report.records import BEFORE, EMPTY, SMALL, UNPAID, large
from tests.flujo_testing.report.test_page_injection import TOKENS, Texts, harmless, record

TWICE = replace(
    SMALL,
    changed=(
        *SMALL.changed,
        Changed("rain/test_more.yaml", "tests/test_rain.py::test_more", BEFORE, UNPAID),
    ),
)
SHOWN = "[...document.querySelectorAll({selector!r})].filter(e => e.checkVisibility()).map(e => e.textContent)"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Browser]:
    """A page of a small suite. Whatever a test does with it, it asks for no other file and complains of nothing."""
    browser.look(1280, 900)
    open_page(browser, TWICE, tmp_path)
    yield browser
    asked, complaints = list(browser.requests), list(browser.console)
    assert (asked, complaints) == ([(tmp_path / "report.html").as_uri()], [])


def open_page(browser: Browser, suite: SuiteRecord, folder: Path) -> None:
    path = folder / "report.html"
    path.write_text(page(suite), encoding="utf-8")
    browser.requests.clear()
    browser.console.clear()
    browser.open(path)


def shown(browser: Browser, selector: str) -> list[str]:
    """The texts of what the selector finds and a reader can see."""
    found: list[str] = browser.run(SHOWN.format(selector=selector))
    return found


def names_shown(browser: Browser) -> list[str]:
    return [text.rpartition("::")[2] for text in shown(browser, "#tests .test")]


def test_it_opens_with_its_script_running_and_nothing_else(opened: Browser) -> None:
    assert opened.run("document.querySelector('.tools').dataset.ready") == ""
    assert opened.run("performance.getEntriesByType('resource').length") == 0
    assert shown(opened, "h1") == ["3 of 5 tests failed"]


def test_an_entry_is_folded_and_unfolded_by_a_click(opened: Browser) -> None:
    assert shown(opened, "#causes pre") == ["write/attempt:1 is no longer paid: 0.00104 -> 0"]
    opened.click("#causes summary")
    assert shown(opened, "#causes pre") == []
    opened.click("#causes summary")
    assert shown(opened, "#causes pre") == ["write/attempt:1 is no longer paid: 0.00104 -> 0"]


def test_all_entries_are_folded_and_unfolded_at_once(opened: Browser) -> None:
    opened.click("#fold")
    assert opened.run("document.querySelectorAll('details.item[open]').length") == 0
    opened.click("#unfold")
    assert opened.run("document.querySelectorAll('details.item:not([open])').length") == 0


def test_an_entry_is_unfolded_by_the_keyboard(opened: Browser) -> None:
    opened.run("document.querySelector('#causes summary').focus()")
    opened.press("Enter")
    assert shown(opened, "#causes pre") == []


def test_the_search_leaves_what_holds_every_word(opened: Browser) -> None:
    opened.click("#search")
    opened.type("RAIN told")
    assert names_shown(opened) == ["test_told"]
    assert shown(opened, "#causes h3") == ["failed attempts are no longer paid"]
    assert shown(opened, "#found") == ["4 of 12"]
    assert shown(opened, ".nothing") == ["Nothing here matches."]
    opened.press("Escape")
    assert len(names_shown(opened)) == 5
    assert shown(opened, "#found") == []


def test_a_slash_leads_to_the_search(opened: Browser) -> None:
    opened.press("/")
    opened.type("hail")
    assert opened.run("document.querySelector('#search').value") == "hail"
    assert names_shown(opened) == ["test_no_run", "test_not_here"]


def test_outcomes_are_left_out_by_a_click(opened: Browser) -> None:
    opened.click("[data-show=failed]")
    assert names_shown(opened) == ["test_lost", "test_no_run", "test_not_here"]
    opened.click("[data-show=error]")
    assert names_shown(opened) == ["test_no_run", "test_not_here"]
    opened.click("[data-show=failed]")
    assert names_shown(opened) == ["test_draft", "test_told", "test_no_run", "test_not_here"]
    assert opened.run("document.querySelector('[data-show=error]').ariaPressed") == "false"


def test_tests_are_sorted_by_a_column_and_back(opened: Browser) -> None:
    seconds = "#tests th:nth-child(3) button"
    opened.click(seconds)
    assert names_shown(opened) == ["test_lost", "test_draft", "test_told", "test_no_run", "test_not_here"]
    assert opened.run("document.querySelector('#tests th:nth-child(3)').ariaSort") == "descending"
    opened.click(seconds)
    assert names_shown(opened) == ["test_not_here", "test_no_run", "test_told", "test_draft", "test_lost"]
    opened.click("#tests th:nth-child(2) button")
    assert names_shown(opened) == ["test_no_run", "test_not_here", "test_draft", "test_lost", "test_told"]
    assert opened.run("document.querySelector('#tests th:nth-child(3)').ariaSort") == "none"


def test_a_table_is_sorted_by_the_keyboard(opened: Browser) -> None:
    opened.run("document.querySelector('#audit th:nth-child(2) button').focus()")
    assert shown(opened, "#audit tbody th") == ["share_context", "ignore_limit", "plugin_skipped"]
    opened.press("Enter")
    assert shown(opened, "#audit tbody th") == ["plugin_skipped", "ignore_limit", "share_context"]


def test_one_example_of_a_group_is_shown_at_a_time(opened: Browser) -> None:
    group = "#goldens details:has(.tabs:not([hidden]))"
    assert shown(opened, f"{group} h4") == ["rain/test_draft.yaml\N{MINUS SIGN}0.00104 USD"]
    opened.click(f"{group} .tabs button:nth-child(2)")
    assert shown(opened, f"{group} h4") == ["rain/test_more.yaml\N{MINUS SIGN}0.00104 USD"]
    assert len(shown(opened, f"{group} table.run")) == 1
    opened.press("ArrowRight")
    assert shown(opened, f"{group} h4") == ["rain/test_draft.yaml\N{MINUS SIGN}0.00104 USD"]
    assert opened.run("document.activeElement.textContent") == "test_draft"


def test_dark_and_light_are_what_the_system_says_or_what_is_chosen(opened: Browser) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert opened.run(ground) == "rgb(247, 248, 249)"
    opened.click("#scheme")
    assert opened.run(ground) == "rgb(18, 20, 24)"
    opened.click("#scheme")
    opened.run("delete document.documentElement.dataset.scheme")
    opened.look(1280, 900, scheme="dark")
    assert opened.run(ground) == "rgb(18, 20, 24)"


@pytest.mark.parametrize("width", [400, 800, 1280, 2000])
def test_no_page_is_wider_than_the_window(opened: Browser, width: int) -> None:
    opened.look(width, 900)
    assert opened.run("document.documentElement.scrollWidth <= innerWidth") is True


CONTRAST = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (part) => {
    for (; part; part = part.parentElement) {
      const color = rgba(getComputedStyle(part).backgroundColor);
      if (color[3] > 230) return color;
    }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = {};
  let looked = 0;
  while (walker.nextNode()) {
    const part = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !part.checkVisibility()) continue;
    if (part.closest(".unseen, desc, svg > title")) continue;
    looked += 1;
    const style = getComputedStyle(part);
    const ink = light(rgba(part.closest("svg") ? style.fill : style.color)), paper = light(ground(part));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (ratio < 4.5) found[`${part.tagName}.${part.className}`] = ratio.toFixed(2);
  }
  return [looked > 200, found];
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(opened: Browser, scheme: str) -> None:
    opened.look(1280, 900, scheme=scheme)
    opened.click("#unfold")
    assert opened.run(CONTRAST) == [True, {}]


def test_what_is_printed_is_unfolded_and_has_no_switches(opened: Browser) -> None:
    opened.click("#fold")
    opened.look(1280, 900, media="print")
    opened.run("dispatchEvent(new Event('beforeprint'))")
    assert shown(opened, "nav, .tabs, .filters") == []
    assert opened.run("document.querySelectorAll('details:not([open])').length") == 0
    opened.run("dispatchEvent(new Event('afterprint'))")
    assert opened.run("document.querySelectorAll('details.item[open]').length") == 0


def test_a_link_into_what_is_folded_unfolds_it(opened: Browser) -> None:
    opened.click("#fold")
    opened.run("location.hash = '#golden-2'")
    assert opened.run(
        "new Promise(done => setTimeout(() => done(document.querySelector('#golden-2').checkVisibility())))"
    )


@pytest.mark.parametrize("token", TOKENS)
def test_evil_text_makes_the_elements_that_harmless_text_makes(browser: Browser, tmp_path: Path, token: str) -> None:
    counts = []
    for text in (token, harmless(token)):
        open_page(browser, record(Texts(*[text] * 10)), tmp_path)
        counts.append(browser.run("[...document.querySelectorAll('*')].map(e => e.tagName).sort()"))
        assert (len(browser.requests), browser.console) == (1, [])
    assert counts[0] == counts[1]


def test_the_policy_stops_what_gets_in_all_the_same(browser: Browser, tmp_path: Path) -> None:
    """What the escaping keeps out would do nothing: the log of requests and complaints sees it try."""
    evil = "<img src='https://evil.example/a.png'><script>window.evil = 1</script>"
    path = tmp_path / "broken.html"
    path.write_text(page(SMALL).replace("2 differences", evil), encoding="utf-8")
    browser.requests.clear()
    browser.console.clear()
    browser.open(path)
    assert browser.run("window.evil") is None
    assert [complaint.partition(": ")[0] for complaint in browser.console] == ["error", "error"]
    assert [request for request in browser.requests if not request.startswith("file:")] in (
        [],
        ["https://evil.example/a.png"],
    )


@pytest.mark.parametrize("name", ["small", "large", "empty"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light")])
def test_a_screenshot_is_taken(browser: Browser, tmp_path: Path, name: str, width: int, scheme: str) -> None:
    suites = {"small": TWICE, "large": large(500, 60), "empty": EMPTY}
    browser.look(width, 1200, scheme=scheme)
    open_page(browser, suites[name], tmp_path)
    picture = tmp_path / f"{name}-{width}-{scheme}.png"
    browser.screenshot(picture)
    assert picture.read_bytes()[:8] == PNG
    assert (len(browser.requests), browser.console) == (1, [])


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("0", pytest.skip.Exception), ("", pytest.skip.Exception)]
)
def test_without_chromium_it_fails_in_ci_and_names_itself_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=f"^{INSTALL}$"):
        chromium()
