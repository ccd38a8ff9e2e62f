"""Each rule finds the loose forms that are marked, and nothing in their exact neighbours."""

from __future__ import annotations

import pytest

from flujo_testing.lint.finding import RULES
from tests.flujo_testing.lint.marked import found_in, marks, report_of, test_of
from tests.flujo_testing.lint.test_whole_tests import SILENT

LOOSE = {
    "bounds": """
        assert result.total_cost_usd >= 0  #! FL102
        assert result.total_cost_usd > -1  #! FL102
        assert result.total_cost_usd >= 0.0  #! FL102
        assert result.total_tokens <= 10_000  #! FL102
        assert 0 <= result.total_cost_usd  #! FL102
        assert 0 < result.total_tokens < 500  #! FL102 FL102
        assert result.total_cost_usd < Decimal("1")  #! FL102
        assert result.status != "failed"  #! FL102
        assert all(step.cost_usd >= 0 for step in result.step_history)  #! FL102
        assert (result.status, result.total_tokens > 0) == ("completed", True)  #! FL102
        assert not result.total_cost_usd < 0  #! FL102
        assert set(step.status for step in result.step_history) <= {"completed", "failed"}  #! FL102
        assert max(step.attempts for step in result.step_history) >= 1  #! FL102
    """,
    "there": """
        assert result is not None  #! FL103
        assert result.output is not None  #! FL103
        assert not result.output is None  #! FL103
        assert result.error != None  #! FL103
        found = result.output is not None
        assert found  #! FL103
        assert bool(result.context is not None)  #! FL103
        assert (result.output is None) is False  #! FL103
    """,
    "truth": """
        assert result  #! FL104
        assert result.output, "there is an answer"  #! FL104
        assert not result.error  #! FL104
        assert bool(result.context)  #! FL104
        assert result.step_history[0]  #! FL104
        assert str(result.output)  #! FL104
        assert sum(step.cost_usd for step in result.step_history)  #! FL104
    """,
    "types": """
        assert isinstance(result.output, str)  #! FL105
        assert hasattr(result, "output")  #! FL105
        assert callable(result.raise_for_status)  #! FL105
        assert isinstance(result.context, dict) is True  #! FL105
    """,
    "sizes": """
        assert len(result.step_history) > 0  #! FL106
        assert len(result.step_history) >= 1  #! FL106
        assert len(result.ledger.entries) != 0  #! FL106
        assert len(result.output)  #! FL106
        assert not len(result.output) == 0 or True  #! FL110
    """,
    "texts": """
        assert "rain" in str(result.output)  #! FL107
        assert "rain" in repr(result)  #! FL107
        assert "rain" in result.output  #! FL107
        assert "rain" in f"{result.output}"  #! FL107
        assert "rain" in result.output.lower()  #! FL107
        assert f"{1}" in result.step_history[0].feedback  #! FL107
        assert result.output.find("rain") >= 0  #! FL107
        assert re.search("rain", result.output)  #! FL107
        assert "write" in [step.name for step in result.step_history]  #! FL107
        assert "write" in {step.name for step in result.step_history}  #! FL107
    """,
    "errors": """
        with pytest.raises(Exception):  #! FL108
            result.raise_for_status()
        with pytest.raises(BaseException) as caught:  #! FL108
            result.raise_for_status()
        with pytest.raises((ValueError, Exception)):  #! FL108
            await flujo_run(PIPELINE, "rain")
        with pytest.raises(Exception, match=".*"):  #! FL108
            Flujo(PIPELINE).run("rain")
    """,
    "approximations": """
        cost = result.total_cost_usd
        assert float(result.total_cost_usd) == pytest.approx(0.00208)  #! FL109
        assert result.step_history[0].cost_usd == pytest.approx(Decimal("0.1"), abs=1)  #! FL109
        assert cost == pytest.approx(2)  #! FL109
        assert round(result.total_cost_usd, 4) == Decimal("0.0021")  #! FL109
        assert abs(result.total_cost_usd - Decimal("0.002")) < Decimal("0.01")  #! FL109
        assert cost.quantize(Decimal("0.01")) == Decimal("0.00")  #! FL109
        assert f"{result.total_cost_usd:.2f}" == "0.00"  #! FL109
        assert int(result.total_cost_usd * 100) == 0  #! FL109
        assert math.isclose(result.total_cost_usd, 0.002)  #! FL109
    """,
    "constants": """
        assert result.output == "rain"
        assert True  #! FL110
        assert "a text"  #! FL110
        assert 1, "always"  #! FL110
        assert not False  #! FL110
        assert (result.output == "rain", "a message")  #! FL110
        assert result.output == "rain" or True  #! FL110
    """,
    "swallowed": """
        try:
            assert result.output == "rain"
        except AssertionError:  #! FL111
            pass
        try:
            assert result.output == "rain"
        except:  #! FL111
            print("well")
        try:
            golden.check(result)
        except (KeyError, Exception) as error:  #! FL111
            pytest.skip(str(error))
        with contextlib.suppress(AssertionError):  #! FL111
            assert result.output == "rain"
    """,
    "several": """
        assert result.output == "rain" or result.output == "snow"  #! FL112
        assert result.total_cost_usd is None or result.total_cost_usd == 1  #! FL112
        assert result.status in ("completed", "failed")  #! FL112
        assert result.status in {"completed", "failed"}  #! FL112
        assert any(step.name == "write" for step in result.step_history)  #! FL112
        assert True if result.error else result.output == "rain"  #! FL112
        assert not (result.error and result.output)  #! FL112
    """,
    "itself": """
        cost = result.total_cost_usd
        assert result.output == result.output  #! FL113
        assert cost == result.total_cost_usd  #! FL113
        assert result.step_history[0].name == result.step_history[0].name  #! FL113
        assert cost <= cost  #! FL113
        names = [step.name for step in result.step_history]
        assert [step.name for step in result.step_history] == names  #! FL113
        assert str(result.output) == str(result.output)  #! FL113
    """,
    "anything": """
        from unittest import mock
        assert result.output == ANY  #! FL114
        assert result.output == mock.ANY  #! FL114
        assert [result.status, result.output] == ["completed", mock.ANY]  #! FL114
        assert {"output": result.output} == {"output": ANY}  #! FL114
    """,
    "redactions": """
        golden.check(result, redact={"$..*": "x"})  #! FL115
        golden.check(result, redact={"steps": "x", "result": "x"}, name="b")  #! FL115
        golden.check(result, redact={"steps..*": "x"}, name="c")
        golden.check(result, redact={"steps.*": "x"}, name="d")  #! FL115
    """,
}

