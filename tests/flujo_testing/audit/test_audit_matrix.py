"""The matrix of an audit as a golden: what is compared, kept and proposed, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import flujo_testing.pytest_plugin  # noqa: F401  # what is parsed in this process would import it anew
from flujo_testing.audit.endings import Ending
from flujo_testing.audit.findings import Findings
from flujo_testing.audit.matrix import (
    MAX_BYTES,
    MOST_SHOWN,
    Matrix,
    matrix_of,
    read_matrix,
    rendered,
    settle_matrix,
    settled,
)
from flujo_testing.audit.trial import Audited, State, Trial
from flujo_testing.golden.errors import GoldenCorrupt, GoldenNotWritten, SecretFound
from flujo_testing.golden.leak import SecretScan, secrets_in
from flujo_testing.golden.location import GoldenFolder
from flujo_testing.golden.mode import Mode
from tests.flujo_testing.audit.made_findings import ALL, EXACT, HEARD, LOOSE, findings, killed, silent, tolerated
from tests.flujo_testing.disks import FailingDisk
from tests.flujo_testing.golden_project import INI, Project, project_of

pytest_plugins = ["pytester"]

MATRIX = {
    "t.py::test_exact": {"heard": "KILLED by assertion", "missed": "CRASH"},
    "t.py::test_loose": {"heard": "SURVIVED", "missed": "SURVIVED"},
    "t.py::test_poor": {},
}
"""Of all findings that were made up."""
WRITTEN = """format: flujo-audit/1
tests:
  "t.py::test_exact":
    "heard": "KILLED by assertion"
    "missed": "CRASH"
  "t.py::test_loose":
    "heard": "SURVIVED"
    "missed": "SURVIVED"
  "t.py::test_poor": {}
