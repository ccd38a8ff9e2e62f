"""What a run's events say, read for the second time: its steps as they nest, and what was asked and paid in them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from flujo.entries import LedgerEntry
from flujo.events import (
    Asked,
    BranchEnded,
    CacheHit,
    CacheMissed,
    Decided,
    Event,
    ItemEnded,
    Questioned,
    Replied,
    RunEnded,
    RunStarted,
    StepEnded,
)


@dataclass(slots=True, eq=False)
class Ask:
    """One call of an agent, and who was paid for it."""

    asked: Asked
    answered: bool = False
    failed: bool = False
    paid: int = 0
    judged: set[str] = field(default_factory=set)
    path: str = ""

    def __post_init__(self) -> None:
        self.path = self.asked.path


@dataclass(slots=True, eq=False)
class Execution:
    """One execution of a step: what was paid in it, the steps inside it, and what it did itself.

    ``sequences`` are the steps inside by where they stand: ``branch:legal``, ``iteration:2``, or directly inside.
    """

    path: str
    kind: str
    asks: list[Ask] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    inner: list[Execution] = field(default_factory=list)
    sequences: dict[str, list[Execution]] = field(default_factory=dict)
    _paths: set[str] | None = None
    branches: dict[str, BranchEnded] = field(default_factory=dict)
    items: list[ItemEnded] = field(default_factory=list)
    decisions: dict[tuple[str, int], Decided] = field(default_factory=dict)
    lookups: list[CacheHit | CacheMissed] = field(default_factory=list)
    questions: list[Questioned] = field(default_factory=list)
    replies: list[Replied] = field(default_factory=list)
    merged: bool = False
    ended: StepEnded | None = None

    @property
    def status(self) -> str | None:
        """None while it has not ended."""
        return None if self.ended is None else self.ended.status

    @property
    def has_doubt(self) -> bool:
        """Whether a person may be asked what is done about a call of it that was interrupted."""
        return self.kind == "step" and any(entry.outcome == "in_doubt" for entry in self.entries)

    def all_entries(self) -> list[LedgerEntry]:
        return [*self.entries, *(entry for execution in self.inner for entry in execution.all_entries())]

    def decided(self, what: str, number: int = 0) -> object:
        """What a function decided; None if it decided nothing."""
        decision = self.decisions.get((what, number))
        return None if decision is None else decision.value

    def has_decided(self, what: str, number: int = 0) -> bool:
        return (what, number) in self.decisions

    @property
    def items_decided(self) -> Sequence[object]:
        items = self.decided("items")
        return items if isinstance(items, list | tuple) else ()

    @property
    def parts(self) -> list[str]:
        """The branches, iterations or items in which steps ran, in order; empty for steps directly inside."""
        return list(self.sequences)

    def within(self, part: str) -> list[Execution]:
        """The steps of one branch, iteration or item (``branch:legal``), or those directly inside for an empty part."""
        return self.sequences.get(part, [])

    def take_in(self, step: Execution) -> None:
        self.inner.append(step)
        self._paths = self._paths or set()
        self._paths.add(step.path)
        self.sequences.setdefault(self.part_of(step.path), []).append(step)

    def has_run(self, path: str) -> bool:
        """Whether a step at this path has started inside."""
        return self._paths is not None and path in self._paths

    def part_of(self, path: str) -> str:
        """Where in this step another one stands."""
        return path.removeprefix(f"{self.path}/").rpartition("/")[0]


@dataclass(slots=True, eq=False)
class Account:
    """The account of a run: ``violations`` are what is wrong with its events (``ordered``) in themselves."""

    metered: Collection[str]
    ordered: Sequence[Event] = ()
    violations: list[str] = field(default_factory=list)
    open: list[Execution] = field(default_factory=list)
    run: Execution = field(default_factory=lambda: Execution("", "pipeline"))
    entries: list[LedgerEntry] = field(default_factory=list)
    answers: dict[str, object] = field(default_factory=dict)
    resumed: bool = False
    started: RunStarted | None = None
    ended: RunEnded | None = None

    @property
    def top(self) -> list[Execution]:
        """The steps of the run itself."""
        return self.run.inner

    def note(self, violation: str) -> None:
        self.violations.append(violation)

    def expect(self, holds: bool, violation: str) -> bool:
        """Note the violation unless something holds. What is checked at every event calls ``note``: it costs less."""
        if not holds:
            self.note(violation)
        return holds

    def innermost_is(self, path: str) -> bool:
        return bool(self.open) and self.open[-1].path == path


def listed(names: object) -> str:
    """Names as messages tell them."""
    told = ", ".join(map(str, names)) if isinstance(names, list | tuple) else repr(names)
    return told or "none"


def how_ended(status: str | None) -> str:
    return "has not ended" if status is None else f"ended {status}"
