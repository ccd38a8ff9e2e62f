"""``flujo golden``: what it says, what it writes, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from flujo import override
from flujo.cli.commands import GROUP, run
from flujo.cli.endings import CLEAN, FINDINGS, SECRET, USAGE
from flujo_testing.golden.errors import GoldenMisuse
from flujo_testing.golden.findings import digest
from flujo_testing.golden.pending import read_pending
from flujo_testing.golden.unused import write_unused
from flujo_testing.review.project import folder_of, settings_around
from tests.flujo_testing.review.deciding import NOON, UNPAID, UNTOLD, Place, three

NAME_THEM = "flujo: name groups or goldens ('flujo golden status' lists them), or all of them"
COMMAND = EntryPoint("golden", "flujo_testing.review.command:golden", GROUP)


class Noon:
    """A clock that stands still."""

    def now(self) -> float:
        return 0.0

    def utc(self) -> datetime:
        return NOON

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("no command waits")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    place = Place(tmp_path)
    place.write("pytest.ini", "[pytest]\n")
    with override(clock=Noon()):
        yield place


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


class Said:
    """What a command says, line by line, if it ends as it should."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: str, code: int = CLEAN, errors: bool = False) -> list[str]:
        ended = run(["golden", *arguments], [COMMAND])
        captured = self.capsys.readouterr()
        assert (ended, captured.err if not errors else "") == (code, "")
        return [line.rstrip() for line in (captured.err if errors else captured.out).splitlines()]


def test_the_status_is_a_table_of_groups(place: Place, said: Said) -> None:
    three(place)
    assert said("status") == [
        "group     what has changed                             goldens        USD",
        f"{UNPAID}  failed attempts are no longer paid                 2  -0.002086",
        f"{UNTOLD}  feedback no longer reaches the next attempt        2",
        "",
        "2 groups over 3 changed goldens",
        "next: flujo golden review",
    ]


def test_the_status_of_nothing(place: Place, said: Said) -> None:
    assert said("status") == ["no golden has changed"]


def test_the_status_as_json(place: Place, said: Said) -> None:
    three(place)
    told = json.loads("\n".join(said("status", "--json")))
    assert told["groups"][1] == {
        "key": UNTOLD,
        "title": "feedback no longer reaches the next attempt",
        "kind": "feedback",
        "steps": ["write"],
        "usd": "0",
        "goldens": [
            {
                "golden": f"golden/test_rain/test_{number}.yaml",
                "usd": "0",
                "differences": ['feedback "6 words" no longer reaches write/attempt:2'],
            }
            for number in (1, 2)
        ],
    }
    assert told["goldens"][2] == {
        "golden": "golden/test_rain/test_2.yaml",
        "test": "tests/test_rain.py::test_2",
        "groups": [UNPAID, UNTOLD],
    }
    assert told["problems"] == []


def test_what_cannot_be_decided_about_is_told_and_the_exit_code_says_so(place: Place, said: Said) -> None:
    three(place)
    place.write("golden/.pending/test_rain/test_0.yaml.json", "{")
    assert said("status", code=FINDINGS)[-3:] == [
        f"{place.pending}/test_rain/test_0.yaml.json, line 1: is not JSON: Expecting property name enclosed in double "
        "quotes",
        "2 groups over 2 changed goldens, 1 that cannot be decided about",
        "next: flujo golden review",
    ]
    told = json.loads("\n".join(said("accept", "--all", "--reason", "x", "--json", code=FINDINGS)))
    assert (told["did"], len(told["written"]), len(told["problems"])) == ("accepted", 2, 1)


def test_the_diff_of_a_group_shows_its_own_cause_and_no_other(place: Place, said: Said) -> None:
    three(place)
    assert said("diff", UNTOLD) == [
        f"feedback no longer reaches the next attempt: 2 goldens ({UNTOLD})",
        "golden/test_rain/test_1.yaml",
        '  feedback "6 words" no longer reaches write/attempt:2',
        "    @@ -14,7 +14,6 @@",
        '           plugin words: {rejected: "6 words"}',
        "         attempt 2:",
        "           input_from: run",
        '    -      feedback: [{from: words, text: "6 words"}]',
        '           output: "draft 2 on rain"',
        '           paid: {model: "test:writer", input: 122, output: 40, usd: "0.001046"}',
        "           plugin words: accepted",
        "golden/test_rain/test_2.yaml",
        '  feedback "6 words" no longer reaches write/attempt:2',
        "",
    ]


