"""Each gate is green on a small good project, and red on the same project with one thing wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("nox", reason="nox is what runs the gates")

from tests.gates.session import FakeSession, Red, project_copy, run_gate

GOLDENS = "golden/laws/test_isolation_goldens"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FLUJO_RECORDINGS", raising=False)
    return project_copy(tmp_path / "project")


def keep_only(folder: Path, *kept: str) -> None:
    """Remove the tests, examples and goldens but these files and folders, so that a gate is quick."""
    for path in sorted(folder.rglob("*"), reverse=True):
        name = path.relative_to(folder).as_posix()
        inside = name.startswith(("tests/", "examples/", "golden/"))
        if inside and not any(name == one or name.startswith(f"{one}/") or one.startswith(f"{name}/") for one in kept):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def red(folder: Path, gate: str, *posargs: str, skipped: tuple[str, ...] = ()) -> str:
    """Why a gate did not pass."""
    with pytest.raises(Red) as raised:
        run_gate(folder, gate, *posargs, skipped=skipped)
    return str(raised.value)


def test_tests_are_red_with_one_test_that_fails(project: Path) -> None:
    keep_only(project, "tests/conftest.py")
    write(project, "tests/test_sum.py", "def test_sum():\n    assert 1 + 1 == 2\n")
    assert "1 passed" in run_gate(project, "tests").logged[-1]
    write(project, "tests/test_sum.py", "def test_sum():\n    assert 1 + 1 == 3\n")
    assert "1 failed" in red(project, "tests")


def test_tests_are_red_without_tests(project: Path) -> None:
    keep_only(project, "tests/conftest.py")
    (project / "examples").mkdir(exist_ok=True)
    assert "no tests ran" in red(project, "tests")


def test_the_demo_is_red_when_it_answers_something_else(project: Path) -> None:
    keep_only(project, "examples/support_triage", "golden/examples/support_triage")
    run_gate(project, "demo")
    golden = project / "golden/examples/support_triage/test_support_triage/test_the_example_ticket_is_answered.yaml"
    replaced(golden, "result:\n", "outcome:\n")
    assert red(project, "demo").startswith("python -m examples.support_triage: ended with 1")


def test_lint_is_red_with_an_unused_import_and_with_a_broken_house_rule(project: Path) -> None:
    assert run_gate(project, "lint").ran == ["ruff check .", "ruff format --check .", "python -m tests.tidy"]
    write(project, "flujo/rain.py", '"""Rain."""\n\nWET  =  1\n')
    assert red(project, "lint").startswith("ruff format --check .: ended with 1")
    write(project, "flujo/rain.py", '"""Rain."""\n\nimport os\n')
    assert "F401" in red(project, "lint")
    write(project, "flujo/rain.py", '"""Rain."""\n\nfrom flujo_testing import EchoAgent\n\nWET = EchoAgent\n')
    assert red(project, "lint").startswith("python -m tests.tidy: ended with 1")


def test_types_are_red_with_a_wrong_type(project: Path) -> None:
    others = ("python -m tests.types",)
    write(project, "rain.py", "def wet(x: int) -> int:\n    return x\n\n\nwet(1)\n")
    assert run_gate(project, "types", "rain.py", skipped=others).ran == ["mypy rain.py"]
    write(project, "rain.py", 'def wet(x: int) -> int:\n    return x\n\n\nwet("1")\n')
    assert "[arg-type]" in red(project, "types", "rain.py", skipped=others)
    write(project, "rain.py", "def wet(x):\n    return x\n")
    assert "[no-untyped-def]" in red(project, "types", "rain.py", skipped=others)


def test_coverage_is_red_with_a_line_that_no_test_runs(project: Path) -> None:
    replaced(project / "noxfile.py", 'COVERED_IN_FULL = """', 'COVERED_IN_FULL = ("flujo/money.py",)\n_REST = """')
    run_gate(project, "coverage", "tests/flujo/test_money.py")
    with (project / "flujo/money.py").open("a", encoding="utf-8") as file:
        file.write('\n\ndef wet() -> str:\n    return "wet"\n')
    assert "--fail-under=100: ended with 2" in red(project, "coverage", "tests/flujo/test_money.py")


def test_coverage_is_red_with_a_pattern_that_fits_no_file(project: Path) -> None:
    (project / "flujo/money.py").unlink()
    assert red(project, "coverage") == "no such file: flujo/money.py; bring COVERED_IN_FULL in noxfile.py up to date"


def test_goldens_are_red_when_one_tells_another_story(project: Path) -> None:
    keep_only(project, "tests/laws", "tests/conftest.py", GOLDENS)
    assert run_gate(project, "golden").logged[-1].endswith(" tests stayed as they were")
    golden = min((project / GOLDENS).glob("*.yaml"))
    replaced(golden, "status: ", "state: ")
    assert "tells another story" in red(project, "golden")


def test_goldens_are_red_when_a_test_writes_one(project: Path) -> None:
    keep_only(project, "tests/laws", "tests/conftest.py", GOLDENS)
    with (project / "tests/laws/test_isolation_goldens.py").open("a", encoding="utf-8") as file:
        file.write("\n\nfrom pathlib import Path\n\nPath('golden/laws/sneaked.yaml').write_text('a: 1')\n")
    assert red(project, "golden").startswith("the goldens are read-only here, but these were written: ")


def test_goldens_are_red_when_there_are_none(project: Path) -> None:
    keep_only(project, "tests/conftest.py")
    (project / "golden").mkdir(exist_ok=True)
    assert red(project, "golden") == "no golden below golden/: there is nothing to compare"


ZONE = """
import os
import pytest
from flujo import Flujo, Step
from flujo_testing import EchoAgent

