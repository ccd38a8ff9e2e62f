"""How the contexts of parallel branches join the parent's: law C4. Pure: states in, a state out.

Branches are compared with the state they started from. *Changed* means different canonical JSON, so that reordering a
dict is no change; values without canonical JSON are compared structurally. Fields, extras and private attributes are
merged by name; cached properties of the parent are dropped when anything was merged, for they may be out of date.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from flujo.canonical import NotRepresentable, canonical_json, path_segment
from flujo.context import EXTRA, FIELDS_SET, PRIVATE, SLOTS, PipelineContext
from flujo.errors import ContextMergeConflict, ContextUpdateError, MisuseError
from flujo.execution.isolation import State, apply_output, assembled, changed, private_copy, updated
from flujo.execution.structure import MISSING, Same, private_of

C = TypeVar("C", bound=PipelineContext)
Rivals = Sequence[tuple[str, Any]]
"""Names of branches with what each made of one value, in declared order."""


@dataclass(frozen=True, slots=True)
class MergeNote:
    """A field or extra that a merge changed, and the branches that its new value came from, in declared order."""

    field: str
    branches: tuple[str, ...]


def merge_context(
    base: State[C],
    branches: Sequence[tuple[str, State[C]]],
    strategy: str | Callable[[C, dict[str, C]], object],
) -> tuple[State[C], list[MergeNote]]:
    """The parent's state after its branches, given in declared order, and what came from where.

    ``strategy`` is a MergeStrategy (``no_merge``, ``context_update``, ``overwrite``, ``keep_first``) or a function
    of a context equal to ``base`` and a dict of the branches' contexts; it returns a context of the same class or a
    mapping of fields to set. Returns ``base`` itself if nothing changed. Raises ContextMergeConflict;
    ContextUpdateError if the context's model refuses what a function returned; whatever the function raises.
    """
    if not isinstance(strategy, str):
        return _by_function(base, branches, strategy)
    if strategy == "no_merge":
        return base, []
    if (choose := _CHOICES.get(strategy)) is None:
        raise MisuseError(f"unknown merge strategy {strategy!r}; use one of 'no_merge', {', '.join(map(repr, _CHOICES))}")
    return _by_name(base, branches, choose)


# By strategy ------------------------------------------------------------------------------------------

Choice = Callable[[str, Any, Rivals], tuple[Any, Rivals]]
"""What becomes of the value at a path, which was so and now has rivals; and those of them that it came from."""


def _by_name(base: State[C], branches: Sequence[tuple[str, State[C]]], choose: Choice) -> tuple[State[C], list[MergeNote]]:
    values = {name: value for name, value in base.values.items() if name in base.cls.model_fields or name in SLOTS}
    unchanging = set(base.atoms)
    sources: dict[str, Rivals] = {}
    for name in _names(base, branches, base.values, lambda state: state.values):
        if name == FIELDS_SET or name not in values.keys() | base.cls.model_fields:
            continue
        if name in (EXTRA, PRIVATE):
            values[name], told = _named(base, branches, name, choose)
            sources |= told if name == EXTRA else {}
            continue
