"""Proposals that cannot be decided about are said so, and stop no other; nothing is overwritten because of them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from flujo_testing.golden.errors import GoldenCorrupt, GoldenMisuse, GoldenNotWritten
from flujo_testing.golden.findings import digest
from flujo_testing.golden.pending import Pending, read_pending, write_pending
from flujo_testing.review.acting import settle
from flujo_testing.review.decision import FILE, Decision, Rewrite, decide
from flujo_testing.review.groups import Changed
from flujo_testing.review.lock import locked
from flujo_testing.transcript import render
from tests.flujo_testing.review.deciding import NOON, SCAN, UNPAID, Place, three
from tests.flujo_testing.review.stories import story


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def reasons(place: Place) -> list[str]:
    return [problem.reason.replace(f"{place.path}/", "") for problem in place.waiting().problems]


def check_left_alone(place: Place, broken: Changed, others: list[Changed], reason: str) -> None:
    """The broken proposal is told and its files stay as they are; the others are accepted."""
    proposal = place.pending / f"{broken.golden}.json"
    before = place.goldens().get(broken.golden), proposal.read_bytes()
    assert reasons(place) == [reason]
    acted = place.settle("accept")
    assert [problem.replace(f"{place.path}/", "") for problem in acted.problems] == [reason]
    assert acted.done.written == [one.golden for one in others]
    assert (place.goldens().get(broken.golden), proposal.read_bytes()) == before


def test_a_golden_that_changed_meanwhile(place: Place) -> None:
    one, *others = three(place)
    place.write(f"golden/{one.golden}", (one.before or "").replace("rain", "snow"))
    check_left_alone(
        place,
        one,
        others,
        "golden/.pending/test_rain/test_0.yaml.json, line 1: is a proposal for what golden/test_rain/test_0.yaml was "
        "before it changed: run tests/test_rain.py::test_0 again",
    )


def test_a_golden_that_is_gone(place: Place) -> None:
    one, *others = three(place)
    (place.path / f"golden/{one.golden}").unlink()
    check_left_alone(
        place,
        one,
        others,
        "golden/.pending/test_rain/test_0.yaml.json, line 1: is a proposal for what golden/test_rain/test_0.yaml was "
        "before it changed: run tests/test_rain.py::test_0 again",
    )


def test_a_test_that_is_gone(place: Place) -> None:
    one, *others = three(place)
    file = place.path / "tests/test_rain.py"
    file.write_text(file.read_text().replace("test_0", "test_00"))
    check_left_alone(
        place,
        one,
        others,
        "golden/.pending/test_rain/test_0.yaml.json, line 1: is a proposal of tests/test_rain.py::test_0, which is "
        "gone: remove the file",
    )


@pytest.mark.parametrize(
    "text",
    [
        "from elsewhere import test_0, test_1, test_2\n",
        "from elsewhere import *\n",
        "test_0 = test_1 = test_2 = made()\n",
        "class test_0: ...\nclass test_1: ...\nasync def test_2(): ...\n",
        "def broken(:\n",
    ],
)
def test_a_test_may_come_from_elsewhere(place: Place, text: str) -> None:
    three(place)
    place.write("tests/test_rain.py", text)
    assert (reasons(place), len(place.waiting().proposals)) == ([], 3)


def test_a_proposal_of_a_newer_format(place: Place) -> None:
    one, *others = three(place)
    file = place.pending / f"{one.golden}.json"
    file.write_text(file.read_text().replace("flujo-pending/1", "flujo-pending/2"))
    check_left_alone(
        place,
        one,
        others,
        "golden/.pending/test_rain/test_0.yaml.json, line 1: is no proposal in the format 'flujo-pending/1'",
    )


def test_a_proposal_for_a_golden_of_a_newer_format(place: Place) -> None:
    one, *others = three(place)
    pending = place.proposal(one.golden)
    newer = replace(pending, text=pending.text.replace("flujo-golden/1", "flujo-golden/2"))
    write_pending(place.pending, newer, scan=SCAN)
    check_left_alone(
        place,
        one,
        others,
        "golden/.pending/test_rain/test_0.yaml.json, line 1: was written by a newer version (flujo-golden/2; this "
        "one reads flujo-golden/1): upgrade flujo-pipelines",
    )


def test_a_half_written_proposal(place: Place) -> None:
    one, *others = three(place)
    file = place.pending / f"{one.golden}.json"
    file.write_bytes(file.read_bytes()[:40])
    check_left_alone(
        place,
        one,
        others,
        "golden/.pending/test_rain/test_0.yaml.json, line 3: is not JSON: Unterminated string starting at",
    )


def test_a_proposal_of_one_test_for_the_golden_of_another(place: Place) -> None:
    one, *others = three(place)
    pending = place.proposal(one.golden)
    write_pending(place.pending, replace(pending, owner="tests/test_rain.py::test_1"), scan=SCAN)
    check_left_alone(
        place,
        one,
        others,
        "golden/.pending/test_rain/test_0.yaml.json, line 1: proposes a golden of 'tests/test_rain.py::test_0', not "
        "of 'tests/test_rain.py::test_1'",
    )


def test_a_golden_that_is_none(place: Place) -> None:
    one, *others = three(place)
    text = "a: 1\n"
    place.write(f"golden/{one.golden}", text)
    pending = place.proposal(one.golden)
    write_pending(place.pending, replace(pending, base=digest(text.encode())), scan=SCAN)
    check_left_alone(
        place,
        one,
        others,
        "golden/test_rain/test_0.yaml, line 1: is no golden: its format is None, not 'flujo-golden/1'",
    )


# Tricks with paths --------------------------------------------------------------------------------------


@pytest.mark.parametrize("golden", ["../tests/test_rain.py", "/etc/passwd", "a/../../b.yaml", "a\\b.yaml"])
def test_a_proposal_cannot_name_another_file_than_its_own(place: Place, golden: str) -> None:
    one, *others = three(place)
    file = place.pending / f"{one.golden}.json"
    told = json.loads(file.read_text()) | {"golden": golden}
    file.write_text(json.dumps(told))
    check_left_alone(
        place,
        one,
        others,
        f"golden/.pending/test_rain/test_0.yaml.json, line 1: is a proposal for another golden: {golden!r}",
    )


@pytest.mark.parametrize("golden", ["audit.yaml", ".pending/a.yaml", "a/.b/c.yaml"])
def test_a_proposal_cannot_lie_where_no_golden_does(place: Place, golden: str) -> None:
    one, *_ = three(place)
    pending = place.proposal(one.golden)
    write_pending(place.pending, replace(pending, golden=golden), scan=SCAN)
    assert reasons(place) == [f"golden/.pending/{golden}.json, line 1: is a proposal for a path where no golden lies"]


def test_a_proposal_that_is_a_link_is_not_read(place: Place) -> None:
    one, *others = three(place)
    file = place.pending / f"{one.golden}.json"
    elsewhere = place.write("elsewhere.json", file.read_text())
    file.unlink()
    os.symlink(elsewhere, file)
    check_left_alone(
        place,
        one,
        others,
        "golden/.pending/test_rain/test_0.yaml.json, line 1: is reached through the symbolic link "
        "'test_0.yaml.json': put a file there",
    )


def test_nothing_is_written_through_a_link(place: Place) -> None:
    three(place)
    outside = place.path / "outside"
    outside.mkdir()
    (place.path / "golden/test_rain").rename(outside / "test_rain")
    os.symlink(outside / "test_rain", place.path / "golden/test_rain")
    before = (outside / "test_rain/test_0.yaml").read_bytes()
    assert [problem.golden for problem in place.waiting().problems] == [
        "test_rain/test_0.yaml",
        "test_rain/test_1.yaml",
        "test_rain/test_2.yaml",
    ]
    assert reasons(place)[0] == (
        "golden/test_rain/test_0.yaml, line 1: is reached through the symbolic link 'test_rain': put a file there"
    )
    with pytest.raises(GoldenMisuse, match=r"^there are no changed goldens to decide about: run the tests first$"):
        place.settle("accept")
    assert (outside / "test_rain/test_0.yaml").read_bytes() == before


# Others at the same time --------------------------------------------------------------------------------


def test_a_second_command_waits_for_nobody_and_changes_nothing(place: Place) -> None:
    three(place)
    before = place.goldens()
    with (
        locked(place.pending),
        pytest.raises(GoldenMisuse, match=r"^another command is deciding about the goldens \(.*\.lock\): let it end"),
    ):
        place.settle("accept", UNPAID)
    assert place.goldens() == before
    place.settle("accept", UNPAID)
    assert place.goldens() != before


def test_a_golden_that_changes_while_it_is_decided_about_is_left_alone(place: Place) -> None:
    one, other, _ = three(place)
    text = "changed by hand\n"

    def take(finished: bool) -> Decision:
        assert finished is False
        place.write(f"golden/{one.golden}", text)
        bases = [digest((found.before or "").encode()) for found in (one, other)]
        rewrites = [Rewrite(found.golden, base, found.after) for found, base in zip((one, other), bases, strict=True)]
        return Decision(str(place.pending), tuple(rewrites), drop=(one.golden, other.golden))

    done = decide(place.desk(), take)
    assert (done.written, done.problems) == (
        [other.golden],
        [f"golden/{one.golden}, line 1: has changed meanwhile and was left alone: run its test again"],
    )
    assert place.goldens()[one.golden] == text
    assert read_pending(place.pending, other.golden) is None
    assert (place.pending / f"{one.golden}.json").exists()


def begun_with(**parts: object) -> str:
    empty: dict[str, object] = {"rewrites": [], "entry": "", "page": None, "keep": [], "drop": []}
    return json.dumps({"format": "flujo-decision/1", "root": "golden/.pending", **empty, **parts})


@pytest.mark.parametrize(
    "content",
    [
        *("{", "[]", "1", '"flujo-decision/1"', "null"),
        *('{"format": "flujo-decision/2"}', '{"format": "flujo-decision/1"}'),
        begun_with(more=1),
        begun_with(root=1),
        begun_with(entry=1),
        begun_with(drop=[1]),
        begun_with(drop=["a\ud800.yaml"]),
        begun_with(rewrites=[{"golden": 1, "base": None, "text": None}]),
        begun_with(rewrites=[{"golden": "a/b.yaml", "base": None, "text": 1}]),
        begun_with(keep=[{"golden": "a/b.yaml"}]),
    ],
)
def test_a_decision_that_cannot_be_read_is_not_guessed(place: Place, content: str) -> None:
    three(place)
    before = place.goldens()
    (place.pending / FILE).write_text(content)
    with pytest.raises(GoldenCorrupt, match=r"\.decision\.json, line 1: holds no decision"):
        place.settle("accept", UNPAID)
    assert place.goldens() == before


def test_a_decision_cannot_lead_out_of_the_folder(place: Place) -> None:
    three(place)
    victim = place.write("victim.yaml", "old")
    row = {"golden": "../victim.yaml", "base": digest(b"old"), "text": "new"}
    begin(place, place.pending, rewrites=[row])
    acted = place.settle("accept", UNPAID)
    assert acted.problems[0].endswith("victim.yaml, line 1: is a path that leads out of its folder")
    assert victim.read_text() == "old"


def test_a_decision_about_proposals_elsewhere_is_not_finished_unasked(place: Place) -> None:
    three(place)
    root = place.path / "out"
    victim = place.write("out/a/b.yaml.json", "{}")
    begin(place, root, drop=["a/b.yaml"])
    with pytest.raises(GoldenCorrupt, match=r"line 1: what was begun with --from .*/out is to be finished with it$"):
        place.settle("accept", UNPAID)
    assert victim.read_text() == "{}"
    settle(place.desk(), root, "accept", ["x"], reason="y", at=NOON)
    assert not victim.exists()


@pytest.mark.parametrize("path", ["../outside.py", "tests/../../outside.py", "{place}/../outside.py"])
def test_a_proposal_of_a_test_outside_the_project_looks_at_no_file_there(tmp_path: Path, path: str) -> None:
    (tmp_path / "outside.py").write_text("def test_it(): ...\n")
    place = Place(tmp_path / "project")
    place.path.mkdir()
    owner = f"{path.format(place=place.path)}::test_it"
    text = render(story(owner))
    write_pending(place.pending, Pending("rain/it.yaml", owner, None, owner, None, text), scan=SCAN)
    (problem,) = place.waiting().problems
    assert problem.reason.endswith(f"line 1: is a proposal of {owner}, which is gone: remove the file")


@pytest.mark.parametrize("text", ["(" * 100_000, "-" * 100_000 + "1", "x\0"])
def test_a_test_file_that_python_cannot_read_is_no_reason_to_stop(place: Place, text: str) -> None:
    three(place)
    place.write("tests/test_rain.py", text)
    assert (len(place.waiting().proposals), place.waiting().problems) == (3, ())


def test_a_rest_that_cannot_be_removed_is_named(place: Place) -> None:
    three(place)
    rest = place.pending / ".it.yaml.json.0123abcd.tmp"
    rest.mkdir()
    with pytest.raises(GoldenNotWritten) as refused:
        place.settle("accept", UNPAID)
    assert str(refused.value).startswith(f"{rest} was not written: cannot be removed: ")


def test_where_there_can_be_no_lock_nothing_is_decided(tmp_path: Path) -> None:
    with (
        pytest.raises(GoldenNotWritten, match=r"/\.lock was not written: No such file or directory$"),
        locked(tmp_path / "x"),
    ):
        raise AssertionError("nobody holds it")


def begin(place: Place, root: Path, **parts: object) -> None:
    """Leave a decision as a process does that dies."""
    empty: dict[str, object] = {"rewrites": [], "entry": "", "page": None, "keep": [], "drop": []}
    told = {"format": "flujo-decision/1", "root": str(root), **empty, **parts}
    (place.pending / FILE).write_text(json.dumps(told))
