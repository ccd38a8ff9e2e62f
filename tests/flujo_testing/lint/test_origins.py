"""What the engine returned is followed through names, helpers, fixtures, classes and other files; the rest is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from flujo_testing.lint.library import Library, Unreadable
from flujo_testing.lint.linter import lint_file
from tests.flujo_testing.lint.marked import HEAD, file_of, found_in, marks, report_of, test_of

FOLLOWED = {
    "names and parts": """
        again = result
        cost: object = again.total_cost_usd
        first, *rest = result.step_history
        output, number = result.output, 3
        (named := result.context)
        table = {"cost": cost, "steps": [first]}
        total = Decimal(0)
        total += cost
        assert cost >= 0  #! FL102
        assert first.attempts >= 1  #! FL102
        assert rest[0].attempts >= 1  #! FL102
        assert output is not None  #! FL103
        assert number is not None
        assert named is not None  #! FL103
        assert table["cost"] is not None  #! FL103
        assert total >= 0  #! FL102
    """,
    "loops and comprehensions": """
        for step in result.step_history:
            assert step.output  #! FL104
        for number, entry in enumerate(result.ledger.entries):
            assert entry.cost_usd >= 0  #! FL102
        costs = [step.cost_usd for step in result.step_history]
        assert sum(costs) >= 0  #! FL102
        outputs = {step.name: step.output for step in result.step_history}
        assert outputs["write"]  #! FL104
        assert all(cost >= 0 for cost in costs)  #! FL102
    """,
    "lists that are filled": """
        results = []
        by_name = {}
        for topic in ("rain", "snow"):
            results.append(await flujo_run(PIPELINE, topic))
            by_name[topic] = results[-1]
        assert results[0].output is not None  #! FL103
        assert by_name["rain"].output is not None  #! FL103
        assert results  #! FL104
    """,
    "runners of all kinds": """
        runner = Flujo(PIPELINE)
        assert runner.run("rain").output  #! FL104
        assert (await runner.run_async("rain")).output  #! FL104
        assert (await runner.resume_async(result)).output  #! FL104
        assert flujo_run.sync(PIPELINE, "rain").output  #! FL104
        assert anyio.run(runner.run_async, "rain").output  #! FL104
        assert (await app.runner.run_async("rain")).output  #! FL104
        async with runner.stream_async("rain") as events:
            async for event in events:
                assert event.path  #! FL104
        with ThreadPoolExecutor() as pool:
            assert pool.submit(runner.run, "rain").result().output  #! FL104
    """,
    "functions inside": """
        async def again():
            return await flujo_run(PIPELINE, "rain")

        other = anyio.run(again)
        assert other.output  #! FL104
        assert (await again()).output  #! FL104
    """,
    "what fakes were asked": """
        writer = ScriptedAgent("a")
        by_path = ScriptedAgent.by_path({"write": "a"})
        assert writer.calls  #! FL104
        assert len(writer.calls) > 0  #! FL106
        assert by_path.calls[0].feedback  #! FL104
        assert writer.calls[0].input == "rain"
    """,
    "functions of what was returned": """
        story = render(story_of(result))
        assert story  #! FL104
        assert len(json.dumps(result.output)) > 0  #! FL106
    """,
}


@pytest.mark.parametrize("body", FOLLOWED.values(), ids=FOLLOWED.keys())
def test_a_result_is_followed_through(body: str) -> None:
    text = test_of(body)
    assert found_in(text) == marks(text)


HELPERS = """
    def run(topic):
        return Flujo(PIPELINE).run(topic)

    async def observed(flujo_run):
        result = await flujo_run(PIPELINE, "rain")
        return result, ["what", "was", "seen"]

    def typed(anything) -> PipelineResult:
        return anything.go()

    def is_cheap(result):
        return result.total_cost_usd < Decimal("1")

    def check(result, limit):
        assert result.total_cost_usd >= 0  #! FL102
        assert limit >= 0

    def outputs(result):
        return [step.output for step in result.step_history]

    class Desk:
        def answer(self, topic):
            return run(topic)

    def test_helpers():
        assert run("rain").output  #! FL104
        assert typed(3).output  #! FL104
        assert is_cheap(run("rain"))  #! FL102
        assert outputs(run("rain"))
        check(run("rain"), limit=3)

    async def test_parts_of_what_a_helper_returns(flujo_run):
        result, seen = await observed(flujo_run)
        assert result.output  #! FL104
        assert seen
        assert (await observed(flujo_run))[0].output  #! FL104
        assert (await observed(flujo_run))[1]

    def test_parameters_with_types(case: PipelineResult, step: StepResult, start: FlujoRun):
        assert case.output  #! FL104
        assert step.output  #! FL104
        assert start.sync(PIPELINE, "rain").output  #! FL104