def test_the_diff_of_a_golden_shows_all_its_causes(place: Place, said: Said) -> None:
    three(place)
    lines = said("diff", "golden/test_rain/test_2.yaml")
    assert lines[:8] == [
        "golden/test_rain/test_2.yaml",
        f"  failed attempts are no longer paid ({UNPAID})",
        "  write/attempt:1 is no longer paid: 0.001043 -> 0",
        "  spent usd: 0.002753 -> 0.00171",
        "  spent requests: 3 -> 2",
        "  spent input_tokens: 284 -> 163",
        "  spent output_tokens: 93 -> 53",
        f"  feedback no longer reaches the next attempt ({UNTOLD})",
    ]
    assert [line for line in lines if line.startswith("    -")] == [
        '    -  spent: {usd: "0.002753", requests: 3, input_tokens: 284, output_tokens: 93}',
        '    -      paid: {model: "test:writer", input: 121, output: 40, usd: "0.001043"}',
        '    -      feedback: [{from: words, text: "6 words"}]',
    ]
    told = json.loads("\n".join(said("diff", "golden/test_rain/test_2.yaml", "--json")))
    assert [group["key"] for group in told["groups"]] == [UNPAID, UNTOLD]
    assert [line for line in told["goldens"][0]["diff"] if line.startswith("-")] == [
        line[4:] for line in lines if line.startswith("    -")
    ]


def test_accepting_and_rejecting(place: Place, said: Said) -> None:
    unpaid, untold, _ = three(place)
    assert said("accept", UNPAID, "--reason", "refunds") == ["accepted: 2 goldens changed, 2 left"]
    assert said("reject", UNTOLD, "--reason", "a fault") == ["rejected: 0 goldens changed, 0 left"]
    assert place.goldens()[unpaid.golden] == unpaid.after
    assert place.goldens()[untold.golden] == untold.before
    assert [line for line in place.page().splitlines() if line.startswith("## ")] == [
        "## 2026-03-01 12:30:05 UTC: rejected: feedback no longer reaches the next attempt",
        "## 2026-03-01 12:30:05 UTC: accepted: failed attempts are no longer paid",
    ]


def test_proposals_of_ci_are_decided_about_here(place: Place, said: Said) -> None:
    unpaid, untold, both = three(place)
    place.pending.rename(place.path / "out")
    assert said("status") == ["no golden has changed"]
    assert said("status", "--from", "out")[-1] == "next: flujo golden review --from out"
    assert said("accept", "--all", "--from", "out", "--reason", "x") == ["accepted: 3 goldens changed, 0 left"]
    assert place.goldens() == {one.golden: one.after for one in (unpaid, untold, both)}
    assert read_pending(place.path / "out", both.golden) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["accept", UNPAID], "flujo: a decision needs a reason: flujo golden accept ... --reason 'why'"),
        (
            ["accept", "--reason", "x"],
            f"{NAME_THEM}: flujo golden accept --all",
        ),
        (
            ["reject", "--all", UNPAID, "--reason", "x"],
            f"{NAME_THEM}: flujo golden reject --all",
        ),
        (
            ["accept", "rain", "--reason", "x"],
            "flujo: there is no group and no changed golden 'rain': 'flujo golden status' lists them",
        ),
        (
            ["status", "--from", "out"],
            "flujo: there is no folder 'out': a run leaves it with --golden-artifacts=out",
        ),
        (["status", "--dir", "out"], "flujo: there is no folder 'out': name that of the goldens (--dir)"),
        (
            ["review"],
            "flujo: there is no terminal to review on: 'flujo golden status' and 'flujo golden diff' show the groups, "
            "'flujo golden accept GROUP --reason TEXT' and 'flujo golden reject GROUP --reason TEXT' decide",
        ),
        (["prune"], "flujo: 1 goldens would be removed and there is no terminal to ask on: add --yes"),
        (["prune", "--json"], "flujo: 1 goldens would be removed and there is no terminal to ask on: add --yes"),
    ],
)
def test_a_command_that_cannot_be_run_so_says_what_to_type(
    place: Place, said: Said, arguments: list[str], words: str
) -> None:
    unpaid, _, _ = three(place)
    write_unused(place.pending, {unpaid.golden: digest((unpaid.before or "").encode())})
    before = place.goldens()
    assert said(*arguments, code=USAGE, errors=True) == [words]
    assert place.goldens() == before


