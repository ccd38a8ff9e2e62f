"""``flujo lint-tests``: paths, a change since a commit, JSON, exit codes, and text that is harmless to show."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from flujo.cli.commands import run
from flujo.cli.endings import CLEAN, FINDINGS, USAGE
from flujo_testing.lint.finding import RULES
from tests.flujo_testing.lint.marked import test_of

ENTRIES = (EntryPoint("lint-tests", "flujo_testing.lint.command:lint_tests", "flujo.commands"),)
EXACT = test_of('assert result.output == "rain"')
LOOSE = test_of("assert result.output")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "project"
    (project / "tests").mkdir(parents=True)
    (project / "pyproject.toml").touch()
    monkeypatch.chdir(project)
    return project


def lint(*arguments: str) -> int:
    return run(["lint-tests", *arguments], ENTRIES)


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def committed(folder: Path, message: str = "one") -> None:
    if not (folder / ".git").exists():
        git(folder, "init", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--message", message)


def test_clean_tests_are_0_and_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tests" / "test_rain.py").write_text(EXACT)
    assert lint() == CLEAN
    assert capsys.readouterr().out == (
        "nothing loose; looked at 1 file with 1 test of pipelines; 0 excused by comments\n"
    )


def test_findings_are_1_and_a_line_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tests" / "test_rain.py").write_text(LOOSE)
    (folder / "test_snow.py").write_text(LOOSE)
    line = '.py:16:5: FL104 test_rain: `result.output` only has to be true; write: assert result.output == "..."'
    assert lint() == FINDINGS
    counted = "1 finding in 1 file; looked at 1 file with 1 test of pipelines; 0 excused by comments"
    assert capsys.readouterr().out.splitlines() == [f"tests/test_rain{line}", counted]
    assert lint("test_snow.py", "tests", "tests/test_rain.py") == FINDINGS
    assert capsys.readouterr().out.splitlines()[:2] == [f"test_snow{line}", f"tests/test_rain{line}"]


def test_rules_can_be_left_out_and_excused_ones_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "tests" / "test_rain.py"
    file.write_text(LOOSE)
    assert lint("--ignore", "FL104") == CLEAN
    file.write_text(LOOSE.replace("result.output\n", "result.output  # flujo: loose because I say so\n"))
    capsys.readouterr()
    assert lint("--excused") == CLEAN
    assert [line.split(" ")[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["tests/test_rain.py:16:5:", "FL104"],
        ["nothing", "loose;"],
    ]


def test_json_holds_all_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tests" / "test_rain.py").write_text(LOOSE)
    assert lint("--json") == FINDINGS
    assert json.loads(capsys.readouterr().out) == {
        "format": "flujo-lint/1",
        "files": 1,
        "tests": 1,
        "excused": [],
        "findings": [
            {
                "path": "tests/test_rain.py",
                "line": 16,
                "column": 5,
                "code": "FL104",
                "test": "test_rain",
                "found": "`result.output` only has to be true",
                "write": 'assert result.output == "..."',
                "message": 'test_rain: `result.output` only has to be true; write: assert result.output == "..."',
            }
        ],
    }


def test_the_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint("--rules") == CLEAN
    assert capsys.readouterr().out.splitlines() == [f"{code}  {what}" for code, what in RULES.items()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "flujo: there is no file or folder 'nowhere'\n"),
        (("tests",), "flujo: there is no test file below tests\n"),
        (("--ignore", "FL9"), "flujo: there is no rule 'FL9'; 'flujo lint-tests --rules' lists them\n"),
        (("broken.py",), "flujo: broken.py: cannot be read as Python, line 1: invalid syntax\n"),
        (("--diff", "main"), "flujo: project is in no git repository\n"),
    ],
)
def test_what_cannot_be_looked_at_is_2_and_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    (folder / "broken.py").write_text("def (\n")
    assert lint(*arguments) == USAGE
    assert capsys.readouterr() == ("", said)


def test_what_is_shown_cannot_command_a_terminal_or_a_ci(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = 'assert result.x == ANY or "\x1b]0;owned\x07 \u202e ##[error]x" in result.output'
    (folder / "tests" / "test_rain.py").write_text(test_of(hostile))
    assert lint() == FINDINGS
    shown = capsys.readouterr().out
    assert [letter for letter in shown if letter != "\n" and not letter.isprintable()] == []
    assert "##[" not in shown


# A change -------------------------------------------------------------------------------------------------


def test_a_change_is_compared_with_where_the_work_began(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = folder / "tests" / "test_rain.py"
    test.write_text(EXACT + EXACT[EXACT.index("async") :].replace("test_rain", "test_snow"))
    committed(folder)
    git(folder, "checkout", "-b", "work")
    test.write_text(LOOSE)
    (folder / "tests" / "test_new.py").write_text(LOOSE)
    git(folder, "stash", "--include-untracked")
    git(folder, "checkout", "main")
    (folder / "tests" / "test_of_others.py").write_text(EXACT)
    committed(folder, "what others did meanwhile")
    git(folder, "checkout", "work")
    git(folder, "stash", "pop")
    assert lint("--diff", "main") == FINDINGS
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[:3] for line in lines[:-1]] == [
        ["tests/test_new.py:16:5:", "FL104", "test_rain:"],
        ["tests/test_rain.py:16:5:", "FL301", "test_rain:"],
        ["tests/test_rain.py:17:1:", "FL303", "test_snow:"],
    ]
    counted = "3 findings in 2 files; looked at 2 files with 2 tests of pipelines"
    assert lines[-1] == f"{counted}; 0 excused by comments"


def test_a_renamed_file_is_followed_and_a_subfolder_is_a_place_to_stand(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "tests" / "test_rain.py").write_text(EXACT)
    committed(folder)
    git(folder, "mv", "tests/test_rain.py", "tests/test_weather.py")
    assert lint("--diff", "HEAD") == CLEAN
    (folder / "tests" / "test_weather.py").write_text(LOOSE)
    monkeypatch.chdir(folder / "tests")
    capsys.readouterr()
    assert lint("--diff", "HEAD") == FINDINGS
    shown = "test_weather.py:16:5: FL301 test_rain: `result.output == 'rain'` became `result.output`; write: "
    assert capsys.readouterr().out.startswith(shown)


def test_an_excuse_holds_for_a_change_and_other_files_do_not_count(folder: Path) -> None:
    test = folder / "tests" / "test_rain.py"
    test.write_text(EXACT)
    (folder / "tests" / "test_other.py").write_text("def test_it():\n    assert 1 == 1\n")
    (folder / "app.py").write_text("import flujo\nassert flujo\n")
    committed(folder)
    test.write_text(LOOSE.replace("result.output\n", "result.output  # flujo: loose because I say so\n"))
    (folder / "tests" / "test_other.py").write_text("def test_it():\n    assert 1\n")
    (folder / "app.py").write_text("import flujo\n")
    assert lint("--diff", "HEAD") == CLEAN


@pytest.mark.parametrize("base", ["nothing", "--output=x", "HEAD:tests"])
def test_a_base_that_is_no_commit_is_2_and_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], base: str
) -> None:
    (folder / "tests" / "test_rain.py").write_text(EXACT)
    committed(folder)
    assert lint(f"--diff={base}") == USAGE
    assert capsys.readouterr().err == f"flujo: git knows no commit {base!r}\n"
