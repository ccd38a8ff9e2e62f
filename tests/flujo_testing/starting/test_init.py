"""``flujo init``: the project that it makes is green at once, red when it is broken, and whole or not there."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint, version
from pathlib import Path

import pytest
import yaml

from flujo.cli.commands import GROUP, run
from flujo.cli.endings import CLEAN, USAGE
from flujo_testing.starting.project import NotStarted, start

ROOT = Path(__file__).parents[3]
INIT = (EntryPoint("init", "flujo_testing.starting.command:init", GROUP),)
FILES = [
    ".github/workflows/tests.yml",
    ".gitignore",
    ".pre-commit-config.yaml",
    "README.md",
    "golden/test_replies/test_a_long_reply_is_paid_and_written_again.yaml",
    "pyproject.toml",
    "shop/__init__.py",
    "shop/pipeline.py",
    "shop/writers.py",
    "tests/test_replies.py",
]


def pytest_in(project: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"],
        cwd=project,
        env=environment | {"PYTHONPATH": str(ROOT), "CI": "true", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_project_is_green_at_once(tmp_path: Path) -> None:
    assert start(tmp_path / "shop") == FILES
    ended = pytest_in(tmp_path / "shop")
    assert (ended.returncode, "goldens: 1 compared, 0 changed, 0 missing" in ended.stdout) == (0, True), ended.stdout


def test_a_broken_pipeline_is_red_and_says_in_words_what_has_changed(tmp_path: Path) -> None:
    start(tmp_path / "shop")
    pipeline = tmp_path / "shop" / "shop" / "pipeline.py"
    text = pipeline.read_text(encoding="utf-8")
    assert "MAX_WORDS = 12" in text
    pipeline.write_text(text.replace("MAX_WORDS = 12", "MAX_WORDS = 13"), encoding="utf-8")
    ended = pytest_in(tmp_path / "shop")
    words = 'feedback "16 words, at most 12" no longer reaches write/attempt:2\n'
    assert (ended.returncode, words in ended.stdout) == (1, True), ended.stdout


def test_what_it_made_is_listed_with_the_next_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "shop"], INIT) == CLEAN
    listed = "".join(f"  {path}\n" for path in FILES)
    last = '  flujo run shop.pipeline:runner --input "How do I return shoes?"\n'
    assert capsys.readouterr().out == f"{listed}\nNow:\n  cd shop\n  python -m pytest\n{last}"


def test_the_project_asks_for_the_version_that_made_it(tmp_path: Path) -> None:
    start(tmp_path / "my-shop")
    text = (tmp_path / "my-shop" / "pyproject.toml").read_text(encoding="utf-8")
    assert f'dependencies = ["flujo-pipelines[cli]=={version("flujo-pipelines")}"]\n' in text
    assert 'packages = ["my_shop"]' in text


def test_the_workflow_asks_for_no_rights_and_pins_what_it_uses(tmp_path: Path) -> None:
    start(tmp_path / "shop")
    text = (tmp_path / "shop" / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    used = [step["uses"] for step in workflow["jobs"]["tests"]["steps"] if "uses" in step]
    assert [len(action.partition("@")[2]) for action in used] == [40, 40, 40]


@pytest.mark.parametrize("name", ["Shop", "2shop", "class", "sh op", "tests", "flujo"])
def test_a_folder_that_cannot_be_a_package_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotStarted, match=f"^'{name}' (cannot be the name of a Python package|is taken within)"):
        start(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_is_there_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "README.md").write_text("mine", encoding="utf-8")
    assert run(["init", str(shop)], INIT) == USAGE
    assert capsys.readouterr().err == f"flujo: {shop} is there and not empty: name a new folder\n"
    assert [(path.name, path.read_text(encoding="utf-8")) for path in shop.iterdir()] == [("README.md", "mine")]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    assert start(tmp_path / "shop") == FILES


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(NotStarted) as caught:
        start(tmp_path / "file" / "shop")
    assert str(caught.value) == f"{tmp_path / 'file' / 'shop'} cannot be made: {tmp_path / 'file'}: File exists"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