EXACT = {
    "values": """
        assert result.total_cost_usd == Decimal("0.00208")
        assert result.output == "rain"
        assert result.error is None
        assert result.success
        assert not result.success
        assert (result.status, result.output) == ("completed", "rain")
        assert [step.name for step in result.step_history] == ["write"]
        assert result.output is result.step_history[0].output
        assert len(result.step_history) == 1
        assert 2 * result.total_cost_usd == Decimal("0.00416")
        assert result.listener_errors == ()
        assert result.output != (await flujo_run(PIPELINE, "snow")).output
        assert result.step_history[0].metadata["cache_hit"] is True
        assert str(result.error).startswith("step 'write' failed")
        assert "secret" not in str(result.output)
        assert result.total_cost_usd == sum(step.cost_usd for step in result.step_history)
    """,
    "two runs that are written alike": """
        assert await flujo_run(PIPELINE, "rain") == await flujo_run(PIPELINE, "rain")
        one, two = Flujo(PIPELINE).run("rain").transcript, Flujo(PIPELINE).run("rain").transcript
        assert one == two
        assert (1, result.output) == (1, "rain")
    """,
    "what is not the engine's": """
        assert result.output == "rain"
        seen = []
        limit = Decimal("1")
        assert seen is not None
        assert len(seen) >= 0
        assert isinstance(seen, list)
        assert "rain" in str(seen)
        assert limit > 0 or seen
        assert result.total_cost_usd <= limit
    """,
    "errors by name": """
        with pytest.raises(ValueError):
            result.raise_for_status()
        with pytest.raises(Exception, match="^step 'write' failed$"):
            result.raise_for_status()
        with pytest.raises(Exception) as caught:
            result.raise_for_status()
        assert str(caught.value) == "step 'write' failed"
        with pytest.raises(Exception):
            int("rain")
    """,
    "measured numbers": """
        assert result.output == "rain"
        assert result.step_history[0].latency_s == pytest.approx(2.0)
    """,
    "errors that pass on": """
        try:
            assert result.output == "rain"
        except AssertionError as error:
            raise ValueError("no rain") from error
        try:
            assert result.output == "rain"
        except Exception:
            pytest.fail("no rain")
        try:
            int(result.output)
        except ValueError:
            pass
        with contextlib.suppress(KeyError):
            assert result.output == "rain"
    """,
    "goldens": """
        golden.check(result)
        golden.check(result, redact={"steps.write.attempt 1.output": "x"}, name="b")
        assert result == golden
    """,
}


