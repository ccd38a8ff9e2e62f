"""Whether a type checker rejects exactly what a program says it does."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tests.types.programs import Line


def disagreements(checker: str, rejects: Collection[Line], errors: Mapping[Line, str]) -> list[str]:
    """One line for each line that is rejected but should not be, and the other way round."""
    missed = {line: f"{line}: {checker} accepts what it should reject" for line in {*rejects} - errors.keys()}
    found = {line: f"{line}: {checker} rejects it: {errors[line]}" for line in errors.keys() - {*rejects}}
    return [text for _, text in sorted({**missed, **found}.items())]


def nothing_seen(accepted: int, rejected: Mapping[str, Collection[Line]]) -> list[str]:
    """A gate that looked at nothing has found nothing, which says nothing."""
    faults = [] if accepted else ["no statement of accepted/ was looked at"]
    return faults + [f"{checker} is to reject no line of rejected/" for checker, lines in rejected.items() if not lines]