def test_zone(golden, flujo_run):
    golden.check(flujo_run.sync(Step("zone", EchoAgent()), {told}))
"""


def test_determinism_is_red_when_a_golden_depends_on_the_time_zone(project: Path) -> None:
    keep_only(project, "tests/conftest.py")
    write(project, "tests/test_zone.py", ZONE.format(told='"UTC"'))
    update_goldens(project)
    logged = run_gate(project, "determinism", "sample").logged[-1]
    assert logged == "tests that found their goldens unchanged in each of 1 runs: 1"
    write(project, "tests/test_zone.py", ZONE.format(told='os.environ["TZ"]'))
    update_goldens(project)
    assert "tells another story" in red(project, "determinism", "sample")


def update_goldens(project: Path) -> None:
    FakeSession(project).run("python", "-m", "pytest", "--golden=update", "-q", env={"TZ": "UTC0"})


ORDER = """
import anyio
from flujo import Step

async def test_order(flujo_run):
    seen = []

    async def first(x):
        await anyio.sleep(0)
        seen.append("first")

    async def second(x):
        await anyio.sleep(0)
        seen.append("second")

    await flujo_run(Step.parallel("both", {{"a": Step("one", first), "b": Step("two", second)}}), "rain")
    assert {claim}
"""


def test_schedules_are_red_when_a_test_depends_on_the_order_of_branches(project: Path) -> None:
    keep_only(project, "tests/conftest.py")
    (project / "examples").mkdir(exist_ok=True)
    write(project, "tests/laws/test_order.py", ORDER.format(claim='sorted(seen) == ["first", "second"]'))
    run_gate(project, "schedules", "2")
    write(project, "tests/laws/test_order.py", ORDER.format(claim='seen == ["first", "second"]'))
    assert "test_order" in red(project, "schedules", "6")


def test_schedules_are_red_without_a_number_of_orders(project: Path) -> None:
    assert red(project, "schedules", "many") == "'many' is no number of orders: write nox -s schedules -- 200"


MATRIX = "golden/audit.yaml"


def test_the_audit_is_red_when_a_test_notices_something_else_than_is_committed(project: Path) -> None:
    keep_only(project, "tests/conftest.py", "examples/strength", MATRIX, "golden/examples/strength")
    run_gate(project, "audit", "sample")
    replaced(project / MATRIX, '"KILLED by ', '"SURVIVED but not by ')
    told = red(project, "audit", "sample")
    assert "golden/audit.yaml tells another matrix, 1 changes; next: run it with --golden=pending" in told


README = """# Rain

<!-- file: test_rain.py -->

```python
from flujo import Step
from flujo_testing import EchoAgent


def test_rain(golden, flujo_run):
    golden.check(flujo_run.sync(Step("rain", EchoAgent()), "wet"))
```

<!-- file: golden/test_rain/test_rain.yaml -->

```yaml
{golden}```
"""


def test_the_package_is_red_when_the_readme_shows_another_golden_or_no_file(project: Path) -> None:
    """The wheel is not built here: what is installed in this environment stands for it."""
    others = ("python -m pip wheel", "python -I -m pytest untouched.py")
    write(project, "test_rain.py", README.partition("```python\n")[2].partition("```")[0])
    FakeSession(project).run("python", "-m", "pytest", "--golden=update", "-q", "test_rain.py")
    golden = (project / "golden/test_rain/test_rain.yaml").read_text(encoding="utf-8")
    write(project, "README.md", README.format(golden=golden))
    run_gate(project, "package", skipped=others)
    write(project, "README.md", README.format(golden=golden.replace("wet", "dry")))
    assert "tells another story" in red(project, "package", skipped=others)
    write(project, "README.md", "# Rain\n")
    assert red(project, "package", skipped=others).startswith("README.md shows no file")
