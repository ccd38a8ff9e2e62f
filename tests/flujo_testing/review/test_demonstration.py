"""A changed engine and a changed prompt at once, over 66 goldens: looked at twice, decided about twice."""

from __future__ import annotations

import pytest

from flujo import override
from flujo.cli.commands import run
from flujo.money import show_usd
from flujo_testing.golden.location import GoldenFolder
from flujo_testing.review.groups import Group
from flujo_testing.review.proposals import waiting
from tests.flujo_testing.golden_project import Project, last_goldens_line, project_of
from tests.flujo_testing.review.project import EXAMPLES, GOLDENS, PROMPT, engine, fill, prompt
from tests.flujo_testing.review.test_command import COMMAND, Noon

pytest_plugins = ["pytester"]

PLUGINS = ("syrupy", "anyio")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = project_of(pytester, monkeypatch)
    fill(project)
    return project


def test_two_causes_over_sixty_six_goldens_are_two_groups(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.run_apart("--golden=update", plugins=PLUGINS).assert_outcomes(passed=GOLDENS)
    before = project.goldens()
    assert len(before) == GOLDENS

    engine(project, "failed attempts are not counted")
    prompt(project, "Write one line about {topic}")
    # 14 of 22 goldens of each example have failed attempts, and all 22 poems have the prompt.
    project.run_apart("--golden=pending", plugins=PLUGINS).assert_outcomes(failed=50, passed=16)
    unpaid, reworded = groups(project)
    # 21 failures of each example: 19 or 7 input tokens and 7 output tokens at (3, 17), (3, 17) and (5, 23) USD per
    # million; 22 prompts with 9 more input tokens at 3 USD per million.
    assert described(unpaid) == ("failed attempts are no longer paid", 42, "-0.010752", ("answer", "draft", "write"))
    assert described(reworded) == ("output of prompt has changed", 22, "0.000594", ("prompt",))
    assert {golden.partition("/")[0] for golden in unpaid.goldens} == {f"test_{name}" for name in EXAMPLES}
    assert {golden.partition("/")[0] for golden in reworded.goldens} == {"test_poem"}
    assert len(set(unpaid.goldens) & set(reworded.goldens)) == 14

    capsys.readouterr()
    with override(clock=Noon()):
        assert golden("accept", unpaid.key, "--reason", "The provider refunds attempts that fail.") == 0
        assert golden("reject", reworded.key, "--reason", "Poems have more than one line.") == 0
    assert capsys.readouterr().out.splitlines() == [
        "accepted: 42 goldens changed, 22 left",
        "rejected: 0 goldens changed, 0 left",
    ]
    changed = [path for path, text in project.goldens().items() if text != before[path]]
    assert changed == sorted(unpaid.goldens)
    assert [line for line in page(project).splitlines() if line and not line.startswith("- `test_")] == [
        "# Changes of goldens",
        "Why goldens have changed, the newest decision first. Written by `flujo golden`.",
        "## 2026-03-01 12:30:05 UTC: rejected: output of prompt has changed",
        "> Poems have more than one line.",
        f"- output of prompt has changed (`{reworded.key}`): 22 goldens, +0.000594 USD",
        "## 2026-03-01 12:30:05 UTC: accepted: failed attempts are no longer paid",
        "> The provider refunds attempts that fail.",
        f"- failed attempts are no longer paid (`{unpaid.key}`): 42 goldens, -0.010752 USD",
    ]
    assert page(project).count("\n- `test_") == 64

    prompt(project, PROMPT)
    result = project.run_apart("--golden=check", plugins=PLUGINS)
    result.assert_outcomes(passed=GOLDENS)
    assert last_goldens_line(result) == "goldens: 66 compared, 0 changed, 0 missing, 0 unused, 0 written"


def golden(*arguments: str) -> int:
    return run(["golden", *arguments], [COMMAND])


def groups(project: Project) -> tuple[Group, ...]:
    return waiting(GoldenFolder(project.path, project.path / "golden")).sorting.groups


def described(group: Group) -> tuple[str, int, str, tuple[str, ...]]:
    return group.title, len(group.instances), show_usd(group.usd), group.steps


def page(project: Project) -> str:
    return (project.path / "golden/CHANGES.md").read_text(encoding="utf-8")
