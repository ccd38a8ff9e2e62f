"""``MODULE:ATTRIBUTE`` on the command line, and the runner that it names."""

from __future__ import annotations

import inspect
import os
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, NoReturn

from flujo.cli.endings import Refused
from flujo.errors import PipelineDefinitionError, Problem, shown_value, told
from flujo.pipeline import Flow, Pipeline
from flujo.runner import Flujo

if TYPE_CHECKING:
    from flujo.stores.records import RunSummary

FORM = "name it as MODULE:ATTRIBUTE, such as app.flows:pipeline"


@dataclass(frozen=True, slots=True)
class Named:
    """What a reference names: a runner if it is one, its pipeline in any case; ``is_made`` if a function made it."""

    reference: str
    is_made: bool
    runner: Flujo[Any, Any] | None
    pipeline: Pipeline[Any, Any]

    def problems(self) -> tuple[Problem, ...]:
        """All that is wrong with it. A runner has none, or it would not be."""
        return self.pipeline.validate()

    def made_runner(self) -> Flujo[Any, Any]:
        """The runner, made now if it was a step or a pipeline. Raises Refused with all that is wrong with it."""
        try:
            return self.runner or Flujo(self.pipeline)
        except PipelineDefinitionError as error:
            _refuse_problems(self.reference, error)


def named(reference: str) -> Named:
    """What ``MODULE:ATTRIBUTE`` names, the modules of the current directory included.

    A function without parameters is called for what it returns. Raises Refused, in one line, for anything that is no
    Flujo, pipeline or step, and PipelineDefinitionError for one that cannot be built.
    """
    module, colon, attribute = reference.partition(":")
    if not (module and colon and attribute):
        raise Refused(f"{reference!r} is no reference: {FORM}")
    found = _attribute_of(_module(module), module, attribute)
    is_made = inspect.isfunction(found)
    if is_made:
        found = _called(found, reference)
    if isinstance(found, Flujo):
        return Named(reference, is_made, found, found.pipeline)
    if isinstance(found, Flow):
        return Named(reference, is_made, None, found if isinstance(found, Pipeline) else Pipeline.of(found))
    what = f"{reference} is {shown_value(found)}"
    raise Refused(f"{what}, which is no Flujo, Pipeline or Step, nor a function without parameters that returns one")


def runner_named(reference: str) -> Flujo[Any, Any]:
    """The runner that a reference names. Raises Refused, also for a pipeline with problems."""
    try:
        return named(reference).made_runner()
    except PipelineDefinitionError as error:
        _refuse_problems(reference, error)


def _module(name: str) -> Any:
    here = os.getcwd()
    if name.startswith("."):
        raise Refused(f"there is no module {name!r}: did you mean {_dotted(name).lstrip('.')!r}?")
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(name)
    except PipelineDefinitionError:
        raise
    except ModuleNotFoundError as error:
        if _dotted(name) != name or name == error.name or name.startswith(f"{error.name}."):
            hint = f": did you mean {_dotted(name)!r}?" if _dotted(name) != name else f" here ({here})"
            raise Refused(f"there is no module {name!r}{hint}") from error
        _refuse_import(name, error)
    except (Exception, SystemExit) as error:  # whatever a module raises while it is loaded
        _refuse_import(name, error)


def _dotted(name: str) -> str:
    """``app/flows.py`` as a module's name."""
    return name.removesuffix(".py").removeprefix("./").replace("/", ".").replace(os.sep, ".")


def _refuse_import(name: str, error: BaseException) -> NoReturn:
    raise Refused(f"the module {name!r} cannot be loaded: {told(error)}{_place(error)}") from error


def _place(error: BaseException) -> str:
    """The last line of a user's file that the error came through."""
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    if isinstance(error, SyntaxError):  # it says itself where
        return ""
    return f" ({_shown(own[-1].filename)}, line {own[-1].lineno})" if own else ""


def _shown(path: str) -> str:
    here = os.getcwd() + os.sep
    return path.removeprefix(here)


def _attribute_of(module: Any, name: str, attribute: str) -> Any:
    found = module
    for part in attribute.split("."):
        names = vars(found) if hasattr(found, "__dict__") else {}
        if part not in names and not hasattr(found, part):
            near = get_close_matches(part, names, 1)
            known = [key for key, value in vars(module).items() if isinstance(value, Flujo | Flow)]
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known) or 'no pipeline'}"
            raise Refused(f"the module {name!r} has no {attribute!r}: {hint}")
        found = getattr(found, part)
    return found


def _called(function: Any, reference: str) -> Any:
    needed = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needed:
        raise Refused(f"{reference} takes {', '.join(needed)}: name a function without parameters, or what it returns")
    if inspect.iscoroutinefunction(function):
        raise Refused(f"{reference} is an async function: name a plain one, or a step made of it by @step")
    try:
        return function()
    except PipelineDefinitionError:
        raise
    except Exception as error:  # a user's function
        raise Refused(f"{reference} raised {told(error)}{_place(error)}") from error


def _refuse_problems(reference: str, error: PipelineDefinitionError) -> NoReturn:
    first, *others = error.problems
    more = f" (and {len(others)} more)" if others else ""
    raise Refused(f"{str(first).rstrip('.')}{more}; 'flujo validate {reference}' tells all") from error


def reference_of(summary: RunSummary, given: str | None) -> str:
    """Where the pipeline of a stored run is: as given, or as it was when the run began."""
    if given is not None:
        return given
    if summary.reference is None:
        raise Refused("the store does not know where the pipeline of this run is: pass --pipeline MODULE:ATTRIBUTE")
    return summary.reference
