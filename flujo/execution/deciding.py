"""How a user's function is called: on private copies, recorded, and not called again when a run is resumed (P10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flujo.errors import DecisionError, StepFailedError, UnknownBranchError, told
from flujo.events import Decided
from flujo.execution.calling import is_unusable
from flujo.functions import CONTEXT, BoundFunction
from flujo.isolation import private_copy
from flujo.structure import ATOMS, MISSING

if TYPE_CHECKING:
    from flujo.execution.frame import Frame

NOTHING: Mapping[str, Any] = {}


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
    if frame.run.journal is not None:
        known = await frame.decision(name, function.what, number)
        if known is not MISSING:
            _write(frame, name, function.what, number, known)
            return known
    try:
        decision = _call(frame, function, value, extras)
        if read is not None:
            decision = read(decision)
    except Exception as error:
        path = frame.scope.path_of(name)
        if isinstance(error, UnknownBranchError):
            error.path = path
            raise StepFailedError(path, None, error) from error
        why = str(error) if isinstance(error, _Unusable) else f"raised {told(error)}"
        raise StepFailedError(path, None, DecisionError(path, function.what, why)) from error
    _write(frame, name, function.what, number, decision)
    if frame.run.journal is not None:
        await frame.keep_decision(name, function.what, number, decision)
    return decision


class _Unusable(ValueError):
    """What a function returned is of no use."""


def unusable(why: str) -> Exception:
    """What ``read`` raises: ``why`` goes on from the name of the function."""
    return _Unusable(why)


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
    if is_unusable(decision):
        raise unusable("returned what is to be awaited or collected; it has to be a plain function")
    return decision


def _write(frame: Frame, name: str, what: str, number: int, decision: object) -> None:
    kept = decision if decision.__class__ in ATOMS else private_copy(decision)
    frame.log.extend((Decided, frame.run.now(), frame.scope, name, what, number, kept))


def truth(decision: object) -> bool:
    """The answer of a condition, which is True or False and nothing else."""
    if decision is True or decision is False:
        return bool(decision)
    raise unusable(f"returned {decision!r}; it has to return True or False")
