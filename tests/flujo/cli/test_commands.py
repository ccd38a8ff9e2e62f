"""The command ``flujo``: where its commands come from, and how it ends when one cannot be run or fails."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint, version
from pathlib import Path

import pytest
import typer

from flujo.cli.commands import GROUP, run
from flujo.cli.endings import CLEAN, FAULT, HELD, INTERRUPTED, USAGE, Refused

ROOT = Path(__file__).parents[3]


def fine() -> None:
    """Does nothing."""


def broken() -> None:
    raise ZeroDivisionError("by\nzero")


def refused() -> None:
    raise Refused("there is no rain")


def hostile() -> None:
    raise Refused("\x1b[31mred\u202e\n::error::text")


def interrupted() -> None:
    raise KeyboardInterrupt


def held() -> None:
    raise Refused("somebody else has it", HELD)


group = typer.Typer(help="Several.")
group.command("one")(fine)
group.command("two")(refused)

NAMED = ["fine", "broken", "refused", "hostile", "interrupted", "held"]
HERE = (
    *(EntryPoint(name, f"{__name__}:{name}", GROUP) for name in NAMED),
    EntryPoint("several", f"{__name__}:group", GROUP),
)
ABSENT = EntryPoint("absent", "flujo_without_its_extra:command", GROUP)


@pytest.fixture(autouse=True)
def importable() -> None:
    """Entry points import this file by its name, which it has while pytest runs it."""
    assert sys.modules[__name__].fine is fine


def test_every_command_of_the_project_loads_and_has_a_text() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"flujo": "flujo.cli:main"}
    commands = {name: EntryPoint(name, value, GROUP).load() for name, value in project["entry-points"][GROUP].items()}
    assert [name for name, command in commands.items() if not command.__doc__] == []
    assert "lint-tests" in commands


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["fine"], CLEAN, ""),
        (["several", "one"], CLEAN, ""),
        (["refused"], USAGE, "flujo: there is no rain\n"),
        (["several", "two"], USAGE, "flujo: there is no rain\n"),
        (
            ["broken"],
            FAULT,
            "flujo: ZeroDivisionError: by zero (a fault of flujo; 'flujo --debug ...' shows where)\n",
        ),
        (["hostile"], USAGE, "flujo: \\x1b[31mred\\u202e ::error::text\n"),
        (["interrupted"], INTERRUPTED, ""),
        (["held"], HELD, "flujo: somebody else has it\n"),
        (["absent"], USAGE, "flujo: flujo absent cannot be loaded: No module named 'flujo_without_its_extra'\n"),
    ],
)
def test_how_commands_end(arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments, [*HERE, ABSENT]) == code
    assert capsys.readouterr() == ("", said)


def test_a_traceback_is_shown_on_request() -> None:
    with pytest.raises(ZeroDivisionError, match=r"^by\nzero$"):
        run(["--debug", "broken"], HERE)


def test_an_unknown_command_and_none_are_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fnie"], HERE) == USAGE
    assert "No such command 'fnie'" in capsys.readouterr().err
    assert run([], HERE) == USAGE


def test_help_lists_all_commands_also_one_that_cannot_be_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"], [*HERE, ABSENT]) == CLEAN
    shown = capsys.readouterr().out
    assert [name for name in ("fine", "several", "absent") if name not in shown] == []


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"], HERE) == CLEAN
    assert capsys.readouterr().out == f"flujo {version('flujo-pipelines')}\n"


WITHOUT = """
import sys
sys.modules["typer"] = sys.modules["rich"] = None
from flujo.cli import main
main()
"""


def test_a_missing_extra_is_one_line_that_names_it() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert done.stderr == "flujo: the command line needs typer and rich: pip install 'flujo-pipelines[cli]'\n"
