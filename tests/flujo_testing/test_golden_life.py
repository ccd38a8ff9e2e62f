"""The life of a golden in whole pytest runs: proposed, written, compared, contested, forgotten."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from flujo_testing.golden.pending import Pending, pending_goldens, read_pending
from tests.flujo_testing.golden_project import INI, Project, golden_text, project_of

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


def last_goldens_line(result: pytest.RunResult) -> str:
    return [line for line in result.outlines if line.startswith("goldens: ")][-1]


def test_a_missing_golden_fails_the_test_and_leaves_a_proposal(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *GoldenMismatch: golden/test_rain/test_rain.yaml does not exist yet",
            'E *+input: "rain"',
            "E *next: flujo golden review    (or accept it unseen: "
            "python -m pytest tests/test_rain.py::test_rain --golden=update)",
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
    result.stdout.fnmatch_lines(
        ["E *next: python -m pytest tests/test_rain.py::test_rain --golden=pending"]
    )
    assert not (project.path / "golden").exists()


def test_in_ci_proposals_go_to_the_artifacts_folder_alone(project: Project) -> None:
    project.monkeypatch.setenv("CI", "true")
    project.write("tests/test_rain.py", RAIN)
    result = project.run("--golden-artifacts=out")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *next: flujo golden review --from {project.path}/out"])
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
            "unused: golden/test_rain/test_snow.yaml (next: flujo golden prune)",
        ]
    )
    assert project.files() == before


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


def test_a_second_run_in_a_test_needs_a_name(project: Project) -> None:
    project.write(
        "tests/test_rain.py",
        """
import pytest
from flujo_testing.golden import GoldenMisuse

def test_rain(golden):
    golden.check({"run": 1})
    golden.check({"run": 2}, name="resumed")
    golden.check({"run": 3})

def test_named_twice(golden):
    golden.check({"run": 1}, name="a")
    golden.check({"run": 2}, name="a")
""",
    )
    result = project.run("--golden=update")
    result.assert_outcomes(failed=2)
    advice = "give each further run its name, golden.check(result, name='resumed')"
    result.stdout.fnmatch_lines(
        [
            f"E *GoldenMisuse: tests/test_rain.py::test_rain compares a second run without a name: {advice}",
            f"E *tests/test_rain.py::test_named_twice compares a second run with the name 'a': {advice}",
        ]
    )
    assert project.goldens() == {
        "test_rain/test_named_twice@a.yaml": golden_text("tests/test_rain.py::test_named_twice", "a", run=1),
        "test_rain/test_rain.yaml": golden_text("tests/test_rain.py::test_rain", run=1),
        "test_rain/test_rain@resumed.yaml": golden_text("tests/test_rain.py::test_rain", "resumed", run=2),
    }


def test_two_owners_of_one_path_are_both_named_whichever_runs(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    project.write("test_rain.py", RAIN)
    project.write("tests/test_case.py", RAIN + RAIN.replace("test_rain", "test_Rain"))
    result = project.run("--golden=update", "--import-mode=importlib")
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines_random(
        [
            "E *GoldenMisuse: tests/test_rain.py::test_rain and test_rain.py::test_rain own one golden, "
            "golden/test_rain/test_rain.yaml: rename one of the two tests",
            "E *tests/test_case.py::test_Rain and tests/test_case.py::test_rain own one golden, "
            "golden/test_case/test_Rain.yaml (test_case/test_rain.yaml on a disk where case does not count): "
            "rename one of the two tests",
        ]
    )
    assert project.goldens() == {}


def test_a_golden_of_another_test_is_refused_and_kept(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    other = golden_text("tests/test_old.py::test_rain", input="rain")
    project.write("golden/test_rain/test_rain.yaml", other)
    result = project.run("--golden=update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *GoldenCorrupt: golden/test_rain/test_rain.yaml, line 2: is owned by "
            "'tests/test_old.py::test_rain', but 'tests/test_rain.py::test_rain' looks for its golden here: "
            "correct the header if the test has moved, otherwise delete the file"
        ]
    )
    assert project.goldens() == {"test_rain/test_rain.yaml": other}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xef\xbb\xbf" + RAIN_GOLDEN.encode(), "line 1: begins with a byte order mark (BOM)*"),
        (RAIN_GOLDEN.replace("\n", "\r\n").encode(), "line 1: has CRLF line ends*"),
        (RAIN_GOLDEN.encode() + b"<<<<<<< HEAD\n", "line 4: holds the markers of an unresolved merge conflict*"),
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
    assert not (project.path / "out").exists()


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
    result.stdout.fnmatch_lines(["E *next: python -m pytest test_rain.py::test_rain --golden=pending"])


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


BACKENDS = """
import pytest

