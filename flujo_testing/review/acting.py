"""What the commands do to goldens, each as one decision: accept, reject, prune, migrate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from flujo_testing.golden.errors import GoldenCorrupt, GoldenError, GoldenMisuse
from flujo_testing.golden.findings import digest
from flujo_testing.golden.location import GoldenFolder, is_place_of_golden
from flujo_testing.golden.pending import pending_folder
from flujo_testing.golden.reading import read_golden
from flujo_testing.golden.unused import read_unused, write_unused
from flujo_testing.review.deciding import Choice, accepting, chosen, rejecting
from flujo_testing.review.decision import Decision, Desk, Done, Rewrite, decide
from flujo_testing.review.migrating import CURRENT, STEPS, FormatStep, migrated
from flujo_testing.review.page import PAGE, Entry, entry_text, scan_of_page
from flujo_testing.review.proposals import Problem, waiting

ACCEPT: Final = "accept"
REJECT: Final = "reject"
_NOTHING: Final = "there are no changed goldens to decide about: run the tests first"


@dataclass(slots=True)
class Acted:
    """What a command has done, and what waits behind it; ``problems`` are sentences about what was left alone."""

    done: Done
    left: int = 0
    problems: list[str] = field(default_factory=list)


def settle(
    desk: Desk,
    root: Path | None,
    verb: str,
    names: Sequence[str] | Choice,
    *,
    reason: str,
    at: datetime,
    everything: bool = False,
) -> Acted:
    """Accept or reject groups and goldens by name. Raises GoldenError if nothing was done.

    The name of what an interrupted command had begun to settle is none any more when this one has finished it.
    """
    if not reason.strip():
        raise GoldenMisuse(f"a decision needs a reason: flujo golden {verb} ... --reason 'why'")
    _refuse_secrets(desk, reason)

    if not (root or pending_folder(desk.folder)).is_dir():
        raise GoldenMisuse(_NOTHING)

    def take(finished: bool) -> Decision:
        found = waiting(desk.folder, root)
        try:
            choice = names if isinstance(names, Choice) else chosen(found, names, everything=everything)
        except GoldenMisuse:
            if finished:
                return Decision(str(found.root))
            raise
        decision = (accepting if verb == ACCEPT else rejecting)(found, choice, reason, at)
        if not decision.entry and not decision.drop and not finished:
            raise GoldenMisuse(_NOTHING)
        return decision

    done = decide(desk, take, root)
    found = waiting(desk.folder, root)
    return Acted(done, len(found.proposals), [*done.problems, *(problem.reason for problem in found.problems)])


def prunable(folder: GoldenFolder) -> tuple[list[Rewrite], list[Problem]]:
    """The goldens that the last complete run found without a test, if they are still what they were."""
    rewrites, problems = [], []
    for golden, sha in sorted(read_unused(pending_folder(folder)).items()):
        try:
            content = read_golden(folder, golden)
            if not is_place_of_golden(golden):
                raise GoldenCorrupt(folder.shown(golden), 1, "is listed as unused, and no golden lies there")
        except GoldenError as error:
            problems.append(Problem(golden, str(error)))
            continue
        if content is None:
            continue
        if digest(content) == sha:
            rewrites.append(Rewrite(golden, sha, None))
        else:
            why = "has changed since the last complete run of the tests: run them all again"
            problems.append(Problem(golden, f"{folder.shown(golden)} {why}"))
    return rewrites, problems


def prune(desk: Desk, *, reason: str, at: datetime) -> Acted:
    """Remove the goldens that no test owns."""
    if not desk.folder.path.is_dir():
        return Acted(Done())
    _refuse_secrets(desk, reason)
    problems: list[Problem] = []

    def take(finished: bool) -> Decision:
        rewrites, found = prunable(desk.folder)
        problems.extend(found)
        return _decision(desk, Entry(at, "pruned", reason, (), [one.golden for one in rewrites]), rewrites)

    done = decide(desk, take)
    left = {one.golden: one.base for one in prunable(desk.folder)[0] if one.base is not None}
    kept = {problem.golden for problem in problems}
    root = pending_folder(desk.folder)
    listed = {golden: sha for golden, sha in read_unused(root).items() if golden in left or golden in kept}
    write_unused(root, listed, disk=desk.disk)
    return Acted(done, len(listed), [*done.problems, *(problem.reason for problem in problems)])


def migrate(desk: Desk, *, at: datetime, steps: dict[int, FormatStep] = STEPS, current: int = CURRENT) -> Acted:
    """Bring goldens to the current format; those that would say something else by it are left alone."""
    if not desk.folder.path.is_dir():
        return Acted(Done())
    problems: list[Problem] = []

    def take(finished: bool) -> Decision:
        rewrites, found = migrated(desk.folder, steps, current)
        problems.extend(found)
        if rewrites and (open_ones := waiting(desk.folder).proposals):
            raise GoldenMisuse(
                f"{len(open_ones)} changed goldens wait for a decision, and would fit no more: "
                "flujo golden review comes first"
            )
        entry = Entry(at, "migrated", f"to the format flujo-golden/{current}", (), [one.golden for one in rewrites])
        return _decision(desk, entry, rewrites)

    done = decide(desk, take)
    return Acted(done, 0, [*done.problems, *(problem.reason for problem in problems)])


def _refuse_secrets(desk: Desk, reason: str) -> None:
    """As it was given: on the page of changes its letters may be escaped, and a secret not be found among them."""
    scan_of_page(desk.scan).refuse(reason.encode("utf-8", "surrogatepass"), desk.folder.shown(PAGE))


def _decision(desk: Desk, entry: Entry, rewrites: Sequence[Rewrite]) -> Decision:
    root = str(pending_folder(desk.folder))
    return Decision(root, tuple(rewrites), entry_text(entry)) if rewrites else Decision(root)
