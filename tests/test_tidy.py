"""The rules of the house hold for every file of the project, and each rule can turn red."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tidy import RULES
from tests.tidy.rule import Rule, Verdict, check, each
from tests.tidy.samples import BAD, GOOD, Sample
from tests.tidy.shape import long_files
from tests.tidy.source import Source, project_files

BY_NAME = {rule.name: rule for rule in RULES}


def faults_of(sample: Sample) -> tuple[str, ...]:
    """What the sample's rule finds in it, when nobody is excused."""
    files = [Source(path, text) for path, text in sample.files.items()]
    return check(replace(BY_NAME[sample.rule], excused={}), files).faults


@pytest.fixture(scope="module")
def files() -> list[Source]:
    return project_files()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_project_keeps_the_rule(
    rule: Rule, files: list[Source], record_property: Callable[[str, object], None]
) -> None:
    verdict = check(rule, files)
    print(f"{rule.name}: looked at {verdict.looked_at} files")
    record_property("files looked at", verdict.looked_at)
    if verdict.faults:
        pytest.fail("\n".join(verdict.faults), pytrace=False)


@pytest.mark.parametrize("sample", BAD, ids=lambda sample: sample.rule)
def test_a_bad_file_turns_the_rule_red(sample: Sample) -> None:
    assert faults_of(sample) == sample.faults


@pytest.mark.parametrize("sample", GOOD, ids=lambda sample: sample.rule)
def test_a_good_file_that_looks_alike_stays_green(sample: Sample) -> None:
    assert faults_of(sample) == ()


def test_every_rule_is_fed_a_bad_file() -> None:
    assert [sample.rule for sample in BAD] == [rule.name for rule in RULES]


LONG_FILES = Rule("no file is long", lambda source: source.is_python, each(long_files))
LONG = Source("flujo/steps.py", "\n" * 401)


def test_a_rule_that_looks_at_no_file_fails() -> None:
    assert check(LONG_FILES, [Source("README.md", "")]) == Verdict(0, ("this rule looked at no file",))


def test_an_excused_file_is_counted_and_not_blamed() -> None:
    excused = replace(LONG_FILES, excused={"flujo/steps.py": "a table"})
    assert check(excused, [LONG]) == Verdict(1, ())


def test_an_excuse_that_nobody_needs_fails() -> None:
    excused = replace(LONG_FILES, excused={"flujo/steps.py": "a table"})
    verdict = check(excused, [Source("flujo/steps.py", "")])
    assert verdict == Verdict(1, ("flujo/steps.py: is excused but keeps the rule: delete the excuse",))


def test_environments_caches_and_binary_files_are_not_read(tmp_path: Path) -> None:
    kept = ("flujo/steps.py", ".ci/run", ".gitignore", "README.md")
    left_out = (
        ".nox/a.py",
        "mine/pyvenv.cfg",
        "mine/a.py",
        "flujo/__pycache__/a.py",
        "x.egg-info/a.py",
        ".coverage",
    )
    for name in (*kept, *left_out):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    assert {source.path for source in project_files(tmp_path)} == set(kept)
