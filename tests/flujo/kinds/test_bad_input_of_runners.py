"""What a runner cannot use is said when it is built, all at once; what a run cannot use, before it starts."""

from __future__ import annotations

from typing import Any

import pytest

from flujo import Flujo, MisuseError, PriceTable, Step
from flujo.errors import PipelineDefinitionError
from tests.flujo.kinds.cast import Still, codes, echo

S: Any = Step("s", echo)
ANY: Any = 5


def told(event: object) -> None: ...


async def waits(event: object) -> None: ...


async def yields(event: object) -> Any:
    yield event


def each(event: object) -> Any:
    yield event


@pytest.mark.parametrize("option", ["usage_limits", "cost_model", "store", "clock", "name", "strict_pricing"])
def test_a_runner_refuses_options_of_another_kind(option: str) -> None:
    options: dict[str, Any] = {option: ANY}
    with pytest.raises(PipelineDefinitionError, match=f"{option} is 5"):
        Flujo(S, **options)


def test_all_that_is_wrong_with_the_options_of_a_runner_is_said_at_once() -> None:
    wrong: Any = dict.fromkeys(("context_model", "usage_limits", "cost_model", "strict_pricing", "store", "clock"), ANY)
    wrong["listeners"] = [told, waits, yields, each]
    with pytest.raises(PipelineDefinitionError) as caught:
        Flujo(S >> S, name=" ", **wrong)
    assert codes(caught.value) == [
        ("name-duplicate", "s"),
        ("context-model-invalid", ""),
        ("limits-not-limits", ""),
        ("cost_model-invalid", ""),
        ("store-invalid", ""),
        ("clock-invalid", ""),
        ("listener-not-plain", ""),
        ("listener-not-plain", ""),
        ("listener-not-plain", ""),
        ("name-empty", ""),
        ("strict_pricing-not-a-bool", ""),
    ]


@pytest.mark.parametrize("listeners", [told, "listeners", {told}, None])
def test_listeners_are_a_list(listeners: Any) -> None:
    with pytest.raises(PipelineDefinitionError, match="listeners is ") as caught:
        Flujo(S, listeners=listeners)
    assert codes(caught.value) == [("listener-not-plain", "")]


def test_the_classes_of_ports_are_no_ports() -> None:
    classes: Any = {"clock": Still, "cost_model": PriceTable}
    with pytest.raises(PipelineDefinitionError) as caught:
        Flujo(S, **classes)
    assert codes(caught.value) == [("cost_model-invalid", ""), ("clock-invalid", "")]


@pytest.mark.parametrize("data", [5, 0, "notes", "", ["notes"], []])
async def test_context_data_that_is_no_mapping_is_misuse(data: Any) -> None:
    with pytest.raises(MisuseError, match="context_data is"):
        await Flujo(S).run_async("x", context_data=data)


@pytest.mark.parametrize("run_id", [5, "", " ", b"run", ["run"]])
async def test_a_run_id_that_is_no_text_is_misuse(run_id: Any) -> None:
    with pytest.raises(MisuseError) as caught:
        await Flujo(S).run_async("x", run_id=run_id)
    assert str(caught.value) == f"run_id is {run_id!r}; pass a text that names the run, or leave it out"


@pytest.mark.parametrize("buffer", [0, -1, 1.5, True, None, "64"])
def test_a_buffer_without_room_is_misuse(buffer: Any) -> None:
    with pytest.raises(MisuseError) as caught:
        Flujo(S).stream_async("x", buffer=buffer)
    assert str(caught.value) == f"buffer is {buffer!r}; pass how many events may wait for the reader, at least 1"


async def test_run_within_an_event_loop_says_what_to_call_instead_and_nothing_else() -> None:
    with pytest.raises(MisuseError) as caught:
        Flujo(S).run("x")
    text = "Flujo.run() was called inside a running event loop; use 'await runner.run_async(...)' there"
    assert (str(caught.value), caught.value.__context__) == (text, None)


def test_what_run_raises_was_not_caused_by_the_absence_of_a_loop() -> None:
    with pytest.raises(MisuseError) as caught:
        Flujo(S).run("x", context_data=ANY)
    assert caught.value.__context__ is None
