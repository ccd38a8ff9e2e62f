"""How a user's function is called: on private copies, recorded, and not called again when a run is resumed (P10)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from flujo.errors import DecisionError, StepFailedError, UnknownBranchError, shown_value, told
from flujo.events import Decided
from flujo.execution.calling import cancellations, is_unusable
from flujo.functions import COLLECTED, CONTEXT, BoundFunction
from flujo.isolation import private_copy
from flujo.structure import ATOMS, MISSING

if TYPE_CHECKING:
    from flujo.execution.frame import Frame

NOTHING: Mapping[str, Any] = {}
MOST = 1_000_000
"""So many items, or names of branches, a function may return or yield: what yields without end is an error."""


async def decide(
    frame: Frame,
    name: str,
    function: BoundFunction,
    value: object,
    number: int = 0,
    extras: Mapping[str, Any] = NOTHING,
    read: Callable[[Any], object] | None = None,
) -> Any:
    """What ``function`` returns for the step ``name``, written down as its decision.

    ``read`` makes of what it returned what the step needs, and raises ValueError for what it cannot use. Raises
    StepFailedError if the function fails.
    """
    if frame.run.halted is not None:
        raise frame.run.halted
    if frame.run.journal is not None:
        known = await frame.decision(name, function.what, number)
        if known is not MISSING:
            _write(frame, name, function.what, number, known)
            return known
    try:
        decision = _call(frame, function, value, extras)
        if read is not None:
            decision = read(decision)
    except _failures() as error:
        raise failure_of(frame.scope.path_of(name), function.what, error) from error
    _write(frame, name, function.what, number, decision)
    if frame.run.journal is not None:
        await frame.keep_decision(name, function.what, number, decision)
    return decision


def _failures() -> tuple[type[BaseException], ...]:
    return (Exception, *cancellations())  # a plain function is not cancelled


def failure_of(path: str, what: str, error: BaseException) -> StepFailedError:
    """The failure of a step for which the function given as ``what`` raised, or returned what is of no use."""
    if isinstance(error, UnknownBranchError):
        error.path = path
        return StepFailedError(path, None, error)
    if isinstance(error, _Unusable):
        return StepFailedError(path, None, DecisionError(path, what, str(error)))
    why = told(error) if isinstance(error, Exception) else f"{type(error).__name__}, but nobody cancelled it"
    return StepFailedError(path, None, DecisionError(path, what, f"raised {why}"))


class _Unusable(ValueError):
    """What a function returned is of no use."""


def unusable(returned: object, wanted: str) -> Exception:
    """What ``read`` raises: what the function returned, and what it has to return."""
    return _Unusable(f"returned {shown_value(returned)}; it has to return {wanted}")


def _call(frame: Frame, function: BoundFunction, value: object, extras: Mapping[str, Any]) -> object:
    given = value if value.__class__ in ATOMS else private_copy(value)
    takes = function.takes
    offered: Mapping[str, Any] = NOTHING
    if takes:
        named: dict[str, Any] = {
            key: extra if extra.__class__ in ATOMS else private_copy(extra)
            for key, extra in extras.items()
            if key in takes
        }
        if CONTEXT in takes:
            named[CONTEXT] = frame.state.fork()
        offered = named
    decision = function.call(given, frame.state.fork(), **offered) if function.context_second else function.call(
        given, **offered
    )  # fmt: skip
    if is_unusable(decision) and not (function.what in COLLECTED and isinstance(decision, Generator)):
        raise _Unusable("returned what is to be awaited or collected; it has to be a plain function")
    return decision


def _write(frame: Frame, name: str, what: str, number: int, decision: object) -> None:
    kept = decision if decision.__class__ in ATOMS else private_copy(decision)
    frame.log.extend((Decided, frame.run.now(), frame.scope, name, what, number, kept))


def truth(decision: object) -> bool:
    """The answer of a condition, which is True or False and nothing else."""
    if decision is True or decision is False:
        return bool(decision)
    raise unusable(decision, "True or False")


def listed(returned: Any, wanted: str) -> tuple[Any, ...]:
    """What a function returned or yielded one after the other, at most MOST of it."""
    if isinstance(returned, str | bytes | bytearray) or not isinstance(returned, Iterable):
        raise unusable(returned, wanted)
    rows = tuple(islice(returned, MOST + 1))
    if len(rows) > MOST:
        raise _Unusable(f"returned more than {MOST:,}; it has to return {wanted} that comes to an end before")
    return rows