"""


def test_helpers_are_followed_and_their_claims_are_those_of_the_tests() -> None:
    text = file_of(HELPERS)
    assert found_in(text) == marks(text)
    checked = [finding.test for finding in report_of(text).findings if finding.test.startswith("check")]
    assert checked == ["check (used by test_helpers)"]


FIXTURES = """
    @pytest.fixture
    def result(flujo_run):
        yield flujo_run.sync(PIPELINE, "rain")

    @pytest.fixture(name="runner")
    def made():
        return Flujo(PIPELINE)

    @pytest.fixture
    def number():
        return 3

    def test_fixtures(result, runner, number):
        assert result.output  #! FL104
        assert runner.run("rain").output  #! FL104
        assert number >= 0

    class TestDesk:
        def ask(self, topic):
            return Flujo(PIPELINE).run(topic)

        def setup_method(self):
            self.result = self.ask("rain")
            self.number = 3

        def test_attributes(self):
            assert self.result.output  #! FL104
            assert self.ask("snow").output  #! FL104
            assert self.number >= 0

    class TestMore(TestDesk):
        def test_inherited(self):
            assert self.result.output  #! FL104
"""


def test_fixtures_and_attributes_are_followed() -> None:
    text = file_of(FIXTURES)
    assert found_in(text) == marks(text)


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def test_other_files_of_the_project_are_read_and_not_imported(tmp_path: Path) -> None:
    text = file_of(
        """
        from desk.running import run, RUNNER
        from desk import running
        from . import near
        from elsewhere import unknown

        def test_imported(ready, unready):
            assert run("rain").output  #! FL104
            assert RUNNER.run("rain").output  #! FL104
            assert running.run("rain").output  #! FL104
            assert near.run("rain").output  #! FL104
            assert ready.output  #! FL104
            assert unknown("rain").output
            assert unready.output
        """
    )
    running = (
        "from flujo import Flujo\nraise SystemExit('imported')\nRUNNER = Flujo(1)\ndef run(x): return RUNNER.run(x)\n"
    )
    written(
        tmp_path,
        {
            "pyproject.toml": "",
            "src/desk/running.py": running,
            "tests/near.py": running,
            "tests/conftest.py": "import pytest\nfrom desk.running import run\n# flujo\n"
            "@pytest.fixture\ndef ready():\n    return run('rain')\n",
            "tests/test_rain.py": text,
        },
    )
    findings = lint_file(tmp_path / "tests" / "test_rain.py", Library()).findings
    assert [(finding.line, finding.code) for finding in findings] == marks(text)


def test_modules_that_import_each_other_and_themselves_end(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "pyproject.toml": "",
            "one.py": "import one\nfrom two import run\nfrom flujo import Flujo\nrun = run\n",
            "two.py": "from one import run\nfrom flujo import Flujo\ndef again(x): return run(x) or again(x)\n",
            "test_rain.py": f"{HEAD}from one import run\nfrom two import again\n"
            "def test_rain():\n    assert run(1)\n    assert again(1)\n",
        },
    )
    assert lint_file(tmp_path / "test_rain.py", Library()).findings == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"def test(:\n", "cannot be read as Python, line 1: invalid syntax"),
        (b"x = 1\xff\n", "is not UTF-8: invalid start byte at byte 5"),
        (b"x = '\x00'\n", "cannot be read as Python: source code string cannot contain null bytes"),
        (b"(" * 5000 + b"\n", "cannot be read as Python"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "test_rain.py"
    file.write_bytes(content)
    with pytest.raises(Unreadable) as caught:
        lint_file(file, Library(), shown="test_rain.py")
    assert "\n" not in str(caught.value)
    assert why in str(caught.value)


def test_a_file_with_a_byte_order_mark_and_foreign_line_ends_is_read(tmp_path: Path) -> None:
    file = tmp_path / "test_rain.py"
    file.write_bytes(b"\xef\xbb\xbf" + test_of("assert result.output").replace("\n", "\r\n").encode())
    assert [finding.line for finding in lint_file(file, Library()).findings] == [16]
