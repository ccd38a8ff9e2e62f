"""An agent that takes its time, that of ``virtual_clock``, and is paid; for tests of what listeners tell."""

from __future__ import annotations

from typing import Any

import anyio

from flujo import AgentOutput, Flujo, Usage, validator
from flujo_testing import default_cost_model
from tests.flujo.telemetry.seen import Seen

DRAFT = Usage(input_tokens=120, output_tokens=40)
PRICES = default_cost_model()


class Slow:
    """Gives these answers in turn, each after some seconds and for 0.00104 USD; an exception is raised."""

    def __init__(self, *answers: Any, name: str = "writer", seconds: float = 2, model: str = "test:writer") -> None:
        self.name = name
        self.seconds = seconds
        self.paid_by = model
        self.answers = iter(answers)

    async def run(self, input: object) -> Any:
        await anyio.sleep(self.seconds)
        answer = next(self.answers)
        if isinstance(answer, BaseException):
            raise answer
        return AgentOutput(answer, usage=DRAFT, model=self.paid_by)


@validator
def short(text: str) -> bool | str:
    return len(text) < 10 or f"too long: {text}"


def runner(part: Any, seen: Seen, name: str = "support", **options: Any) -> Flujo[Any, Any]:
    return Flujo(part, cost_model=PRICES, listeners=[seen.spans], name=name, **options)


async def echo(text: object) -> object:
    """Known by its name, as what is cached has to be."""
    return text