@pytest.mark.parametrize("body", LOOSE.values(), ids=LOOSE.keys())
def test_loose_claims_are_found_in_their_lines(body: str) -> None:
    text = test_of(body)
    assert found_in(text) == marks(text)
    assert marks(text) != []


@pytest.mark.parametrize("body", EXACT.values(), ids=EXACT.keys())
def test_exact_claims_are_not(body: str) -> None:
    assert found_in(test_of(body)) == []


ADVICE = [
    ("result.total_cost_usd >= 0", 'assert result.total_cost_usd == Decimal("...")'),
    ("result.output is not None", 'assert result.output == "..."'),
    ("result.error is not None", 'assert str(result.error) == "..."'),
    ("not result.error", "assert result.error is None"),
    ("isinstance(result.usage, Usage)", "assert result.usage == Usage(input_tokens=..., output_tokens=...)"),
    (
        "len(result.step_history) > 0",
        "assert [(step.name, step.output) for step in result.step_history] == [...]",
    ),
    ("'rain' in str(result.output)", 'assert result.output == "..."'),
    ("result.status in ('completed', 'failed')", "assert result.status == 'completed'"),
    ("result.total_tokens > 0", "assert result.total_tokens == <number>"),
    (
        "result.cost_by('model') is not None",
        """assert result.cost_by('model') == {"...": Decimal("..."), ...}""",
    ),
    ("result.context is not None", "assert result.context == Context(...), every field"),
    ("round(result.total_cost_usd or 0, 2) == 0", 'assert result.total_cost_usd == Decimal("...")'),
    ("result", "golden.check(result), or assert result.output == ..."),
]


@pytest.mark.parametrize(("claim", "write"), ADVICE)
def test_the_stronger_assertion_is_written_out(claim: str, write: str) -> None:
    (finding,) = report_of(test_of(f"assert {claim}")).findings
    assert finding.write == write


def test_a_finding_is_one_line_with_place_rule_and_remedy() -> None:
    (finding,) = report_of(test_of("assert result.total_tokens > 0")).findings
    assert str(finding) == (
        "test_rain.py:16:5: FL102 test_rain: `result.total_tokens > 0` takes every value > 0; "
        "write: assert result.total_tokens == <number>"
    )


def test_the_table_names_every_rule_that_is_tested_here() -> None:
    text = "".join(map(test_of, LOOSE.values())) + SILENT
    assert {code for _, code in marks(text)} == {code for code in RULES if code.startswith("FL1")}