@pytest.fixture(params=["asyncio", ("trio", {"strict": True})], ids=["asyncio", "trio+strict"])
def anyio_backend(request):
    return request.param

async def test_rain(golden, anyio_backend_name):
    golden.check({"input": "rain"})

@pytest.mark.parametrize(("x", "y"), [(1, "one-two"), (2, "b")])
async def test_several(golden, anyio_backend_name, x, y):
    golden.check({"input": y})

@pytest.mark.parametrize("case", ["a", "b"])
class TestClass:
    async def test_in_class(self, golden, anyio_backend_name, case):
        golden.check({"input": case})
"""


def test_one_golden_serves_all_backends(project: Project) -> None:
    project.write("tests/test_rain.py", BACKENDS)
    project.write("pytest.ini", INI + "anyio_mode = auto\n")
    plugins = ("syrupy", "anyio")
    project.run("--golden=update", plugins=plugins).assert_outcomes(passed=10)
    assert list(project.goldens()) == [
        "test_rain/TestClass.test_in_class[a].yaml",
        "test_rain/TestClass.test_in_class[b].yaml",
        "test_rain/test_rain.yaml",
        "test_rain/test_several[1-one-two].yaml",
        "test_rain/test_several[2-b].yaml",
    ]
    result = project.run("--golden=check", plugins=plugins)
    result.assert_outcomes(passed=10)
    assert last_goldens_line(result) == "goldens: 5 compared, 0 changed, 0 missing, 0 unused, 0 written"


DISAGREEING = """
import pytest

@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
def test_rain(golden, anyio_backend):
    golden.check({"on": anyio_backend})
"""


@pytest.mark.parametrize("mode", ["update", "pending", "check"])
def test_backends_that_disagree_are_both_named_and_nothing_is_written(project: Project, mode: str) -> None:
    project.write("tests/test_rain.py", DISAGREEING)
    golden = golden_text("tests/test_rain.py::test_rain", on="trio")
    project.write("golden/test_rain/test_rain.yaml", golden)
    before = project.files()
    result = project.run(f"--golden={mode}")
    result.assert_outcomes(**({"passed": 1, "failed": 1} if mode == "update" else {"failed": 2}))
    tests = "tests/test_rain.py::test_rain[asyncio] and tests/test_rain.py::test_rain[trio]"
    result.stdout.fnmatch_lines(
        [
            "E *GoldenDisagreement: tests/test_rain.py::test_rain[[]trio] (equal) tells another story than "
            "tests/test_rain.py::test_rain[[]asyncio] (changed), and both have one golden, "
            "golden/test_rain/test_rain.yaml",
            "E *on: 'asyncio' -> 'trio'",
            f"goldens: {tests.replace('[', '[[]')} tell different stories for one golden, "
            "golden/test_rain/test_rain.yaml: nothing was written",
        ]
    )
    assert project.files() == before


def test_goldens_are_safe_when_their_folder_vanishes_meanwhile(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    project.run("--golden=update")
    shutil.rmtree(project.path / "golden")
    project.run("--golden=update").assert_outcomes(passed=1)
    assert project.goldens() == {"test_rain/test_rain.yaml": RAIN_GOLDEN}
