"""The conditional step: one of several branches, chosen by a function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Self

from flujo.errors import Problem
from flujo.functions import function_problems
from flujo.pipeline import AnyPart, In, Out, Part, joined, steps_of, with_agents_in
from flujo.steps.frozen import freeze, shape_problems
from flujo.steps.parallel import body_problems, branch_problems

DEFAULT = "default"
"""The label of the branch for keys that no other branch has."""


@dataclass(frozen=True, eq=False, repr=False)
class BranchStep(Part[In, Out]):
    """Runs the branch whose key ``condition`` returns; see ``Step.branch_on``.

    Keys are text, booleans, integers or members of an enumeration; paths show them as text. ``default`` runs for every
    other key; without one such a key is an error.
    """

    condition: Callable[..., Hashable]
    branches: Mapping[Any, Any]
    default: Any = field(default=None, kw_only=True)
    branch_input_mapper: Callable[..., Any] | None = field(default=None, kw_only=True)
    branch_output_mapper: Callable[..., Any] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        freeze(self, "branches")
        super().__post_init__()

    def faults(self) -> Iterator[Problem]:
        path = str(self.name)
        yield from shape_problems(self, mappings=["branches"])
        if isinstance(self.branches, Mapping):
            yield from _key_problems(path, self)
            yield from branch_problems(path, {label_of(key): branch for key, branch in self.branches.items()})
        if self.default is not None:
            yield from body_problems(path, "default", self.default)
        if self.condition is None:
            yield Problem("function-invalid", path, "the step has no condition", "Pass a function that returns a key.")
        yield from function_problems(path, self.functions())

    @property
    def kind(self) -> str:
        return "branch"

    def labelled(self) -> Iterator[tuple[str, Any]]:
        """All branches by their labels, the default last."""
        for key, branch in self.branches.items():
            yield label_of(key), branch
        if self.default is not None:
            yield DEFAULT, self.default

    def functions(self) -> dict[str, Callable[..., Any] | None]:
        """The user's functions by the parameters they were given for."""
        return {
            "condition": self.condition,
            "branch_input_mapper": self.branch_input_mapper,
            "branch_output_mapper": self.branch_output_mapper,
        }

    def inside(self) -> Iterator[tuple[str, Sequence[AnyPart]]]:
        for label, branch in self.labelled():
            yield f"branch:{label}", steps_of(branch)

    def written(self) -> Iterator[object]:
        return (function for function in self.functions().values() if function is not None)

    def with_agents(self, here: str, agents: Mapping[str, object]) -> Self:
        branches = {
            key: with_agents_in(branch, joined(here, f"branch:{label_of(key)}"), agents)
            for key, branch in self.branches.items()
        }
        default = self.default
        if default is not None:
            default = with_agents_in(default, joined(here, f"branch:{DEFAULT}"), agents)
        return replace(self, branches=branches, default=default)

    def shape(self) -> list[object]:
        return ["branch", [label for label, _ in self.labelled()]]


def label_of(key: object) -> str:
    """How paths show a key."""
    return key.value if isinstance(key, Enum) and isinstance(key.value, str) else str(key)


def _key_problems(path: str, step: BranchStep[Any, Any]) -> Iterator[Problem]:
    for key in step.branches:
        if not isinstance(key, str | int | Enum):
            text = f"the key {key!r} is a {type(key).__name__}"
            yield Problem("key-invalid", path, text, "Use text, booleans, integers or members of an Enum.")
    for label, number in Counter(label for label, _ in step.labelled()).items():
        if number > 1:
            text = f"two branches are shown as '{label}' in paths"
            yield Problem("key-duplicate", path, text, "Tell their keys apart.")
