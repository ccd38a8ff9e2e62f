"""``flujo golden triage``: the red tests of the last run by cause, for people and for scripts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flujo.cli.commands import run
from flujo_testing.golden.leak import SecretScan
from flujo_testing.report.last_run import kept_in, write_record
from flujo_testing.report.record import SuiteRecord
from tests.flujo_testing.report import samples

RECORD = samples.suite(
    samples.cause(tests=("a", "b"), usd="0.00208"),
    samples.cause(
        key="4f298d7e", kind="golden", title="output has changed", steps=(), tests=("c",), example="x: 1 -> 2"
    ),
    cases=(*(samples.case(test=test) for test in "abc"), samples.case(test="d", outcome="passed", cause=None)),
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "tests").mkdir()
    monkeypatch.chdir(tmp_path / "tests")
    return tmp_path


def triage(*arguments: str) -> int:
    return run(["golden", "triage", *arguments], entries=samples.GOLDEN)


def leave(folder: Path, record: SuiteRecord = RECORD) -> None:
    write_record(folder, record, SecretScan())


def test_causes_are_told_with_the_time_of_the_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(kept_in(project))
    assert triage() == 1
    assert capsys.readouterr().out.split("\n") == [
        "run of 2026-01-02T03:04:05+00:00: 3 of 4 tests are red: 2 causes",
        "2 tests, law: a metered agent answered, but no entry says what was paid (+0.00208 USD) [38fa3c47]",
        "    in:    write",
        "    first: a",
        "    says:  write/attempt:1: a metered agent answered",
        "    see:   python -m pytest tests/test_rain.py::test_it",
        "1 test, golden: output has changed [4f298d7e]",
        "    first: c",
        "    says:  x: 1 -> 2",
        "    see:   python -m pytest tests/test_rain.py::test_it",
        "",
    ]


def test_the_tests_of_one_cause_are_a_line_each(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(kept_in(project))
    assert (triage("38fa3c47"), capsys.readouterr().out) == (1, "a\nb\n")


def test_json_has_every_test_of_every_cause(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(project / "out")
    assert triage("--from", str(project / "out"), "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert {name: told[name] for name in ("started_at", "tests", "red")} == {
        "started_at": "2026-01-02T03:04:05+00:00",
        "tests": 4,
        "red": 3,
    }
    assert [(cause["key"], cause["tests"], cause["usd"]) for cause in told["causes"]] == [
        ("38fa3c47", ["a", "b"], "0.00208"),
        ("4f298d7e", ["c"], None),
    ]
    assert triage("4f298d7e", "--from", str(project / "out"), "--json") == 1
    assert [cause["key"] for cause in json.loads(capsys.readouterr().out)["causes"]] == ["4f298d7e"]


def test_where_no_red_run_is_kept_it_is_clean(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (triage(), capsys.readouterr().out) == (0, "no red run is kept here\n")
    assert (triage("--json"), capsys.readouterr().out) == (0, '{"causes": []}\n')


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("12345678",), "flujo: the last red run has no cause '12345678'; it has: 38fa3c47, 4f298d7e\n"),
        (
            ("--from", "nowhere"),
            "flujo: nowhere/last-run.json does not exist: --from names a folder that a red run left "
            "(--golden-artifacts)\n",
        ),
        (("--from", "{project}/broken"), "flujo: {project}/broken/last-run.json is not JSON: "),
        (("--from", "{project}/link"), "flujo: {project}/link/last-run.json, line 1: "),
    ],
)
def test_what_cannot_be_told_is_refused_in_a_line(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], why: str
) -> None:
    leave(kept_in(project))
    (project / "broken").mkdir()
    (project / "broken/last-run.json").write_bytes(b"\xff")
    (project / "link").mkdir()
    (project / "link/last-run.json").symlink_to(kept_in(project) / "last-run.json")
    assert triage(*(argument.format(project=project) for argument in arguments)) == 2
    told, wanted = capsys.readouterr().err, why.format(project=project)
    assert (told[: len(wanted)], told.count("\n")) == (wanted, 1)


def test_a_key_without_a_red_run_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert triage("38fa3c47") == 2
    assert capsys.readouterr().err == "flujo: no red run is kept here, so there are no causes: run pytest first\n"


EVIL = "\x1b[2J\u202e\n::error::pwned"
SHOWN = "\\x1b[2J\\u202e"


def test_a_record_of_others_commands_neither_a_terminal_nor_a_ci(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its texts are inert when a run leaves it; who hands in another one may write anything."""
    cause = samples.cause(title=EVIL, kind=EVIL, steps=(EVIL,), tests=(EVIL, "b"), example=EVIL, command=EVIL)
    leave(project / "out", replace(samples.suite(cause), started_at=EVIL))
    for arguments in ((), ("38fa3c47",)):
        assert triage(*arguments, "--from", str(project / "out")) == 1
        told = capsys.readouterr().out
        assert [letter for letter in told if letter != "\n" and not letter.isprintable()] == []
        assert [line for line in told.split("\n") if line.startswith("::")] == []
        assert SHOWN in told


def test_a_place_in_a_record_is_told_in_a_few_letters(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(project / "out", replace(RECORD, audit={"a" * 3000: {"b": "c"}}))
    file = project / "out/last-run.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"b": "c"', '"b": 1'), encoding="utf-8")
    assert triage("--from", str(project / "out")) == 2
    where = f"audit.{'a' * 80}.b"
    assert capsys.readouterr().err == (
        f"flujo: {file} is no record of a run: {where}: Input should be a valid string\n"
    )
