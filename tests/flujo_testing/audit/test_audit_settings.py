"""What pytest was told about the audit: as settings, or refused with a sentence that says what to do instead."""

from __future__ import annotations

import pytest

import flujo_testing.pytest_plugin  # noqa: F401  # what is parsed in this process would import it anew
from flujo_testing.audit.settings import Settings, settings_of
from tests.flujo_testing.golden_project import INI, Project, project_of

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return project_of(pytester, monkeypatch)


def read(project: Project, *options: str) -> Settings:
    plugins = ("-p", "syrupy", "-p", "flujo_testing.pytest_plugin", "-p", "no:cacheprovider")
    return settings_of(project.pytester.parseconfig(*plugins, *options))


def test_without_more_options_there_are_no_gates_and_no_files(project: Project) -> None:
    assert read(project, "--flujo-audit") == Settings(
        full=False,
        least_percent=None,
        most_vacuous=None,
        timeout_s=30.0,
        waivers=None,
        json=None,
        markdown=None,
    )


def test_every_option_is_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports lie where the run was started, waivers beside the ini file that names them."""
    project.write("pytest.ini", INI + "flujo_audit_waivers = audit/waivers.toml\n")
    folder = project.pytester.mkdir("below")
    monkeypatch.chdir(folder)
    options = ("--flujo-audit=full", "--flujo-audit-min=100", "--flujo-audit-vacuous=0", "--flujo-audit-timeout=0.5")
    found = read(project, *options, "--flujo-audit-json=a.json", f"--flujo-audit-md={project.path / 'a.md'}")
    assert found == Settings(
        full=True,
        least_percent=100,
        most_vacuous=0,
        timeout_s=0.5,
        waivers=project.path / "audit/waivers.toml",
        json=folder / "a.json",
        markdown=project.path / "a.md",
    )


def test_without_an_ini_file_waivers_lie_in_the_root(project: Project) -> None:
    (project.path / "pytest.ini").unlink()
    found = read(project, "--flujo-audit", "-o", "flujo_audit_waivers=waivers.toml", f"--rootdir={project.path}")
    assert found.waivers == project.path / "waivers.toml"


def test_waivers_lie_beside_the_ini_file_wherever_the_root_is(project: Project) -> None:
    ini = project.write("pytest.ini", INI + "flujo_audit_waivers = waivers.toml\n")
    found = read(project, "--flujo-audit", "-c", str(ini), f"--rootdir={project.pytester.mkdir('below')}")
    assert found.waivers == project.path / "waivers.toml"


@pytest.mark.parametrize("percent", [1, 100])
def test_a_least_score_may_be_any_percent(project: Project, percent: int) -> None:
    assert read(project, "--flujo-audit", f"--flujo-audit-min={percent}").least_percent == percent


LEAST = "give the least score in percent, from 1 to 100"
VACUOUS = (
    "counts tests that notice nothing: it needs --flujo-audit=full, which tries every fault on every test, and a "
    "number of 0 or more"
)
ALONE = "--flujo-audit only reads, and makes all passes itself: leave"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--flujo-audit-min=0"], f"--flujo-audit-min=0: {LEAST}"),
        (["--flujo-audit-min=101"], f"--flujo-audit-min=101: {LEAST}"),
        (["--flujo-audit-vacuous=0"], f"--flujo-audit-vacuous=0 {VACUOUS}"),
        (["--flujo-audit=full", "--flujo-audit-vacuous=-1"], f"--flujo-audit-vacuous=-1 {VACUOUS}"),
        (["--flujo-audit-timeout=0"], "--flujo-audit-timeout=0: give the seconds that one pass may take"),
        (["--flujo-audit-timeout=-0.50"], "--flujo-audit-timeout=-0.5: give the seconds that one pass may take"),
        (["--flujo-schedules=3"], f"{ALONE} --flujo-schedules out"),
        (["--flujo-schedule=1.a"], f"{ALONE} --flujo-schedule out"),
        (["--flujo-prune-cassettes"], f"{ALONE} --flujo-prune-cassettes out"),
        (["--snapshot-update"], f"{ALONE} --snapshot-update out"),
        (["--trace"], f"{ALONE} --trace out"),
        (["--golden=update"], f"{ALONE} --golden=update out"),
        (["--flujo-record=once"], f"{ALONE} --flujo-record out"),
        (["--flujo-record=once", "--golden=update", "--trace"], f"{ALONE} --trace out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_meant_is_refused_in_words(project: Project, options: list[str], why: str) -> None:
    with pytest.raises(pytest.UsageError) as refused:
        read(project, "--flujo-audit", *options)
    assert str(refused.value) == why


@pytest.mark.parametrize("options", [["--flujo-record=none"], ["--golden=check"], ["--golden=pending"]], ids=str)
def test_options_that_write_nothing_are_no_hindrance(project: Project, options: list[str]) -> None:
    assert read(project, "--flujo-audit", *options) == read(project, "--flujo-audit")


def test_syrupy_need_not_be_there(project: Project) -> None:
    config = project.pytester.parseconfig("-p", "flujo_testing.pytest_plugin", "--flujo-audit=full", "-p", "no:syrupy")
    assert settings_of(config).full is True
