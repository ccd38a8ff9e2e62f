"""What syrupy 7 does to its own files, and that none of it happens to goldens.

Each hazard is shown twice: it still happens to a snapshot of syrupy's (if it no longer does, this file can
shrink), and it does not happen to a golden beside it.
"""

from __future__ import annotations

import pytest

from tests.flujo_testing.golden_project import CONFTEST, Project, golden_text, project_of

pytest_plugins = ["pytester"]

SNAPSHOTS = (
    CONFTEST
    + """
import pytest
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

class OneFile(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "yaml"

@pytest.fixture
def one_file(snapshot):
    return snapshot.use_extension(OneFile)
"""
)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = project_of(pytester, monkeypatch)
    project.write("pytest.ini", "[pytest]\nfilterwarnings = default\n")  # syrupy warns of the names that it makes
    project.write("conftest.py", SNAPSHOTS)
    return project


def snapshots(project: Project) -> list[str]:
    root = project.path / "tests/__snapshots__"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


FAILS_FIRST = """
def test_there(golden, one_file):
    assert {prefix}
    golden.check({{"input": "rain"}})
    assert "rain" == one_file

def test_other(golden, one_file):
    golden.check({{"input": "snow"}})
    assert "snow" == one_file
"""


def test_an_update_deletes_no_golden_of_a_test_that_failed_before(project: Project) -> None:
    project.write("tests/test_rain.py", FAILS_FIRST.format(prefix=True))
    project.run("--golden=update", "--snapshot-update").assert_outcomes(passed=2)
    project.write("golden/test_rain/unrelated.yaml", "a: 1\n")
    project.write("tests/__snapshots__/test_rain/unrelated.yaml", "a: 1\n")
    goldens = project.files()
    assert snapshots(project) == [f"test_rain/{name}.yaml" for name in ("test_other", "test_there", "unrelated")]
    project.write("tests/test_rain.py", FAILS_FIRST.format(prefix=False))
    project.run("--golden=update", "--snapshot-update").assert_outcomes(passed=1, failed=1)
    assert snapshots(project) == ["test_rain/test_other.yaml"]
    assert project.files() == goldens


def test_syrupys_update_flag_changes_no_golden(project: Project) -> None:
    project.write("tests/test_rain.py", "def test_it(golden):\n    golden.check({'input': 'rain'})\n")
    golden = golden_text("tests/test_rain.py::test_it", input="snow")
    project.write("golden/test_rain/test_it.yaml", golden)
    project.write("golden/test_rain/gone.yaml", golden_text("tests/test_rain.py::gone"))
    before = project.files()
    result = project.run("--golden=check", "--snapshot-update", "--snapshot-update-new-only")
    result.assert_outcomes(failed=1)
    assert project.files() == before


NAMES = """
import pytest

LONG = "l" * 300

@pytest.mark.parametrize("x", [pytest.param(x, id=x) for x in ["a/b", "ab", "a:b", LONG + "1", LONG + "2"]])
def test_it(golden, one_file, x):
    golden.check({"x": x})
    assert x == one_file
"""


def test_tests_whose_names_are_cleaned_share_no_golden(project: Project) -> None:
    project.write("tests/test_rain.py", NAMES)
    project.run("--golden=update", "--snapshot-update").assert_outcomes(passed=5)
    assert len(snapshots(project)) == 2
    assert len(project.goldens()) == 5
    result = project.run("--golden=check")
    result.stdout.fnmatch_lines(["goldens: 5 compared, 0 changed, 0 missing, 0 unused, 0 written"])
    assert "GoldenMismatch" not in result.stdout.str()


UNASSERTED = """
import contextlib

def test_of_syrupy(snapshot):
    "wrong" == snapshot

def test_checked(golden):
    golden.check({"a": 1})

def test_compared(golden):
    {"a": 1} == golden

def test_swallowed(golden):
    with contextlib.suppress(AssertionError):
        golden.check({"a": 1})

def test_expected_to_differ(golden):
    assert {"a": 1} != golden
"""


def test_a_comparison_that_nobody_asserts_fails_the_test(project: Project) -> None:
    project.write("tests/test_rain.py", UNASSERTED)
    result = project.run()
    result.assert_outcomes(passed=2, failed=3, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "FAILED tests/test_rain.py::test_checked - *GoldenMismatch*",
            "FAILED tests/test_rain.py::test_compared - *GoldenMismatch*",
            "FAILED tests/test_rain.py::test_expected_to_differ - *GoldenMismatch*",
            "ERROR tests/test_rain.py::test_swallowed - "
            "Failed: tests/test_rain.py::test_swallowed passed, but 1 of its comparisons with a golden "
            "failed and something swallowed the error. The first one: "
            "golden/test_rain/test_swallowed.yaml does not exist yet",
        ]
    )


BROKEN = """
class Broken:
    def __str__(self):
        raise ValueError("this one cannot be told")

def test_of_syrupy(one_file):
    Broken() == one_file

def test_told(golden, request):
    golden.check({"a": object()})
"""


def test_an_error_while_a_run_is_told_is_raised_as_it_is(project: Project) -> None:
    project.write("tests/test_rain.py", BROKEN)
    result = project.run("--golden=update", "--snapshot-update")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E *TypeError: Object of type object is not JSON serializable"])
    assert project.goldens() == {}


def test_a_golden_handed_to_syrupys_own_assertion_is_neither_written_nor_deleted(project: Project) -> None:
    project.write(
        "tests/test_rain.py",
        """
from pathlib import Path
from flujo_testing.golden.extension import extension_for
from flujo_testing.golden.location import GoldenFolder

def test_it(snapshot):
    folder = GoldenFolder(Path.cwd(), Path.cwd() / "golden")
    assert "rain" == snapshot.use_extension(extension_for(folder))(name="test_rain/test_it.yaml")
""",
    )
    project.write("golden/test_rain/test_it.yaml", "snow")
    result = project.run("--snapshot-update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"E *GoldenMisuse: {project.path}/golden/test_rain/test_it.yaml: goldens are written by --golden=update only"]
    )
    assert project.goldens() == {"test_rain/test_it.yaml": "snow"}


@pytest.mark.parametrize(
    ("ini", "options"),
    [("flujo_golden_dir = tests/__snapshots__\n", ()), ("", ("--snapshot-dirname=golden",))],
    ids=["in-its-folder", "its-folder-like-ours"],
)
def test_a_folder_that_syrupy_cleans_up_is_refused_at_once(
    project: Project, ini: str, options: tuple[str, ...]
) -> None:
    project.write("pytest.ini", f"[pytest]\n{ini}")
    project.write("tests/test_rain.py", "def test_it(golden):\n    golden.check({})\n")
    result = project.run("--golden=update", "--snapshot-update", *options)
    assert int(result.ret) == 4
    result.stderr.fnmatch_lines(["ERROR: flujo_golden_dir = * lies in syrupy's folder *"])
    assert snapshots(project) == []


def test_syrupys_report_counts_goldens_and_keeps_its_exit_code(project: Project) -> None:
    project.write("tests/test_rain.py", "def test_it(golden):\n    golden.check({})\n")
    updated = project.run("--golden=update")
    assert int(updated.ret) == 0
    updated.stdout.fnmatch_lines(["1 snapshot generated."])
    checked = project.run("--golden=check")
    assert int(checked.ret) == 0
    checked.stdout.fnmatch_lines(["1 snapshot passed."])
