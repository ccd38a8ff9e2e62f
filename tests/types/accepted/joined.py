"""What fits joins: a step takes what the one before returns, or more."""

from __future__ import annotations

from typing import Any, assert_type

from flujo import Flujo, Pipeline, Step
from tests.types import cast

length, double, spell = Step("length", cast.length), Step("double", cast.double), Step("spell", cast.spell)
whatever = Step("whatever", cast.untyped)

assert_type(length >> double, Pipeline[str, int])
assert_type(length >> double >> spell, Pipeline[str, str])
assert_type(length >> (double >> spell), Pipeline[str, str])
assert_type((length >> spell) >> (length >> double), Pipeline[str, int])

# A step that takes more than it is given, and one that returns less than the next one takes.
assert_type(length >> Step("either", cast.either), Pipeline[str, str])
assert_type(spell >> Step("maybe", cast.maybe), Pipeline[int, str | None])
assert_type(Step("address", cast.address) >> Step("publish", cast.publish), Pipeline[str, str])
wider: Step[int, str] = Step("either", cast.either)
less: Step[str, cast.Draft] = Step("address", cast.address)

# What is any fits everywhere, and a step or pipeline without types is one of any.
assert_type(whatever >> double, Pipeline[Any, int])
assert_type(length >> whatever >> double, Pipeline[str, int])


def around(first: Step, then: Pipeline) -> Pipeline:
    assert_type(first >> length >> double >> then, Pipeline[Any, Any])
    return then


around(length, length >> double)

# A pipeline as a step, and under another name, is of the same types.
assert_type((length >> spell).as_step("nested") >> length, Pipeline[str, int])
assert_type((length >> spell).named("other"), Pipeline[str, str])


async def run() -> None:
    runner = Flujo(length >> spell)
    assert_type(runner, Flujo[str, str])
    result = await runner.run_async("a")
    assert_type(result.output, str)
    assert_type(result.raise_for_status().output, str)
    assert_type(Flujo(length).run("a").output, int)
    bare: Flujo = runner
    assert_type(bare.run(3).output, Any)
