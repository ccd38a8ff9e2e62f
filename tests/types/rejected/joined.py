"""What does not fit does not join.

Where a signature says any, mypy does not choose between the kinds of agents, and takes the step as one of any.
"""

from __future__ import annotations

from flujo import Flujo, Step, step
from tests.types import cast

length, double, spell = Step("length", cast.length), Step("double", cast.double), Step("spell", cast.spell)
publish, post, address = Step("publish", cast.publish), Step("post", cast.post), Step("address", cast.address)
maybe, write = Step("maybe", cast.maybe), Step("write", cast.write)


@step
async def count(text: str) -> int:
    return len(text)


@step(max_retries=3)
async def recount(text: str) -> int:
    return len(text)


step_step = length >> length  # error
step_pipeline = length >> (length >> double)  # error
pipeline_step = (length >> double) >> length  # error
pipeline_pipeline = (length >> double) >> (length >> double)  # error
in_the_middle = length >> spell >> double >> spell  # error
metered = Step("m", cast.metered) >> length  # error
in_context = Step("c", cast.in_context) >> length  # error
offered_all = Step("o", cast.offered_all) >> length  # error
offered_any = Step("o", cast.offered_any) >> length  # error: pyright
plain = Step("p", cast.plain) >> length  # error
an_object = Step("o", cast.Counter()) >> length  # error
metered_object = Step("o", cast.MeteredCounter()) >> length  # error
decorated = count >> length  # error
told = recount >> length  # error
of_a_subclass = write >> post  # error
optional = maybe >> length  # error
of_a_union = Step("o", cast.maybe) >> Step("e", cast.either)  # error
nested = (length >> double).as_step("n") >> length  # error
no_step = length >> cast.double  # error


async def run() -> None:
    await Flujo(length).run_async(3)  # error
    (await Flujo(length).run_async("a")).output.upper()  # error
