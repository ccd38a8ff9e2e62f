"""Steps and plugins made of functions: ``@step`` and ``@validator``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, Protocol, TypeAlias, Unpack, overload

from flujo.binding import name_of
from flujo.errors import PipelineDefinitionError, Problem
from flujo.functions import why_not_plain
from flujo.ports import Draft, PluginOutcome
from flujo.steps.plain import Step
from flujo.steps.signatures import Gives, Metered, StepOptions, Takes


class Decorator(Protocol):
    """``@step(max_retries=3, ...)`` as type checkers see it."""

    @overload
    def __call__(self, function: Callable[Concatenate[Takes, ...], Metered[Gives]], /) -> Step[Takes, Gives]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Takes, ...], Awaitable[Gives]], /) -> Step[Takes, Gives]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Takes, ...], Gives], /) -> Step[Takes, Gives]: ...


@overload
def step(function: Callable[Concatenate[Takes, ...], Metered[Gives]], /) -> Step[Takes, Gives]: ...
@overload
def step(function: Callable[Concatenate[Takes, ...], Awaitable[Gives]], /) -> Step[Takes, Gives]: ...
@overload
def step(function: Callable[Concatenate[Takes, ...], Gives], /) -> Step[Takes, Gives]: ...
@overload
def step(*, name: str | None = None, **options: Unpack[StepOptions]) -> Decorator: ...
@overload
def step(
    *,
    name: str | None = None,
    input_processors: Sequence[Callable[[Any], Any]] = ...,
    output_processors: Sequence[Callable[[Any], Any]] = ...,
    **options: Unpack[StepOptions],
) -> Callable[[Callable[..., Any]], Step[Any, Any]]: ...
def step(function: Callable[..., Any] | None = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Make a Step of an async or plain function: ``@step`` or ``@step(max_retries=3, ...)``.

    The function may take ``context``, ``resources``, ``feedback`` and ``settings`` by keyword. The step is named after
    it unless ``name`` is given; the other options are those of ``Step``.
    """

    def make(function: Callable[..., Any]) -> Step[Any, Any]:
        return Step(name_of(function) if name is None else name, function, **options)

    return make if function is None else make(function)


@dataclass(frozen=True, slots=True)
class FunctionPlugin:
    """A plugin made of one function; see ``validator``."""

    name: str
    priority: int
    judge: Callable[[Any], bool | str | None]

    async def validate(self, draft: Draft) -> PluginOutcome:
        verdict = self.judge(draft["output"])
        if verdict is True or verdict is None:
            return PluginOutcome(True)
        return PluginOutcome(False, verdict if isinstance(verdict, str) else f"{self.name} says no")


Verdict: TypeAlias = Callable[[Any], bool | str | None]


@overload
def validator(function: Verdict, /, *, name: str | None = None, priority: int = 0) -> FunctionPlugin: ...
@overload
def validator(*, name: str | None = None, priority: int = 0) -> Callable[[Verdict], FunctionPlugin]: ...
def validator(
    function: Verdict | None = None, /, *, name: str | None = None, priority: int = 0
) -> FunctionPlugin | Callable[[Verdict], FunctionPlugin]:
    """Make a plugin of a function of the output: True or None accepts, False or a reason (text) rejects."""

    def make(function: Verdict) -> FunctionPlugin:
        if why := why_not_plain(function):
            fix = "Write a class with 'async def validate(self, draft)', or a plain function."
            code = "validator-async" if callable(function) else "validator-invalid"
            raise PipelineDefinitionError([Problem(code, "", f"the validator {name_of(function)} {why}", fix)])
        return FunctionPlugin(name_of(function) if name is None else name, priority, function)

    return make if function is None else make(function)
