"""A proposal holds all that a review needs, and a hostile one is an error with file and reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flujo_testing.golden import GoldenCorrupt, SecretFound
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.pending import (
    MAX_PENDING_BYTES,
    Pending,
    ignore_in_git,
    pending_goldens,
    read_pending,
    remove_pending,
    write_pending,
)

SCAN = SecretScan()
PROPOSAL = Pending(
    golden="test_rain/test_it.yaml",
    owner="tests/test_rain.py::test_it",
    name=None,
    test="tests/test_rain.py::test_it[trio]",
    base="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    text='format: flujo-golden/1\ninput: "\u00e9\\x1b::error::"\n',
)


def test_a_proposal_is_read_as_it_was_written(tmp_path: Path) -> None:
    root = tmp_path / ".pending"
    assert write_pending(root, PROPOSAL, scan=SCAN) == root / "test_rain/test_it.yaml.json"
    assert list(pending_goldens(root)) == [PROPOSAL.golden]
    assert read_pending(root, PROPOSAL.golden) == PROPOSAL
    assert (root / "test_rain/test_it.yaml.json").read_bytes().isascii()


def test_a_settled_proposal_is_gone(tmp_path: Path) -> None:
    write_pending(tmp_path, PROPOSAL, scan=SCAN)
    remove_pending(tmp_path, PROPOSAL.golden)
    remove_pending(tmp_path, PROPOSAL.golden)
    assert list(pending_goldens(tmp_path)) == []
    assert read_pending(tmp_path, PROPOSAL.golden) is None


def test_a_folder_of_proposals_ignores_itself_in_git(tmp_path: Path) -> None:
    ignore_in_git(tmp_path / ".pending")
    ignore_in_git(tmp_path / ".pending")
    assert (tmp_path / ".pending/.gitignore").read_text().splitlines()[-1] == "*"
    assert list(pending_goldens(tmp_path / ".pending")) == []


def test_a_proposal_with_a_secret_is_not_left(tmp_path: Path) -> None:
    scan = SecretScan((("the value of TOKEN", "gr\u00fcn=blau".encode()),))
    proposal = Pending("a/b.yaml", "o", None, "t", None, 'input: "gr\u00fcn=blau"\n')
    with pytest.raises(SecretFound, match=r"the field input \(the value of TOKEN\)"):
        write_pending(tmp_path, proposal, scan=scan)
    assert list(tmp_path.iterdir()) == []


def _json(**changed: object) -> bytes:
    row = {"format": "flujo-pending/1", "golden": "a/b.yaml", "owner": "o", "name": None, "test": "t",
           "base": None, "text": "x"}  # fmt: skip
    return json.dumps(row | changed).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is not JSON: Expecting property name enclosed in double quotes"),
        (b"[" * 200_000, "is nested too deep"),
        (b"9" * 5000,
         "is not JSON: Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits"),
        (b"\xff\xfe", "is not JSON: 'utf-8' codec can't decode byte 0xff"),
        (b"[]", "is no proposal in the format 'flujo-pending/1'"),
        (_json(format="flujo-pending/2"), "is no proposal in the format 'flujo-pending/1'"),
        (_json(text=1), "has other fields than a proposal: base, golden, name, owner, test, text"),
        (_json(text="\ud800"), "has other fields than a proposal: base, golden, name, owner, test, text"),
        (_json(more="x"), "has other fields than a proposal: base, golden, name, owner, test, text"),
        (_json(golden="../../etc/passwd"), "is a proposal for another golden: '../../etc/passwd'"),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_hostile_proposal_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "a/b.yaml.json"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(GoldenCorrupt) as caught:
        read_pending(tmp_path, "a/b.yaml")
    assert (caught.value.path, caught.value.line) == (str(file), 1)
    assert caught.value.reason.startswith(reason)


def test_a_proposal_for_a_path_outside_is_not_looked_for(tmp_path: Path) -> None:
    with pytest.raises(GoldenCorrupt, match=r"is a path that leads out of its folder"):
        read_pending(tmp_path, "../a/b.yaml")


def test_a_huge_proposal_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "b.yaml.json").open("wb") as file:
        file.truncate(MAX_PENDING_BYTES + 1)  # sparse
    with pytest.raises(GoldenCorrupt, match=rf"has {MAX_PENDING_BYTES + 1} bytes, at most {MAX_PENDING_BYTES}"):
        read_pending(tmp_path, "b.yaml")
