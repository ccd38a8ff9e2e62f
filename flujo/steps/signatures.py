"""How type checkers see what users write into steps: agents, functions, options. Nothing here runs.

``Step("draft", writer)`` is a ``Step[In, Out]`` of what ``writer`` takes and returns, and ``a >> b`` is an error where
``b`` does not take what ``a`` returns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Concatenate, Literal, Never, Protocol, TypeAlias, TypedDict

from typing_extensions import TypeVar

from flujo.pipeline import Part
from flujo.ports import AgentOutput
from flujo.usage import UsageLimits

Takes = TypeVar("Takes", default=Any)
Gives = TypeVar("Gives", default=Any)
"""Where a type checker finds no type, it is any. So mypy lets functions of ``str`` and of ``str | int`` be branches of
one step, though it sees no type that both take."""
Takes_contra = TypeVar("Takes_contra", contravariant=True)
Gives_co = TypeVar("Gives_co", covariant=True)


class Runs(Protocol[Takes_contra, Gives_co]):
    """An agent that is an object; ``run`` may take ``context`` and the like by name."""

    def run(self, input: Takes_contra, /, *args: Any, **offered: Any) -> Gives_co: ...


Decides: TypeAlias = Callable[Concatenate[Takes, ...], Gives] | Callable[[Any], Never] | Callable[[Any, Any], Never]
"""A user's function of a value, and of the context and other things if it takes them. The forms that never return
are there for lambdas, which fit none of them: beside them, mypy reads a lambda by itself instead of refusing it, and
pyright lets one use a value of which it does not know the type."""
Asks: TypeAlias = Decides[Takes, Gives] | Runs[Takes, Gives]
"""An agent, be it a function or an object."""
Metered: TypeAlias = AgentOutput[Gives] | Awaitable[AgentOutput[Gives]]
"""What agents return that say what it cost."""


OnDoubt: TypeAlias = Literal["retry", "ask", "fail"]


class StepOptions(TypedDict, total=False):
    """What a step may be told beside its name and agent; see ``Step``."""

    plugins: Sequence[Any]
    max_retries: int
    retry_on: type[Exception] | tuple[type[Exception], ...]
    backoff: Callable[[int], float] | None
    timeout_s: float | None
    fallback: Part | None  # of any types: mypy would take what the step takes from it instead of from the agent
    updates_context: bool
    settings: Mapping[str, Any]
    usage_limits: UsageLimits | None
    meta: Mapping[str, Any]
    on_doubt: OnDoubt
