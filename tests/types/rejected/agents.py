"""What is no agent is no step, and its options have types, too."""

from __future__ import annotations

from flujo import Step, step
from tests.types import cast


class Silent:
    """Has no ``run``."""


class Answerless:
    """Its ``run`` takes nothing."""

    async def run(self) -> int:
        return 3


async def asks_nothing() -> int:
    return 3


number = Step("s", 3)  # error
silent = Step("s", Silent())  # error
answerless = Step("s", Answerless())  # error
nothing = Step("s", asks_nothing)  # error
retries = Step("s", cast.length, max_retries="three")  # error
option = Step("s", cast.length, retries=3)  # error
fallback = Step("s", cast.length, fallback=cast.length)  # error
typed: Step[str, str] = Step("s", cast.length)  # error
taking: Step[int, int] = Step("s", cast.length)  # error
narrower: Step[str, cast.Letter] = Step("s", cast.write)  # error
wider: Step[cast.Draft, str] = Step("s", cast.post)  # error


@step(retries=3)  # error
async def told(text: str) -> int:
    return len(text)
