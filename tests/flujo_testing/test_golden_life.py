"""The life of a golden in whole pytest runs: proposed, written, compared, contested, forgotten."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from flujo_testing.golden.findings import digest
from flujo_testing.golden.pending import Pending, pending_goldens, read_pending
from flujo_testing.golden.unused import read_unused
from tests.flujo_testing.golden_project import (
    INI,
    Project,
    golden_text,
    last_goldens_line,
    project_of,
)

pytest_plugins = ["pytester"]

RAIN = """
def test_rain(golden):
    golden.check({"input": "rain"})
"""
RAIN_GOLDEN = golden_text("tests/test_rain.py::test_rain", input="rain")
SNOW_GOLDEN = golden_text("tests/test_rain.py::test_rain", input="snow")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return project_of(pytester, monkeypatch)


def test_a_missing_golden_fails_the_test_and_leaves_a_proposal(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *GoldenMismatch: golden/test_rain/test_rain.yaml does not exist yet",
            'E *+input: "rain"',
            "E *next: flujo golden review; or, if this is what it should be: "
            "python -m pytest tests/test_rain.py::test_rain --golden=update",
            "goldens: 1 compared, 0 changed, 1 missing, 0 unused, 0 written",
        ]
    )
    root = project.path / "golden/.pending"
    assert list(pending_goldens(root)) == ["test_rain/test_rain.yaml"]
    assert read_pending(root, "test_rain/test_rain.yaml") == Pending(
        golden="test_rain/test_rain.yaml",
        owner="tests/test_rain.py::test_rain",
        name=None,
        test="tests/test_rain.py::test_rain",
        base=None,
        text=RAIN_GOLDEN,
    )
    assert project.goldens() == {}


def test_a_different_golden_is_kept_and_a_proposal_knows_it(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    project.write("golden/test_rain/test_rain.yaml", SNOW_GOLDEN)
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *GoldenMismatch: golden/test_rain/test_rain.yaml tells another story",
            "E *  input: 'snow' -> 'rain'",
            'E *-input: "snow"',
            'E *+input: "rain"',
            "goldens: 1 compared, 1 changed, 0 missing, 0 unused, 0 written",
        ]
    )
    pending = read_pending(project.path / "golden/.pending", "test_rain/test_rain.yaml")
    assert pending == Pending(
        golden="test_rain/test_rain.yaml",
        owner="tests/test_rain.py::test_rain",
        name=None,
        test="tests/test_rain.py::test_rain",
        base=hashlib.sha256(SNOW_GOLDEN.encode()).hexdigest(),
        text=RAIN_GOLDEN,
    )
    assert project.goldens() == {"test_rain/test_rain.yaml": SNOW_GOLDEN}


def test_an_update_writes_and_settles_the_proposal_and_is_then_found_equal(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    project.run()
    updated = project.run("--golden=update")
    updated.assert_outcomes(passed=1)
    assert last_goldens_line(updated) == "goldens: 1 compared, 0 changed, 1 missing, 0 unused, 1 written"
    assert sorted(project.files()) == [".pending/.gitignore", "test_rain/test_rain.yaml"]
    before = project.files()
    checked = project.run("--golden=check")
    checked.assert_outcomes(passed=1)
    assert last_goldens_line(checked) == "goldens: 1 compared, 0 changed, 0 missing, 0 unused, 0 written"
    assert project.files() == before


def test_a_golden_that_fits_again_voids_its_proposal(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    project.run()
    project.write("golden/test_rain/test_rain.yaml", RAIN_GOLDEN)
    project.run().assert_outcomes(passed=1)
    assert list(pending_goldens(project.path / "golden/.pending")) == []


@pytest.mark.parametrize("ci", ["true", "1"])
def test_in_ci_nothing_is_written(project: Project, ci: str) -> None:
    project.monkeypatch.setenv("CI", ci)
    project.write("tests/test_rain.py", RAIN)
    result = project.run()
    result.assert_outcomes(failed=1)
    accept = "python -m pytest tests/test_rain.py::test_rain --golden=update"
    result.stdout.fnmatch_lines([f"E *next, if this is what it should be: {accept}"])
    assert not (project.path / "golden").exists()


def test_in_ci_proposals_go_to_the_artifacts_folder_alone(project: Project) -> None:
    project.monkeypatch.setenv("CI", "true")
    project.write("tests/test_rain.py", RAIN)
    result = project.run("--golden-artifacts=out")
    result.assert_outcomes(failed=1)
    proposal = f"{project.path}/out"
    result.stdout.fnmatch_lines([f"E *next: flujo golden review --from {proposal}; or, to accept it: *--golden=update"])
    assert list(pending_goldens(project.path / "out")) == ["test_rain/test_rain.yaml"]
    assert not (project.path / "golden").exists()


def test_a_test_that_fails_before_it_compares_keeps_its_golden(project: Project) -> None:
    project.write("tests/test_rain.py", "def test_rain(golden):\n    assert False\n    golden.check({})\n")
    project.write("golden/test_rain/test_rain.yaml", RAIN_GOLDEN)
    project.write("golden/test_rain/other.yaml", "a: 1\n")
    project.write("golden/audit.yaml", "a: 1\n")
    before = project.files()
    result = project.run("--golden=update")
    result.assert_outcomes(failed=1)
    assert last_goldens_line(result) == "goldens: 0 compared, 0 changed, 0 missing, 0 unused, 0 written"
    assert project.files() == before


TWO = """
def test_rain(golden):
    golden.check({"input": "rain"})

