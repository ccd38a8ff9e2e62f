"""A pipeline as a Mermaid flowchart: one node per step that asks somebody, one box per step with steps inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flujo.pipeline import AnyPart

_ENTITIES = str.maketrans({character: f"#{ord(character)};" for character in '#&<>`$"'} | {"\n": " "})
_SHAPES = {"human": ("[/", "/]"), "cached": ("[(", ")]")}


def diagram(steps: Sequence[AnyPart]) -> str:
    """The text of a flowchart, top down; the names of steps stand in quotes, so that they may hold anything."""
    lines = ["flowchart TD"]
    _Drawing(lines).sequence(steps, "  ")
    return "\n".join(lines) + "\n"


class _Drawing:
    """Numbers its nodes in declared order: equal pipelines have equal diagrams."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.drawn = 0

    def sequence(self, steps: Sequence[AnyPart], indent: str) -> tuple[str, str]:
        """Draw steps in a row; the first and the last node."""
        ends = [self.step(step, indent) for step in steps]
        for (_, before), (after, _) in pairwise(ends):
            self.lines.append(f"{indent}{before} --> {after}")
        return ends[0][0], ends[-1][1]

    def step(self, step: AnyPart, indent: str) -> tuple[str, str]:
        node = self._new("n")
        inside = [(segment, steps) for segment, steps in step.inside() if steps]
        if not inside or step.kind == "step":
            left, right = _SHAPES.get(step.kind, ("[", "]"))
            self.lines.append(f"{indent}{node}{left}{_quoted(step.name)}{right}")
            for segment, steps in inside:  # a fallback
                first, _ = self.sequence(steps, indent)
                self.lines.append(f"{indent}{node} -. {_quoted(segment.rstrip(':'))} .-> {first}")
            return node, node
        box = self._new("g")
        self.lines.append(f"{indent}subgraph {box}[{_quoted(f'{step.kind}: {step.name}')}]")
        join = f"{node}e"
        self.lines += [f"{indent}  {node}(( ))", f"{indent}  {join}(( ))"]
        start = node
        for segment, steps in inside:
            first, last = self.sequence(steps, indent + "  ")
            if step.kind == "parallel" and not segment:  # it chooses among the branches that follow
                self.lines.append(f"{indent}  {start} --> {first}")
                start = last
            else:
                self.lines += list(_edges(step.kind, segment, start, first, last, join, indent + "  "))
        self.lines.append(f"{indent}end")
        return node, join

    def _new(self, letter: str) -> str:
        self.drawn += 1
        return f"{letter}{self.drawn}"


def _edges(kind: str, segment: str, start: str, first: str, last: str, end: str, indent: str) -> Iterator[str]:
    label = f" -- {_quoted(segment.partition(':')[2] or segment)} -->" if segment else " -->"
    yield f"{indent}{start}{label} {first}"
    yield f"{indent}{last} --> {end}"
    if kind == "loop":
        yield f"{indent}{last} -. {_quoted('again')} .-> {first}"


def _quoted(text: str) -> str:
    """Text as Mermaid shows it: entities stand for what would end the quotes or be read as markup."""
    return f'"{text.translate(_ENTITIES)}"'
