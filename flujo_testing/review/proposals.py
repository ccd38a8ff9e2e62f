"""The proposals that wait for a decision, each checked against its golden and its test as they are now."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flujo_testing.golden.errors import GoldenCorrupt, GoldenError
from flujo_testing.golden.findings import digest
from flujo_testing.golden.location import GoldenFolder, is_place_of_golden
from flujo_testing.golden.parsing import decoded, read_data
from flujo_testing.golden.pending import Pending, pending_folder, pending_goldens, read_pending
from flujo_testing.golden.reading import read_golden
from flujo_testing.review.groups import Changed, Sorting, sorting


@dataclass(frozen=True, slots=True)
class Proposal:
    """``before``: the golden's text as it is, None where there is none."""

    pending: Pending
    before: str | None

    @property
    def changed(self) -> Changed:
        return Changed(self.pending.golden, self.pending.test, self.before, self.pending.text)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot be decided about: nothing is done to it. ``reason`` names it, and says what to do."""

    golden: str
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """All proposals below ``root``: what can be decided about, sorted by cause, and what cannot.

    ``settled``: proposals of what their goldens say by now.
    """

    folder: GoldenFolder
    root: Path
    proposals: dict[str, Proposal]
    settled: tuple[str, ...]
    problems: tuple[Problem, ...]
    sorting: Sorting


def waiting(folder: GoldenFolder, root: Path | None = None) -> Waiting:
    """The proposals in the project, or those that a run has left in another folder (``--golden-artifacts``)."""
    where = pending_folder(folder) if root is None else root
    proposals: dict[str, Proposal] = {}
    settled, problems = [], []
    for golden in pending_goldens(where):
        try:
            proposal = _checked(folder, where, golden)
        except GoldenError as error:
            problems.append(Problem(golden, str(error)))
            continue
        if proposal.before == proposal.pending.text:
            settled.append(golden)
        else:
            proposals[golden] = proposal
    sorted_out = sorting(proposal.changed for proposal in proposals.values())
    return Waiting(folder, where, proposals, tuple(settled), tuple(problems), sorted_out)


def _checked(folder: GoldenFolder, root: Path, golden: str) -> Proposal:
    shown = str(root / f"{golden}.json")
    if not is_place_of_golden(golden):
        raise GoldenCorrupt(shown, 1, "is a proposal for a path where no golden lies")
    pending = read_pending(root, golden)
    if pending is None:
        raise GoldenCorrupt(shown, 1, "is gone: somebody else has settled it")
    story = read_data(pending.text.encode("utf-8"), shown)
    if (story["owner"], story.get("name")) != (pending.owner, pending.name):
        raise GoldenCorrupt(shown, 1, f"proposes a golden of {story['owner']!r:.200}, not of {pending.owner!r:.200}")
    content = read_golden(folder, golden)
    before = None if content is None else decoded(content, folder.shown(golden))
    if before != pending.text and pending.base != (None if content is None else digest(content)):
        raise GoldenCorrupt(
            shown, 1, f"is a proposal for what {folder.shown(golden)} was before it changed: run {pending.test} again"
        )
    if before is not None:
        read_data(before.encode("utf-8"), folder.shown(golden))
    if owner_is_gone(folder, pending.owner):
        raise GoldenCorrupt(shown, 1, f"is a proposal of {pending.owner}, which is gone: remove the file")
    return Proposal(pending, before)


def owner_is_gone(folder: GoldenFolder, owner: str) -> bool:
    """Whether a test stands no more in its file, as far as the file tells; its methods may be inherited."""
    path, _, rest = owner.partition("::")
    file = folder.anchor / path
    if ".." in file.parts or not file.is_relative_to(folder.anchor) or not file.is_file():
        return True
    first = rest.partition("[")[0].partition("::")[0]
    try:
        names = set(_names(ast.parse(file.read_bytes())))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: Python's parser on what is too deep
        return False  # whoever runs it is told
    return first not in names and "*" not in names


def _names(tree: ast.Module) -> Iterator[str]:
    """What a module defines, or brings in from elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
