"""Accepting and rejecting groups and goldens: what is written, what stays open, what is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from flujo_testing.golden.errors import GoldenMisuse, SecretFound
from flujo_testing.golden.findings import digest
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.pending import read_pending
from flujo_testing.review.acting import settle
from flujo_testing.review.decision import Desk
from flujo_testing.review.groups import Changed
from flujo_testing.transcript import render
from tests.flujo_testing.review.deciding import NOON, UNPAID, UNTOLD, Place, three
from tests.flujo_testing.review.stories import changed, failed_attempts_unpaid, feedback_lost, story


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def titles(place: Place) -> list[tuple[str, int]]:
    return [(group.title, len(group.instances)) for group in place.waiting().sorting.groups]


def test_accepting_a_group_writes_what_is_due_to_its_cause_and_leaves_the_rest_open(place: Place) -> None:
    unpaid, untold, both = three(place)
    acted = place.settle("accept", UNPAID)
    assert (acted.done.written, acted.left, acted.problems) == ([unpaid.golden, both.golden], 2, [])
    between = render(failed_attempts_unpaid(story("tests/test_rain.py::test_2", drafts=2)))
    assert place.goldens() == {unpaid.golden: unpaid.after, untold.golden: untold.before, both.golden: between}
    assert titles(place) == [("feedback no longer reaches the next attempt", 2)]
    left = place.proposal(both.golden)
    assert (left.base, left.text) == (digest(between.encode()), both.after)
    place.settle("accept", UNTOLD)
    assert place.goldens() == {one.golden: one.after for one in (unpaid, untold, both)}
    assert (titles(place), place.waiting().problems) == ([], ())


def test_accepting_a_golden_writes_all_of_it_and_nothing_else(place: Place) -> None:
    unpaid, untold, both = three(place)
    acted = place.settle("accept", f"golden/{both.golden}")
    assert (acted.done.written, acted.left) == ([both.golden], 2)
    assert place.goldens() == {unpaid.golden: unpaid.before, untold.golden: untold.before, both.golden: both.after}


def test_a_golden_is_known_by_its_path_and_by_its_test(place: Place) -> None:
    unpaid, untold, _ = three(place)
    acted = place.settle("accept", unpaid.test, untold.golden)
    assert (acted.done.written, acted.left) == ([unpaid.golden, untold.golden], 1)


def test_rejecting_a_group_takes_its_cause_out_of_the_proposals(place: Place) -> None:
    unpaid, untold, both = three(place)
    acted = place.settle("reject", UNPAID)
    assert (acted.done.written, acted.left) == ([], 2)
    assert place.goldens() == {one.golden: one.before for one in (unpaid, untold, both)}
    left = place.proposal(both.golden)
    assert left.text == render(feedback_lost(story("tests/test_rain.py::test_2", drafts=2)))
    assert titles(place) == [("feedback no longer reaches the next attempt", 2)]
    place.settle("reject", both.golden)
    assert titles(place) == [("feedback no longer reaches the next attempt", 1)]


def test_all_groups_at_once(place: Place) -> None:
    found = three(place)
    place.settle("accept")
    assert place.goldens() == {one.golden: one.after for one in found}
    assert place.page().count("\n## ") == 1


def test_a_new_golden_is_written(place: Place) -> None:
    text = render(story("tests/test_rain.py::test_new"))
    place.propose(Changed("test_rain/test_new.yaml", "tests/test_rain.py::test_new", None, text))
    place.settle("accept")
    assert place.goldens() == {"test_rain/test_new.yaml": text}


def test_proposals_of_another_folder_are_decided_about_there(place: Place) -> None:
    one = changed(story("tests/test_rain.py::test_it", drafts=2), failed_attempts_unpaid)
    root = place.path / "out"
    place.propose(one, root)
    acted = settle(place.desk(), root, "accept", [UNPAID], reason="refunds", at=NOON)
    assert (acted.done.written, acted.left) == ([one.golden], 0)
    assert place.goldens() == {one.golden: one.after}
    assert read_pending(root, one.golden) is None


# What is recorded ---------------------------------------------------------------------------------------


def test_the_page_of_changes_says_what_why_and_where_the_newest_first(place: Place) -> None:
    three(place)
    place.settle("accept", UNPAID, reason="The provider refunds them.\nSee *the contract*.")
    place.settle("reject", UNTOLD, reason="A fault of ours.")
    assert place.page() == TWO_DECISIONS


TWO_DECISIONS = f"""\
# Changes of goldens

Why goldens have changed, the newest decision first. Written by `flujo golden`.

## 2026-03-01 12:30:05 UTC: rejected: feedback no longer reaches the next attempt

> A fault of ours.

- feedback no longer reaches the next attempt (`{UNTOLD}`): 2 goldens

- `test_rain/test_1.yaml`
- `test_rain/test_2.yaml`

## 2026-03-01 12:30:05 UTC: accepted: failed attempts are no longer paid

> The provider refunds them.
> See \\*the contract\\*.

- failed attempts are no longer paid (`{UNPAID}`): 2 goldens, -0.002086 USD

- `test_rain/test_0.yaml`
- `test_rain/test_2.yaml` (other changes of it are still open)
"""


def test_what_somebody_wrote_into_the_page_stays(place: Place) -> None:
    three(place)
    place.write("golden/CHANGES.md", "# Ours\n\nWe write here, too.\n\n## 2025: a note\n\nBy hand.\n")
    place.settle("accept", UNPAID)
    page = place.page()
    assert page.startswith("# Ours\n\nWe write here, too.\n\n## 2026-03-01 12:30:05 UTC: accepted: failed")
    assert page.endswith("(other changes of it are still open)\n\n## 2025: a note\n\nBy hand.\n")


def test_text_of_users_cannot_break_the_page(place: Place) -> None:
    three(place)
    place.settle("accept", UNPAID, reason="# no heading\n<script>\x1b[31m\n\n- no `item`")
    reason = place.page().partition("\n> ")[2].partition("\n\n- ")[0]
    assert reason == "\\# no heading\n> \\<script\\>\\\\x1b\\[31m\n>\n> - no \\`item\\`"


def test_there_is_no_decision_without_a_reason(place: Place) -> None:
    three(place)
    before = place.goldens()
    with pytest.raises(GoldenMisuse, match=r"^a decision needs a reason: flujo golden accept \.\.\. --reason 'why'$"):
        place.settle("accept", UNPAID, reason=" ")
    assert place.goldens() == before
    assert not (place.path / "golden/CHANGES.md").exists()


def test_a_name_of_nothing_is_refused(place: Place) -> None:
    three(place)
    with pytest.raises(GoldenMisuse, match=r"^there is no group and no changed golden 'rain': 'flujo golden status'"):
        place.settle("accept", UNPAID, "rain")
    assert len(place.waiting().proposals) == 3


def test_a_secret_in_the_reason_reaches_no_file(place: Place) -> None:
    three(place)
    before = {path: path.read_bytes() for path in place.path.rglob("*") if path.is_file()}
    desk = Desk(place.folder, SecretScan((("the value of TOKEN", b"grey-rain"),)))
    with pytest.raises(SecretFound, match=r"^golden/CHANGES\.md was not written: line 1 \(the value of TOKEN\)"):
        settle(desk, None, "accept", [UNPAID], reason="because grey-rain", at=NOON)
    after = {path: path.read_bytes() for path in place.path.rglob("*") if path.is_file()}
    assert after == before