"""
GONE = {"t.py::test_gone": {"heard": "KILLED by golden"}}
UNKNOWN = SecretScan()


@pytest.fixture
def folder(tmp_path: Path) -> GoldenFolder:
    return GoldenFolder(tmp_path, tmp_path / "golden")


def accept(folder: GoldenFolder, matrix: Matrix) -> None:
    folder.path.mkdir()
    (folder.path / "audit.yaml").write_text(rendered(matrix), encoding="utf-8")


def told(folder: GoldenFolder, found: Findings, mode: Mode, complete: bool = True) -> list[str]:
    return list(settled(folder, found, mode, complete, scan=UNKNOWN))


def proposal(folder: GoldenFolder) -> Path:
    return folder.path / ".pending/audit.yaml"


def files(folder: GoldenFolder) -> dict[str, str]:
    """The texts of all files there, by path."""
    paths = sorted(path for path in folder.path.rglob("*") if path.is_file())
    return {path.relative_to(folder.path).as_posix(): path.read_text(encoding="utf-8") for path in paths}


# What a matrix says -------------------------------------------------------------------------------------------------


def test_a_matrix_holds_what_came_of_each_fault_that_changed_what_a_test_tells() -> None:
    assert matrix_of(ALL) == MATRIX
    assert rendered(matrix_of(ALL)) == WRITTEN
    assert rendered({"b": {"z": "SURVIVED", "a": "CRASH"}}) == (
        'format: flujo-audit/1\ntests:\n  "b":\n    "a": "CRASH"\n    "z": "SURVIVED"\n'
    )


@pytest.mark.parametrize(
    ("ending", "verdict"),
    [
        (Ending.ASSERTION, "KILLED by assertion"),
        (Ending.GOLDEN, "KILLED by golden"),
        (Ending.FAKE, "KILLED by strict fake"),
        (Ending.SURVIVED, "SURVIVED"),
        (Ending.CRASH, "CRASH"),
        (Ending.TIMEOUT, "TIMEOUT"),
        (Ending.INVALID, "INVALID"),
    ],
)
def test_each_end_has_its_verdict(ending: Ending, verdict: str) -> None:
    found = findings(Audited("t", 3, (Trial("heard", State.INFECTED, ending), silent(HEARD))))
    assert matrix_of(found) == {"t": {"heard": verdict}}


# What is compared and proposed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", Mode)
def test_a_matrix_that_is_the_same_is_no_problem(folder: GoldenFolder, mode: Mode) -> None:
    accept(folder, MATRIX)
    assert told(folder, ALL, mode) == []
    assert files(folder) == {"audit.yaml": WRITTEN}


def test_an_old_proposal_goes_where_the_matrix_is_the_same(folder: GoldenFolder) -> None:
    accept(folder, MATRIX)
    proposal(folder).parent.mkdir()
    proposal(folder).write_text("old", encoding="utf-8")
    assert told(folder, ALL, Mode.CHECK) == []
    assert proposal(folder).exists() is True
    assert told(folder, ALL, Mode.PENDING) == []
    assert proposal(folder).exists() is False


def test_a_matrix_that_is_missing_is_proposed(folder: GoldenFolder) -> None:
    assert told(folder, ALL, Mode.PENDING) == [
        "golden/audit.yaml does not exist yet; next: mv golden/.pending/audit.yaml golden/audit.yaml"
    ]
    assert files(folder)[".pending/audit.yaml"] == WRITTEN
    assert sorted(files(folder)) == [".pending/.gitignore", ".pending/audit.yaml"]


@pytest.mark.parametrize("mode", [Mode.CHECK, Mode.UPDATE])
def test_a_matrix_that_is_missing_is_told_where_nothing_is_proposed(folder: GoldenFolder, mode: Mode) -> None:
    assert told(folder, ALL, mode) == ["golden/audit.yaml does not exist yet; next: run it with --golden=pending"]
    assert files(folder) == {}


def test_another_matrix_is_told_and_proposed(folder: GoldenFolder) -> None:
    before = {**MATRIX, "t.py::test_loose": {"heard": "KILLED by golden", "missed": "SURVIVED"}}
    accept(folder, before)
    change = "t.py::test_loose: heard: KILLED by golden -> SURVIVED; still noticed by t.py::test_exact"
    assert told(folder, ALL, Mode.CHECK) == [
        "golden/audit.yaml tells another matrix, 1 changes; next: run it with --golden=pending",
        change,
    ]
    assert files(folder) == {"audit.yaml": rendered(before)}
    assert told(folder, ALL, Mode.PENDING) == [
        "golden/audit.yaml tells another matrix, 1 changes; next: mv golden/.pending/audit.yaml golden/audit.yaml",
        change,
    ]
    assert (files(folder)["audit.yaml"], files(folder)[".pending/audit.yaml"]) == (rendered(before), WRITTEN)


@pytest.mark.parametrize(("number", "rest"), [(20, []), (21, ["and 1 more"]), (23, ["and 3 more"])])
def test_of_many_changes_the_first_are_told(folder: GoldenFolder, number: int, rest: list[str]) -> None:
    accept(folder, {**MATRIX, **{f"u{index:02}": {} for index in range(number)}})
    first, *changes = told(folder, ALL, Mode.CHECK)
    assert first.startswith(f"golden/audit.yaml tells another matrix, {number} changes; ")
    assert changes == [f"u{index:02}: is gone" for index in range(MOST_SHOWN)] + rest
    assert MOST_SHOWN == 20


@pytest.mark.parametrize(("others", "left"), [("b", "b"), ("bc", "b and 1 more"), ("bcd", "b and 2 more")])
def test_how_many_still_notice_a_fault_is_told(folder: GoldenFolder, others: str, left: str) -> None:
    noticed = [Audited(name, 3, (killed(HEARD),)) for name in others]
    accept(folder, {name: {"heard": "KILLED by golden"} for name in f"a{others}"})
    lost = Audited("a", 3, (tolerated(HEARD),))
    golden = "KILLED by golden -> KILLED by assertion"
    assert told(folder, findings(lost, *noticed), Mode.CHECK)[1:] == [
        f"a: heard: KILLED by golden -> SURVIVED; still noticed by {left}",
        *(f"{name}: heard: {golden}" for name in others),
    ]


def test_tests_that_a_run_left_out_are_kept_and_those_that_are_gone_are_told(folder: GoldenFolder) -> None:
    accept(folder, MATRIX | GONE)
    assert told(folder, findings(EXACT), Mode.CHECK, complete=False) == []
    assert told(folder, ALL, Mode.CHECK, complete=False) == []
    assert told(folder, ALL, Mode.CHECK, complete=True)[1:] == ["t.py::test_gone: is gone"]


def test_what_was_audited_is_compared_though_others_were_left_out(folder: GoldenFolder) -> None:
    accept(folder, {"t.py::test_loose": {}, **GONE})
    odd = Audited("t.py::test_gone", 2, problem="nondeterministic")
    assert told(folder, findings(LOOSE), Mode.PENDING, complete=False)[1:] == [
        "t.py::test_loose: heard: not infected -> SURVIVED",
        "t.py::test_loose: missed: not infected -> SURVIVED",
    ]
    kept = dict(sorted((GONE | {"t.py::test_loose": MATRIX["t.py::test_loose"]}).items()))
    assert files(folder)[".pending/audit.yaml"] == rendered(kept)
    assert told(folder, findings(odd), Mode.CHECK, complete=False)[1:] == ["t.py::test_gone: is gone"]


def test_the_first_matrix_of_a_run_that_left_tests_out_holds_what_it_audited(folder: GoldenFolder) -> None:
    told(folder, findings(LOOSE, EXACT), Mode.PENDING, complete=False)
    assert files(folder)[".pending/audit.yaml"] == rendered({name: MATRIX[name] for name in sorted(MATRIX)[:2]})


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("format: flujo-audit/2\ntests: {}\n", "line 1: is no matrix in the format 'flujo-audit/1'"),
        ("tests: {}\n", "line 1: is no matrix in the format 'flujo-audit/1'"),
        ("format: flujo-audit/1\n", "line 1: is no matrix in the format 'flujo-audit/1'"),
        ("- format\n", "line 1: is no matrix in the format 'flujo-audit/1'"),
        ("format: flujo-audit/1\ntests: [a]\n", "line 1: is no matrix in the format 'flujo-audit/1'"),
        ("format: flujo-audit/1\ntests:\n  a: [b]\n", "line 1: is no matrix in the format 'flujo-audit/1'"),
        ("format: flujo-audit/1\ntests:\n  a:\n    b: 1\n", "line 1: is no matrix in the format 'flujo-audit/1'"),
        ("format: flujo-audit/1\ntests:\n  a: {}\n  a: {}\n", "line 4: has the key 'a' twice in one mapping"),
    ],
    ids=[
        "another format",
        "no format",
        "no tests",
        "a list",
        "tests in a list",
        "a row in a list",
        "a number",
        "twice",
    ],
)
def test_what_is_no_matrix_is_refused(folder: GoldenFolder, text: str, why: str) -> None:
    accept(folder, {})
    (folder.path / "audit.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(GoldenCorrupt) as refused:
        told(folder, ALL, Mode.PENDING)
    assert str(refused.value) == f"golden/audit.yaml, {why}"
    assert files(folder) == {"audit.yaml": text}


def test_bytes_that_are_no_text_and_a_file_that_is_too_large_are_refused(folder: GoldenFolder) -> None:
    accept(folder, {})
    (folder.path / "audit.yaml").write_bytes(b"\xff")
    with pytest.raises(GoldenCorrupt, match=r"^golden/audit\.yaml, line 1: "):
        read_matrix(folder)
    (folder.path / "audit.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(GoldenCorrupt, match=r"^golden/audit\.yaml, line 1: .*16777216"):
        read_matrix(folder)


def test_a_matrix_is_read_as_it_was_accepted(folder: GoldenFolder) -> None:
    assert read_matrix(folder) is None
    accept(folder, MATRIX)
    assert read_matrix(folder) == MATRIX


def test_a_proposal_with_a_secret_is_not_written(folder: GoldenFolder) -> None:
    scan = secrets_in({"API_KEY": "test_exact"})
    with pytest.raises(SecretFound) as refused:
        list(settled(folder, ALL, Mode.PENDING, True, scan=scan))
    assert str(refused.value).startswith("golden/.pending/audit.yaml was not written: ")
    assert sorted(files(folder)) == [".pending/.gitignore"]


@pytest.mark.parametrize(("fails_at", "shown"), [(1, ".pending/.gitignore"), (8, ".pending/audit.yaml")])
def test_a_disk_that_is_full_is_told(folder: GoldenFolder, fails_at: int, shown: str) -> None:
    with pytest.raises(GoldenNotWritten) as refused:
        list(settled(folder, ALL, Mode.PENDING, True, scan=UNKNOWN, disk=FailingDisk(fails_at)))
    assert (refused.value.reason, refused.value.path.endswith(shown)) == ("No space left on device", True)


def test_an_old_proposal_that_cannot_be_removed_is_told(folder: GoldenFolder) -> None:
    accept(folder, MATRIX)
    proposal(folder).parent.mkdir()
    proposal(folder).write_text("old", encoding="utf-8")
    with pytest.raises(GoldenNotWritten) as refused:
        list(settled(folder, ALL, Mode.PENDING, True, scan=UNKNOWN, disk=FailingDisk(1)))
    assert str(refused.value) == (
        "golden/.pending/audit.yaml was not written: cannot be removed: No space left on device"
    )


# In a run of pytest -------------------------------------------------------------------------------------------------


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return project_of(pytester, monkeypatch)


def settled_in(project: Project, *options: str, found: Findings = ALL, syrupy: str = "syrupy") -> list[str]:
    plugins = ("-p", syrupy, "-p", "flujo_testing.pytest_plugin", "-p", "no:cacheprovider")
    config = project.pytester.parseconfig(*plugins, *options)
    return settle_matrix(pytest.Session.from_config(config), found)


def test_the_matrix_lies_where_the_ini_file_says_and_is_proposed_as_the_option_says(project: Project) -> None:
    project.write("pytest.ini", INI + "flujo_golden_dir = kept/goldens\n")
    (project.path / "below").mkdir()
    missing = "kept/goldens/audit.yaml does not exist yet; next: "
    assert settled_in(project, "--golden=check", "below") == [missing + "run it with --golden=pending"]
    moved = "mv kept/goldens/.pending/audit.yaml kept/goldens/audit.yaml"
    assert settled_in(project, "--golden=pending", "below") == [missing + moved]
    assert (project.path / "kept/goldens/.pending/audit.yaml").read_text(encoding="utf-8") == WRITTEN


def test_without_an_ini_file_the_matrix_lies_in_the_root(project: Project) -> None:
    (project.path / "pytest.ini").unlink()
    project.write("golden/audit.yaml", WRITTEN)
    assert settled_in(project, f"--rootdir={project.path}", "--golden=check") == []


def test_the_matrix_lies_beside_the_ini_file_wherever_the_root_is(project: Project) -> None:
    project.write("golden/audit.yaml", WRITTEN)
    below = project.pytester.mkdir("below")
    assert settled_in(project, "-c", str(project.path / "pytest.ini"), f"--rootdir={below}", "--golden=check") == []


def test_in_ci_nothing_is_proposed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert settled_in(project) == ["golden/audit.yaml does not exist yet; next: run it with --golden=pending"]
    monkeypatch.delenv("CI")
    assert settled_in(project) == [
        "golden/audit.yaml does not exist yet; next: mv golden/.pending/audit.yaml golden/audit.yaml"
    ]


def test_only_a_run_of_all_tests_tells_which_are_gone(project: Project) -> None:
    project.write("golden/audit.yaml", rendered(MATRIX | GONE))
    assert settled_in(project, "--golden=check", "-k", "exact") == []
    assert settled_in(project, "--golden=check")[1:] == ["t.py::test_gone: is gone"]


def test_a_matrix_that_holds_a_secret_of_the_environment_is_a_problem(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAIN_API_KEY", "test_exact")
    (problem,) = settled_in(project, "--golden=pending")
    assert problem.startswith("golden/.pending/audit.yaml was not written: ")


def test_a_folder_that_is_none_of_goldens_is_a_problem(project: Project) -> None:
    project.write("pytest.ini", INI + "flujo_golden_dir = .\n")
    assert settled_in(project) == ["flujo_golden_dir = '.' is no folder of its own: name one, such as 'golden'"]
    project.write("pytest.ini", INI + "flujo_golden_dir = __snapshots__/a\n")
    for syrupy in ("syrupy", "no:syrupy"):
        (problem,) = settled_in(project, syrupy=syrupy)
        assert problem.startswith("flujo_golden_dir = '__snapshots__/a' lies in syrupy's folder '__snapshots__', ")
    project.write("pytest.ini", INI + "flujo_golden_dir = shots\n")
    (problem,) = settled_in(project, "--snapshot-dirname=shots")
    assert problem.startswith("flujo_golden_dir = 'shots' lies in syrupy's folder 'shots', ")