def test_snow(golden):
    golden.check({"input": "snow"})
"""
NOT_LOOKED_FOR = " (unused: not looked for, because tests were left out)"


def test_unused_goldens_are_reported_after_a_complete_run_only_and_never_deleted(project: Project) -> None:
    project.write("tests/test_rain.py", TWO)
    project.run("--golden=update").assert_outcomes(passed=2)
    before = project.files()
    partial = [
        project.run("-k", "snow", "--golden=update"),
        project.run("--deselect=tests/test_rain.py::test_rain"),
        project.run("tests/test_rain.py::test_snow"),
    ]
    line = "goldens: 1 compared, 0 changed, 0 missing, 0 unused, 0 written" + NOT_LOOKED_FOR
    assert [last_goldens_line(result) for result in partial] == [line] * 3
    project.write("tests/test_rain.py", RAIN)
    complete = project.run("--golden=update")
    complete.assert_outcomes(passed=1)
    complete.stdout.fnmatch_lines(
        [
            "goldens: 1 compared, 0 changed, 0 missing, 1 unused, 0 written",
            "unused: golden/test_rain/test_snow.yaml (next, if its test is gone for good: flujo golden prune)",
        ]
    )
    files = project.files()
    left = {path: files.pop(path) for path in (".pending/.gitignore", ".pending/.unused.json")}
    assert (files, len(left)) == (before, 2)
    pruned = {"test_rain/test_snow.yaml": digest(before["test_rain/test_snow.yaml"])}
    assert read_unused(project.path / "golden/.pending") == pruned
    project.write("tests/test_rain.py", TWO)
    project.run("-k", "snow").assert_outcomes(passed=1)
    assert read_unused(project.path / "golden/.pending") == {}


def test_a_complete_run_removes_the_proposals_that_no_test_makes_any_more(project: Project) -> None:
    """A run in which tests were left out does not know which; what cannot be read is left as it is."""
    project.write("tests/test_rain.py", TWO)
    project.write("tests/test_old.py", RAIN)
    project.run().assert_outcomes(failed=3)
    pending = project.path / "golden/.pending"
    project.write("golden/.pending/test_odd/test_odd.yaml.json", "{")
    odd, rain, snow = "test_odd/test_odd.yaml", "test_rain/test_rain.yaml", "test_rain/test_snow.yaml"
    assert list(pending_goldens(pending)) == [odd, "test_old/test_rain.yaml", rain, snow]
    (project.path / "tests/test_old.py").unlink()
    project.run("-k", "test_snow").assert_outcomes(failed=1, deselected=1)
    assert list(pending_goldens(pending)) == [odd, "test_old/test_rain.yaml", rain, snow]
    project.run().assert_outcomes(failed=2)
    assert list(pending_goldens(pending)) == [odd, rain, snow]
    project.write("tests/test_rain.py", RAIN)
    project.run().assert_outcomes(failed=1)
    assert list(pending_goldens(pending)) == [odd, rain]


def test_a_golden_is_in_use_while_its_test_is_skipped_failing_or_not_collected(project: Project) -> None:
    tests = {
        "test_failing": "def test_it(golden):\n    assert False\n",
        "test_skipped": "import pytest\n\n@pytest.mark.skip\ndef test_it(golden):\n    golden.check({})\n",
        "test_module": "import pytest\npytest.skip('not here', allow_module_level=True)\n",
        "test_there": "def test_it(golden):\n    golden.check({})\n",
    }
    for name, text in tests.items():
        project.write(f"tests/{name}.py", text)
        project.write(f"golden/{name}/test_it.yaml", golden_text(f"tests/{name}.py::test_it"))
    project.write("golden/test_gone/test_it.yaml", golden_text("tests/test_gone.py::test_it"))
    result = project.run()
    assert last_goldens_line(result) == "goldens: 1 compared, 0 changed, 0 missing, 1 unused, 0 written"
    result.stdout.fnmatch_lines(["unused: golden/test_gone/test_it.yaml*"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xef\xbb\xbf" + RAIN_GOLDEN.encode(), "line 1: begins with a byte order mark (BOM)*"),
        (RAIN_GOLDEN.replace("\n", "\r\n").encode(), "line 1: has CRLF line ends*"),
        (
            RAIN_GOLDEN.encode() + b"<<<<<<< HEAD\n",
            "line 4: holds the markers of an unresolved merge conflict*",
        ),
        (RAIN_GOLDEN.replace("golden/1", "golden/2").encode(), "line 1: was written by a newer version*"),
        (b"a: &a [*a]", "line 1: holds an anchor*"),
        (b"\xff", "line 1: is not UTF-8*"),
    ],
    ids=["bom", "crlf", "conflict", "newer", "anchor", "bytes"],
)
def test_a_corrupt_golden_is_said_to_be_so_and_is_kept(project: Project, content: bytes, told: str) -> None:
    project.write("tests/test_rain.py", RAIN)
    file = project.write("golden/test_rain/test_rain.yaml", "")
    file.write_bytes(content)
    result = project.run("--golden=update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *GoldenCorrupt: golden/test_rain/test_rain.yaml, {told}"])
    assert file.read_bytes() == content


def test_a_symlinked_golden_is_refused_and_nothing_is_written_through_it(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    outside = project.write("outside/test_rain.yaml", SNOW_GOLDEN)
    (project.path / "golden").mkdir()
    (project.path / "golden/test_rain").symlink_to(outside.parent)
    result = project.run("--golden=update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *GoldenCorrupt: *is reached through the symbolic link 'test_rain'*"])
    assert outside.read_text() == SNOW_GOLDEN


def test_a_secret_is_neither_written_nor_shown(project: Project) -> None:
    project.monkeypatch.setenv("SERVICE_TOKEN", "hunter2hunter2")
    project.write("tests/test_rain.py", RAIN.replace('"rain"', '"it is hunter2" + "hunter2"'))
    for mode in ("check", "pending", "update"):
        result = project.run(f"--golden={mode}", "--golden-artifacts=out")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            ["E *SecretFound: golden/test_rain/test_rain.yaml was not written: the field input (the value of "
             "SERVICE_TOKEN) holds a secret. Redact the field*"]
        )  # fmt: skip
        assert "hunter2hunter2" not in result.stdout.str()
    assert not (project.path / "golden").exists()
    left = {path.name: path.read_bytes() for path in (project.path / "out").iterdir()}
    assert (list(left), b"hunter2hunter2" in left["last-run.json"]) == (["last-run.json"], False)


def test_a_redacted_field_is_compared_as_it_is_written(project: Project) -> None:
    project.monkeypatch.setenv("SERVICE_TOKEN", "hunter2hunter2")
    test = RAIN.replace('{"input": "rain"}', '{"input": "hunter2hunter2"}, redact={"input": "<token>"}')
    project.write("tests/test_rain.py", test)
    project.run("--golden=update").assert_outcomes(passed=1)
    owner = "tests/test_rain.py::test_rain"
    assert project.goldens() == {"test_rain/test_rain.yaml": golden_text(owner, input="<token>")}


def test_a_model_cannot_command_the_ci_service(project: Project) -> None:
    project.monkeypatch.setenv("CI", "true")
    story = '{"text": "\\x1b[31m\\u202e", "::error::x": "##[error]"}'
    project.write("tests/test_rain.py", RAIN.replace('{"input": "rain"}', story))
    output = project.run("--color=no", "--tb=line").stdout.str()
    assert [line for line in output.splitlines() if line.strip().startswith("::")] == []
    assert "\x1b" not in output
    assert "##[" not in output


def test_a_golden_is_found_from_every_folder(project: Project) -> None:
    project.write("pytest.ini", INI + "flujo_golden_dir = checks/golden\n")
    project.write("tests/sub/test_rain.py", RAIN)
    project.run("--golden=update").assert_outcomes(passed=1)
    golden = project.path / "checks/golden/sub/test_rain/test_rain.yaml"
    assert golden.read_text() == golden_text("tests/sub/test_rain.py::test_rain", input="rain")
    project.monkeypatch.chdir(project.path / "tests/sub")
    project.run("--golden=check").assert_outcomes(passed=1)
    project.run("--golden=check", f"--rootdir={project.path}/tests").assert_outcomes(passed=1)
    golden.unlink()
    result = project.run("--golden=check")
    accept = "python -m pytest test_rain.py::test_rain --golden=update"
    result.stdout.fnmatch_lines([f"E *next, if this is what it should be: {accept}"])


def test_an_explicit_mode_counts_even_where_there_is_no_golden(project: Project) -> None:
    project.write("tests/test_rain.py", "def test_rain():\n    assert True\n")
    assert last_goldens_line(project.run("--golden=check")) == (
        "goldens: 0 compared, 0 changed, 0 missing, 0 unused, 0 written"
    )
    project.run().stdout.no_fnmatch_line("goldens:*")


def test_a_folder_that_cannot_be_written_is_a_problem_that_fails_the_run(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    project.write("golden/test_rain", "a file where the folder should be")
    result = project.run("--golden=update")
    result.assert_outcomes(passed=1)
    assert int(result.ret) == 1
    result.stdout.fnmatch_lines(
        [
            "goldens: 1 compared, 0 changed, 1 missing, 0 unused, 0 written",
            "goldens: golden/test_rain/test_rain.yaml was not written: File exists",
        ]
    )


def test_goldens_are_safe_when_their_folder_vanishes_meanwhile(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    project.run("--golden=update")
    shutil.rmtree(project.path / "golden")
    project.run("--golden=update").assert_outcomes(passed=1)
    assert project.goldens() == {"test_rain/test_rain.yaml": RAIN_GOLDEN}