def test_pruning(place: Place, said: Said) -> None:
    unpaid, _, _ = three(place)
    write_unused(place.pending, {unpaid.golden: digest((unpaid.before or "").encode())})
    assert said("prune", "--yes") == ["removed golden/test_rain/test_0.yaml", "pruned: 1 golden changed, 0 left"]
    assert unpaid.golden not in place.goldens()
    assert "> no test compares them any more\n" in place.page()


def test_migrating_and_scanning(place: Place, said: Said) -> None:
    three(place)
    assert said("migrate") == ["migrated: 0 goldens changed, 0 left"]
    assert said("scan") == ["6 files, 0 with a secret, 0 that cannot be read"]
    assert json.loads("\n".join(said("scan", "--json"))) == {"files": 6, "secrets": [], "corrupt": []}
    place.write("golden/test_rain/test_0.yaml", "a: 1\n")
    assert said("scan", code=FINDINGS) == [
        "golden/test_rain/test_0.yaml, line 1: is no golden: its format is None, not 'flujo-golden/1'",
        "6 files, 0 with a secret, 1 that cannot be read",
    ]


def test_a_secret_has_an_exit_code_of_its_own(place: Place, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    three(place)
    monkeypatch.setenv("RAIN_TOKEN", "draft 1 on")
    assert said("scan", code=SECRET)[-1] == "6 files, 6 with a secret, 0 that cannot be read"
    before = place.goldens()
    assert said("accept", UNPAID, "--reason", "x", code=SECRET, errors=True)[0].startswith(
        "flujo: golden/test_rain/test_0.yaml was not written: the field steps.write.attempt 1.output (the value of"
    )
    assert place.goldens() == before


def test_where_there_are_no_goldens_nothing_is_made(place: Place, said: Said) -> None:
    assert said("status") == ["no golden has changed"]
    assert said("prune") == ["pruned: 0 goldens changed, 0 left"]
    assert said("migrate") == ["migrated: 0 goldens changed, 0 left"]
    assert said("scan") == ["0 files, 0 with a secret, 0 that cannot be read"]
    assert said("accept", "--all", "--reason", "x", code=USAGE, errors=True) == [
        "flujo: there are no changed goldens to decide about: run the tests first"
    ]
    assert [path.name for path in place.path.iterdir()] == ["pytest.ini"]


# The project --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pytest.ini", "[pytest]\nflujo_golden_dir = tests/golden\n"),
        ("pyproject.toml", '[tool.pytest.ini_options]\nflujo_golden_dir = "tests/golden"\n'),
        ("tox.ini", "[tox]\nx = 1\n[pytest]\nflujo_golden_dir = tests/golden\n"),
        ("setup.cfg", "[tool:pytest]\nflujo_golden_dir = tests/golden\n"),
    ],
)
def test_the_goldens_are_found_from_any_folder_of_the_project(tmp_path: Path, file: str, text: str) -> None:
    inner = tmp_path / "tests/deep"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\n")
    (tmp_path / file).write_text(text)
    folder = folder_of(inner, None)
    assert (folder.anchor, folder.path) == (tmp_path, tmp_path / "tests/golden")
    (inner / "other").mkdir()
    given = folder_of(inner, Path("other"))
    assert (given.anchor, given.path) == (tmp_path, inner / "other")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pytest.ini", "flujo\n"),
        ("pyproject.toml", "a = \n"),
        ("pyproject.toml", "a = " + "9" * 5000),
        ("pyproject.toml", "a = " + "[" * 100_000),
    ],
)
def test_an_ini_file_that_cannot_be_read_is_named(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(GoldenMisuse, match=rf"{file} cannot be read: "):
        folder_of(tmp_path, None)


@pytest.mark.parametrize("text", ["tool = 1\n", "[tool]\npytest = 1\n", "[tool.pytest]\nini_options = 1\n"])
def test_an_ini_file_that_says_nothing_to_pytest_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert settings_around(tmp_path) == (tmp_path, {})


def test_a_folder_of_goldens_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\nflujo_golden_dir = ['a']\n")
    with pytest.raises(GoldenMisuse, match=r"^flujo_golden_dir is no text in the ini file in .*: name a folder"):
        folder_of(tmp_path, None)
