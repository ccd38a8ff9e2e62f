"""``flujo suite run``: the verdicts are pytest's, results last, and a worker that is lost takes nothing with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flujo.cli.commands import run

ROOT = Path(__file__).parents[2]
SUITE = EntryPoint("suite", "flujo_testing.suite.command:suite", "flujo.commands")
MAIN = "import sys; from tests.dbos.test_suite import SUITE; from flujo.cli.commands import run; "
PYTEST = ("-p", "no:randomly", "-p", "no:asyncio", "-p", "no:cacheprovider", "-W", "error", "-o", "junit_family=xunit1")

TESTS = """
import os, signal
from pathlib import Path
import pytest

RAN = Path("ran.txt")

@pytest.fixture(scope="session")
def paper():
    with RAN.open("a") as file:
        yield file

@pytest.mark.parametrize("n", range(5))
def test_number(n, paper, record_property):
    record_property("n", n)
    paper.write(f"number {n}\\n")
    assert n != 3, "three"

def test_skipped():
    pytest.skip("for a reason")

@pytest.mark.xfail(strict=True, reason="known")
def test_expected():
    assert False

@pytest.fixture
def broken():
    raise ValueError("no fixture")

def test_broken(broken):
    pass
"""
LOSES_ITS_WORKER = """
def test_loses_its_worker():
    if not Path("lost.txt").exists():
        Path("lost.txt").touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""
KILLER = """
def test_kills():
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_all.py").write_text(TESTS)
    return tmp_path


def suite(project: Path, database: str, *options: str, pytest_options: tuple[str, ...] = ()) -> tuple[int, str]:
    """``flujo suite run`` in a process of its own: exit code and output."""
    arguments = ["suite", "run", "--queue", database, *options, "--", *PYTEST, *pytest_options]
    command = [sys.executable, "-c", f"{MAIN}sys.exit(run({arguments!r}, [SUITE]))"]
    done = subprocess.run(
        command, cwd=project, text=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    return done.returncode, done.stderr + done.stdout


def verdicts(file: Path) -> list[tuple[str | None, list[str]]]:
    """Every case of a JUnit file with what it says, without times."""
    told = []
    for case in ElementTree.parse(file).iter("testcase"):
        parts = [re.sub(r"0x[0-9a-f]+", "", ElementTree.tostring(part, "unicode").strip()) for part in case]
        told.append((case.get("name"), parts))
    return told


def last_words(output: str) -> str:
    return re.sub(r" in [0-9.]+s.*", "", output.strip().splitlines()[-1]).strip("= ")


def test_the_verdicts_and_the_report_are_those_of_pytest(project: Path, database: str) -> None:
    plain = subprocess.run([sys.executable, "-m", "pytest", *PYTEST, "--junitxml=plain.xml"], cwd=project)
    code, output = suite(project, database, "--name", "a", pytest_options=("--junitxml=spread.xml",))
    assert (code, plain.returncode) == (1, 1)
    assert verdicts(project / "spread.xml") == verdicts(project / "plain.xml")
    assert last_words(output) == "2 failed, 4 passed, 1 skipped, 1 xfailed, 1 error".replace("2 failed", "1 failed")
    assert "suite a: 2 workers here, 0 cases had a result before" in output


def test_a_run_of_the_same_name_goes_on_where_it_was(project: Path, database: str) -> None:
    suite(project, database, "--name", "a", "--workers", "1", pytest_options=("--maxfail=1",))
    first = (project / "ran.txt").read_text().splitlines()
    code, output = suite(project, database, "--name", "a", "--workers", "1")
    again = (project / "ran.txt").read_text().splitlines()
    assert sorted(again) == [f"number {n}" for n in range(5)]
    assert again[: len(first)] == first
    assert code == 1
    assert last_words(output) == "1 failed, 4 passed, 1 skipped, 1 xfailed, 1 error"
    code, output = suite(project, database, "--name", "a", "--workers", "1")
    assert "8 cases had a result before" in output
    assert (project / "ran.txt").read_text().splitlines() == again


def test_a_test_that_loses_its_worker_is_run_again_and_one_that_always_does_is_told(
    project: Path, database: str
) -> None:
    (project / "test_all.py").write_text(TESTS + LOSES_ITS_WORKER + KILLER)
    code, output = suite(project, database, "--name", "a")
    assert code == 1
    assert last_words(output) == "2 failed, 5 passed, 1 skipped, 1 xfailed, 1 error"
    assert "test_all.py::test_kills: 3 workers were lost over it" in output
    assert sorted((project / "ran.txt").read_text().splitlines()) == [f"number {n}" for n in range(5)]


def test_workers_that_cannot_begin_are_no_endless_story(project: Path, database: str) -> None:
    (project / "conftest.py").write_text(
        "import sys\ndef pytest_configure(config):\n    if 'flujo_testing.suite.working' in sys.modules:\n"
        "        raise SystemExit('not here')\n"
    )
    code, output = suite(project, database, "--name", "a", "--workers", "1")
    assert code == 4
    assert "3 workers in a row ended without a result, the last with exit code 3" in output


@pytest.mark.parametrize(
    ("options", "pytest_options", "told"),
    [
        (("--rate", "0/3"), (), "--rate '0/3': write 60/30 for at most 60 in 30 seconds"),
        (("--rate", "fast"), (), "--rate 'fast': write 60/30 for at most 60 in 30 seconds"),
        (("--name", "a b"), (), "--name 'a b': use up to 64 letters, digits, dots, underscores and hyphens"),
        ((), ("--golden=update",), "leave out --golden=update: workers compare goldens, and write none"),
        ((), ("--flujo-record=all",), "leave out --flujo-record: cassettes are recorded by one process, with pytest"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    project: Path, database: str, options: tuple[str, ...], pytest_options: tuple[str, ...], told: str
) -> None:
    code, output = suite(project, database, *options, pytest_options=pytest_options)
    assert told in output
    assert code in (2, 4)


def test_a_queue_is_a_url_of_postgres(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["suite", "run", "--queue", "sqlite:///runs.db"], [SUITE]) == 2
    assert capsys.readouterr().err == (
        "flujo: a store in Postgres is named by postgresql://user@host/database, not by 'sqlite:///runs.db'\n"
    )
