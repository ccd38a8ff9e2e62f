"""Tests as a whole: those that compare nothing, or only perhaps, and the many forms of comparing."""

from __future__ import annotations

from tests.flujo_testing.lint.marked import file_of, found_in, marks, report_of

SILENT = """
    async def test_nothing(flujo_run):  #! FL101
        await flujo_run(PIPELINE, "rain")

    async def test_prints(flujo_run):  #! FL101
        result = await flujo_run(PIPELINE, "rain")
        print(result.output)

    async def test_only_that_it_completed(flujo_run):  #! FL101
        (await flujo_run(PIPELINE, "rain")).raise_for_status()

    def test_a_runner():  #! FL101
        Flujo(PIPELINE).run("rain")

    def test_a_helper_that_claims_nothing(flujo_run):  #! FL101
        look(flujo_run.sync(PIPELINE, "rain"))

    def look(result):
        print(result)

    async def test_an_assertion_that_always_holds(flujo_run):  #! FL101
        await flujo_run(PIPELINE, "rain")
        assert True  #! FL110

    async def test_asserts_inside_an_agent(flujo_run):  #! FL101
        async def write(topic):
            assert topic == "rain"

        @validator
        def short(text):
            assert text == "rain"

        await flujo_run(Step("write", write, plugins=[short]), "rain")

    async def test_loops(flujo_run):
        for step in (await flujo_run(PIPELINE, "rain")).step_history:
            assert step.output == "rain"  #! FL116

    async def test_looks_only_if(flujo_run):
        result = await flujo_run(PIPELINE, "rain")
        if result.output:
            assert result.output == "rain"  #! FL116

    def test_takes_a_golden_and_leaves_it(golden):  #! FL101
        print(golden)
"""
HEARD = """
    async def test_asserts(flujo_run):
        assert (await flujo_run(PIPELINE, "rain")).output == "rain"

    async def test_asserts_what_an_agent_saw(flujo_run):
        seen = []
        await flujo_run(Step("write", seen.append), "rain")
        assert seen == ["rain"]

    async def test_expects_an_error(flujo_run):
        with pytest.raises(ValueError):
            await flujo_run(PIPELINE, "rain")

    def test_compares_with_a_golden(flujo_run, golden):
        golden.check(flujo_run.sync(PIPELINE, "rain"))

    def test_a_helper_that_asserts(flujo_run):
        is_rain(flujo_run.sync(PIPELINE, "rain"))

    def is_rain(result):
        assert result.output == "rain"

    def test_a_helper_from_elsewhere(flujo_run):
        examine(flujo_run.sync(PIPELINE, "rain"))

    def test_fails_by_hand(flujo_run):
        if flujo_run.sync(PIPELINE, "rain").output != "rain":
            pytest.fail("no rain")

    async def test_asserts_where_it_is_called(flujo_run):
        async def look():
            assert (await flujo_run(PIPELINE, "rain")).output == "rain"

        anyio.run(look)

    async def test_loops_over_what_it_knows(flujo_run):
        for topic in ("rain", "snow"):
            assert (await flujo_run(PIPELINE, topic)).output == topic

    async def test_loops_and_counts(flujo_run):
        result = await flujo_run(PIPELINE, "rain")
        assert len(result.step_history) == 1
        for step in result.step_history:
            assert step.output == "rain"

    async def test_looks_in_both_cases(flujo_run):
        result = await flujo_run(PIPELINE, "rain")
        if result.success:
            assert result.output == "rain"
        else:
            assert result.output is None

    class Case(unittest.TestCase):
        def test_equal(self):
            self.assertEqual(self.flujo_run.sync(PIPELINE, "rain").output, "rain")

    def test_that_runs_nothing():
        PIPELINE.named("other")
"""


def test_a_test_that_runs_a_pipeline_has_to_compare_something() -> None:
    text = file_of(SILENT)
    assert found_in(text) == marks(text)


def test_comparing_has_many_forms() -> None:
    report = report_of(file_of(HEARD))
    assert (report.findings, report.tests) == ((), 12)


UNITTEST = """
    class Rain(unittest.TestCase):
        def setUp(self):
            self.result = self.flujo_run.sync(PIPELINE, "rain")

        def test_loose(self):
            self.assertTrue(self.result.output)  #! FL104
            self.assertFalse(self.result.error)  #! FL104
            self.assertIsNotNone(self.result.output)  #! FL103
            self.assertIsInstance(self.result.output, str)  #! FL105
            self.assertGreaterEqual(self.result.total_tokens, 0)  #! FL102
            self.assertGreater(len(self.result.step_history), 0)  #! FL106
            self.assertIn("rain", str(self.result.output))  #! FL107
            self.assertAlmostEqual(self.result.total_cost_usd, 0.002)  #! FL109
            with self.assertRaises(Exception):  #! FL108
                self.result.raise_for_status()

        def test_exact(self):
            self.assertEqual(self.result.output, "rain")
            self.assertIsNone(self.result.error)
            self.assertEqual((self.result.status, self.result.total_tokens), ("completed", 7))
"""


def test_methods_of_unittest_are_claims_too() -> None:
    text = file_of(UNITTEST)
    assert found_in(text) == marks(text)
