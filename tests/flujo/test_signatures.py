"""What type checkers are told of steps is what steps really take."""

from __future__ import annotations

from dataclasses import fields

from flujo import Step
from flujo.pipeline import Part
from flujo.steps import ParallelStep
from flujo.steps.parallel import ParallelOptions
from flujo.steps.signatures import StepOptions


def options_of(kind: type[Part]) -> dict[str, object]:
    """What may be given by keyword, with its type as it is written."""
    return {field.name: field.type for field in fields(kind) if field.kw_only}


def written(options: type) -> dict[str, object]:
    return {name: reference.__forward_arg__ for name, reference in options.__annotations__.items()}


def test_type_checkers_know_every_option_of_a_step() -> None:
    processors = dict.fromkeys(("input_processors", "output_processors"), "Sequence[Callable[[Any], Any]]")
    assert written(StepOptions) | processors == options_of(Step) | {"fallback": "Part | None"}


def test_a_routed_step_takes_the_options_of_a_parallel_one_but_its_selection() -> None:
    assert written(ParallelOptions) == {
        name: type_ for name, type_ in options_of(ParallelStep).items() if name != "select"
    }
