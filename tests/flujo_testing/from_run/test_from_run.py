"""``flujo golden from-run``: the test passes at once, and fails when the pipeline does otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flujo.cli.endings import CLEAN, SECRET, USAGE
from tests.flujo.cli.conftest import Call
from tests.flujo_testing.from_run.everything import SOURCE as EVERYTHING
from tests.flujo_testing.from_run.project import APP, begin, files_in, pytest_run

STORE = ("--store", "sqlite:///runs.db")
WRITTEN = [
    "cassettes/test_press_r1/test_press_r1.jsonl",
    "golden/test_press_r1/test_press_r1.yaml",
    "tests/test_press_r1.py",
]
SOURCE = '''\
"""The run r1 of app:runner, {at} UTC, once more: nobody is asked."""

import pytest
from flujo import Flujo

from app import runner


@pytest.mark.flujo_cassette(agents=["*"])
def test_press_r1(flujo_run, cassette, virtual_clock, golden):
    offline = Flujo(  # runner without its store, listeners and clock
        runner.pipeline,
        context_model=runner.context_model,
        resources=runner.resources,
        usage_limits=runner.usage_limits,
        cost_model=runner.cost_model,
        strict_pricing=runner.strict_pricing,
        name=runner.name,
    )
    result = flujo_run.sync(offline, "rain")
    golden.check(result)
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    begin(tmp_path)
    return tmp_path


def keep(flujo: Call, name: str = "runner", *options: str) -> None:
    flujo("run", f"app:{name}", "--input", "rain", "--run-id", "r1", *STORE, *options)


def test_a_test_a_cassette_and_a_golden_are_written(flujo: Call, project: Path) -> None:
    keep(flujo)
    said = flujo("golden", "from-run", "r1", *STORE)
    assert (said.out, said.err, said.code) == (
        "".join(f"wrote {file}\n" for file in WRITTEN) + "next: pytest tests/test_press_r1.py\n",
        "",
        CLEAN,
    )
    assert files_in(project) == WRITTEN
    (summary,) = map(json.loads, flujo("runs", "--json", *STORE).out.splitlines())
    at = summary["started_at"][:19].replace("T", " ")
    assert (project / WRITTEN[2]).read_text() == SOURCE.format(at=at)


CHANGES = {
    "prompt": ('"A haiku about {text}"', '"A poem about {text}"', "A poem about rain"),
    "plugin": ("words <= 4 or", "words <= 7 or", "attempt:2 is gone"),
    "price": ('output="17"', 'output="19"', "0.00104 -> 0.00112"),
    "retries": ("max_retries=2", "max_retries=0", "status completed -> failed"),
    "structure": (' >> Step("sign", sign)', "", "sign is gone"),
}


def test_each_test_passes_at_once_and_fails_when_its_pipeline_changes(flujo: Call, project: Path) -> None:
    for name in CHANGES:
        (project / f"{name}.py").write_text(APP)
        flujo("run", f"{name}:runner", "--input", "rain", "--run-id", name, *STORE)
        assert flujo("golden", "from-run", name, *STORE).code == CLEAN
    passed = pytest_run(project)
    assert ("5 passed" in passed.out, passed.code) == (True, 0), passed.out
    for name, (before, after, _) in CHANGES.items():
        assert APP.count(before) == 1
        (project / f"{name}.py").write_text(APP.replace(before, after))
    failed = pytest_run(project)
    assert ("5 failed" in failed.out, failed.code) == (True, 1), failed.out
    assert [why for _, _, why in CHANGES.values() if why not in failed.out] == []


def test_a_run_that_a_person_answered_and_a_pipeline_without_a_runner(flujo: Call, project: Path) -> None:
    keep(flujo, "asking")
    flujo("resume", "r1", "--answer", "approve=no", *STORE)
    flujo("golden", "from-run", "r1", "--name", "test_no", "--test", "tests/deep/test_it.py", *STORE)
    source = (project / "tests/deep/test_it.py").read_text()
    assert '    result = anyio.run(partial(offline.resume_async, result, {"approve": False}))\n' in source
    flujo("run", "app:write", "--input", "it's rain", "--run-id", "r2", "--limit-usd", "0.1", *STORE)
    said = flujo("golden", "from-run", "r2", "--json", *STORE)
    (_, golden, file) = json.loads(said.out)["written"]
    assert (
        'offline = Flujo(write, usage_limits=UsageLimits(total_cost_usd_limit="0.1"))' in (project / file).read_text()
    )
    assert "  status: limited" in (project / golden).read_text()  # nobody knows the price of its model
    passed = pytest_run(project)
    assert ("2 passed" in passed.out, passed.code) == (True, 0), passed.out


def test_functions_that_the_test_calls_itself_are_not_on_its_cassette(flujo: Call, project: Path) -> None:
    keep(flujo)
    flujo("golden", "from-run", "r1", "--call", "sign", *STORE)
    assert '@pytest.mark.flujo_cassette(agents=["write"])' in (project / WRITTEN[2]).read_text()
    assert [json.loads(line)["at"] for line in (project / WRITTEN[0]).read_text().splitlines()[1:]] == [
        "write/attempt:1",
        "write/attempt:2",
    ]
    (project / "app.py").write_text(APP.replace("by Anna", "by Ben"))
    failed = pytest_run(project)
    assert ("by Ben" in failed.out, failed.code) == (True, 1)


def test_who_has_not_told_pytest_where_the_module_is_hears_of_it(flujo: Call, project: Path) -> None:
    (project / "pytest.ini").write_text("[pytest]\n")
    keep(flujo)
    said = flujo("golden", "from-run", "r1", *STORE)
    assert (said.err, said.code) == (
        "flujo: pytest may not find the module 'app': set pythonpath = . in its ini file, or call python -m pytest\n",
        CLEAN,
    )


def test_nothing_is_written_over_what_is_there(flujo: Call, project: Path) -> None:
    keep(flujo)
    (project / "golden/test_press_r1").mkdir(parents=True)
    (project / WRITTEN[1]).write_text("mine")
    said = flujo("golden", "from-run", "r1", *STORE)
    assert (said.err, said.out, said.code) == (
        "flujo: golden/test_press_r1/test_press_r1.yaml exists already: pass another --name or --test, or --force\n",
        "",
        USAGE,
    )
    assert (files_in(project), (project / WRITTEN[1]).read_text()) == ([WRITTEN[1]], "mine")
    assert flujo("golden", "from-run", "r1", "--force", *STORE).code == CLEAN
    assert files_in(project) == WRITTEN


def test_a_secret_is_never_written(flujo: Call, project: Path) -> None:
    flujo("run", "app:runner", "--input", "sk-" + "a1b2" * 8, "--run-id", "r1", *STORE)
    said = flujo("golden", "from-run", "r1", *STORE)
    assert (said.code, said.out, said.err.count("\n"), "sk-a1b2" in said.err) == (SECRET, "", 1, False)
    assert files_in(project) == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--name", "rain"], "'rain' is no name for a test function: pass --name test_something"),
        (["--name", "test rain"], "'test rain' is no name for a test function: pass --name test_something"),
        (
            ["--pipeline", "app:asking"],
            "the code is not what it was when the run was made: approve: the step ran now, and not then. "
            "Make a new run, or go back to that code",
        ),
    ],
)
def test_what_cannot_become_a_test_says_why(options: list[str], why: str, flujo: Call, project: Path) -> None:
    keep(flujo)
    said = flujo("golden", "from-run", "r1", *options, *STORE)
    assert (said.err, said.out, said.code) == (f"flujo: {why}\n", "", USAGE)
    assert files_in(project) == []


def test_whatever_a_run_can_tell_is_replayed_and_becomes_a_test(flujo: Call, project: Path) -> None:
    (project / "everything.py").write_text(EVERYTHING)
    for name in ("result", "cached"):
        flujo("run", f"everything:{name}", "--input", "rain", "--run-id", name, *STORE)
        replayed = flujo("replay", name, *STORE)
        assert (replayed.out.endswith("no difference\n"), replayed.code) == (True, CLEAN), replayed.out
        made = flujo("golden", "from-run", name, *STORE)
        assert (made.err, made.code) == ("", CLEAN)
    assert "from everything import result as result_of_everything" in (project / "tests/test_all_result.py").read_text()
    passed = pytest_run(project)
    assert ("2 passed" in passed.out, passed.code) == (True, 0), passed.out


DESK = """
from pydantic import BaseModel

from flujo import Step


class Ticket(BaseModel):
    number: int
    text: str


async def answer(ticket: Ticket) -> str:
    return f"{ticket.number}: {ticket.text}"


flow = Step("answer", answer)
"""


def test_an_input_that_is_a_model_is_imported_and_made_again(flujo: Call, project: Path) -> None:
    (project / "desk.py").write_text(DESK)
    flujo("run", "desk:flow", "--input-json", '{"number": 7, "text": "it\'s rain"}', "--run-id", "r1", *STORE)
    said = flujo("golden", "from-run", "r1", *STORE)
    assert (said.err, said.code) == ("", CLEAN)
    source = (project / "tests/test_pipeline_r1.py").read_text()
    assert "from desk import Ticket, flow\n" in source
    passed = pytest_run(project)
    assert ("1 passed" in passed.out, passed.code) == (True, 0), passed.out
