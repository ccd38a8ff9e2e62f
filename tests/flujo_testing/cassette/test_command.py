"""``flujo cassette``: what it says, what it writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flujo.cli.endings import CLEAN, FINDINGS, SECRET
from flujo_testing.cassette.command import cassette
from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.lines import read, written

OWNER = "tests/test_rain.py::test_rain"
USAGE = {"input_tokens": 120, "output_tokens": 40, "requests": 1}
EXCHANGE = Exchange(
    "write/attempt:1",
    {"agent": "writer", "input": "rain\x1b[31m", "model": "test:writer"},
    {"output": "Grey rain", "reported": {"usage": USAGE, "model": "test:writer", "cost_usd": "0.25"}},
)
VCR = """\
interactions:
- request:
    method: POST
    uri: https://example.com/v1/chat?key=hidden
    body: '{"model": "m"}'
    headers: {authorization: [Bearer hidden]}
  response:
    status: {code: 200, message: OK}
    headers: {content-type: [application/json], x-request-id: [r1]}
    body: {string: '{"answer": "grey"}'}
version: 1
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_rain.py").write_text("def test_rain(cassette): ...\n", encoding="utf-8")
    file = tmp_path / "cassettes" / "test_rain" / "test_rain.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes(written(OWNER, [EXCHANGE]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*arguments: str, code: int = CLEAN) -> str:
    result = CliRunner().invoke(cassette, list(arguments))
    assert (result.exit_code, result.exception if result.exit_code not in (CLEAN, FINDINGS, SECRET) else None) == (
        code,
        None,
    )
    return result.output


def refused(*arguments: str) -> str:
    return str(CliRunner().invoke(cassette, list(arguments)).exception)


def held(file: Path) -> list[Exchange]:
    return read(file.read_bytes(), "x")[1]


def test_list_tells_what_each_holds(project: Path) -> None:
    assert json.loads(said("list", "--json")) == [
        {
            "path": "cassettes/test_rain/test_rain.jsonl",
            "test": OWNER,
            "answers": 1,
            "tokens": 160,
            "reported_usd": "0.25",
            "models": {"test:writer": 1},
        }
    ]
    lines = said("list").splitlines()
    assert lines[1].split() == [OWNER, "1", "160", "test:writer"]
    assert lines[-1] == "1 cassettes, 1 answers"


def test_show_tells_it_inert(project: Path) -> None:
    shown = said("show", OWNER)
    assert "input: rain\\x1b[31m" in shown
    assert "\x1b[31m" not in shown
    assert said("show", "test_rain/test_rain") == shown
    assert json.loads(said("show", OWNER, "--json"))["exchanges"] == [
        {"at": EXCHANGE.at, "request": EXCHANGE.request, "answer": EXCHANGE.answer}
    ]


def test_import_keeps_neither_keys_nor_headers(project: Path) -> None:
    (project / "vcr.yaml").write_text(VCR, encoding="utf-8")
    said("import", "vcr.yaml", "--test", "tests/test_rain.py::test_grey")
    (exchange,) = held(project / "cassettes" / "test_rain" / "test_grey.jsonl")
    assert exchange == Exchange(
        "anywhere",
        {"method": "POST", "url": "https://example.com/v1/chat", "body": {"model": "m"}},
        {"status": 200, "headers": {"content-type": "application/json"}, "text": '{"answer": "grey"}'},
        2,
    )
    exists = "cassettes/test_rain/test_grey.jsonl exists already: 'flujo cassette show' tells what it holds"
    assert refused("import", "vcr.yaml", "--test", "tests/test_rain.py::test_grey") == exists


def test_scan_ends_with_its_own_code_for_a_secret(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said("scan") == "1 cassettes, 0 with a secret, 0 that cannot be read\n"
    monkeypatch.setenv("RAIN_TOKEN", "Grey rain")
    assert said("scan", code=SECRET).splitlines() == [
        "cassettes/test_rain/test_rain.jsonl: "
        "the field answer.output of line 2 (the value of RAIN_TOKEN) holds a secret",
        "1 cassettes, 1 with a secret, 0 that cannot be read",
    ]
    (project / "cassettes" / "test_rain" / "test_rain.jsonl").write_bytes(b"")
    assert said("scan", code=FINDINGS).splitlines()[-1] == "1 cassettes, 0 with a secret, 1 that cannot be read"


def test_prune_removes_what_no_test_owns(project: Path) -> None:
    assert said("prune") == "0 without a test\n"
    (project / "tests" / "test_rain.py").write_text("def test_snow(): ...\n", encoding="utf-8")
    file = project / "cassettes" / "test_rain" / "test_rain.jsonl"
    said("prune", "--dry-run")
    assert file.exists()
    assert said("prune").splitlines()[0] == f"removed cassettes/test_rain/test_rain.jsonl: {OWNER} is gone"
    assert not file.exists()


def test_rename_moves_it_with_its_test(project: Path) -> None:
    assert said("rename", OWNER, "tests/test_rain.py::TestRain::test_grey") == (
        "cassettes/test_rain/test_rain.jsonl -> cassettes/test_rain/TestRain.test_grey.jsonl\n"
    )
    files = [file for file in project.glob("cassettes/**/*") if file.is_file()]
    assert [file.name for file in files] == ["TestRain.test_grey.jsonl"]
    assert read(files[0].read_bytes(), "x")[0] == "tests/test_rain.py::TestRain::test_grey"


def test_seal_accepts_a_change_by_hand(project: Path) -> None:
    file = project / "cassettes" / "test_rain" / "test_rain.jsonl"
    file.write_bytes(file.read_bytes().replace(b"Grey rain", b"Red rain"))
    assert "holds another answer than was recorded with it" in refused("show", OWNER)
    assert said("seal", OWNER) == "1 of its exchanges sealed anew\n"
    assert [exchange.answer["output"] for exchange in held(file)] == ["Red rain"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("show", "nope"), "there is no cassette cassettes/nope.jsonl"),
        (("show", "../nope"), "cassettes/../nope.jsonl, line 1: is a path that leads out of its folder"),
        (("rename", OWNER, "nowhere"), "'nowhere' is no test: write it as tests/test_rain.py::test_grey"),
        (("import", "absent.yaml", "--test", OWNER[:-4] + "hail"), "absent.yaml"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(project: Path, arguments: tuple[str, ...], text: str) -> None:
    assert text in refused(*arguments)
    assert "\n" not in refused(*arguments)
