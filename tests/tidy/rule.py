"""What a rule of the house is: what it looks at, how it judges, and who is excused for which reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.tidy.source import Source


@dataclass(frozen=True, slots=True)
class Fault:
    """One place that breaks a rule; line 0 stands for the whole file."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A sentence that holds for every file looked at; ``excused`` maps a path to the reason why not."""

    name: str
    looks_at: Callable[[Source], bool]
    judge: Callable[[Sequence[Source]], Iterable[Fault]]
    excused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many files were looked at, and what is wrong, one line per fault."""

    looked_at: int
    faults: tuple[str, ...]


def check(rule: Rule, files: Iterable[Source]) -> Verdict:
    """A rule that looked at nothing and an excuse that nobody needs are faults, too."""
    seen = [source for source in files if rule.looks_at(source)]
    found = sorted(rule.judge(seen), key=lambda fault: (fault.path, fault.line, fault.text))
    faults = [str(fault) for fault in found if fault.path not in rule.excused]
    needless = sorted(rule.excused.keys() - {fault.path for fault in found})
    faults += [f"{path}: is excused but keeps the rule: delete the excuse" for path in needless]
    return Verdict(len(seen), tuple(faults if seen else [*faults, "this rule looked at no file"]))


def each(judge: Callable[[Source], Iterable[Fault]]) -> Callable[[Sequence[Source]], Iterable[Fault]]:
    """A judge of all files from a judge of one."""
    return lambda sources: [fault for source in sources for fault in judge(source)]
