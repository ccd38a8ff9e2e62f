"""Why one test is red, said so that tests that are red for one reason say the same. Golden mismatches: ``causes.py``.

What is particular to a test (values, names, addresses) is left out of a sign, so it can be held against others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from flujo.entries import step_path
from flujo.errors import RunError, StepFailedError
from flujo_testing.agents.errors import FakeError
from flujo_testing.conservation import ConservationError
from flujo_testing.golden.errors import GoldenError, GoldenMismatch
from flujo_testing.golden.inert import inert
from flujo_testing.report.places import Place, place_of

GOLDEN: Final = "golden"
_RANKS: Final = {"law": 0, "fake": 1}
"""Such an error is told first, wherever a test has failed, too: it explains the others."""

_LONGEST_TITLE: Final = 200
_LONGEST_MESSAGE: Final = 4_000
_QUOTED: Final = re.compile(r"""(?<!\w)(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")""")
_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]+\b")
_NUMBER: Final = re.compile(r"(?<![\w.])[+-]?\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?")
_LISTED: Final = re.compile(r"(…|N)(?:, \1)+")
_WHERE: Final = re.compile(r" \+ +(?:where|and) ")
_ATTRIBUTE: Final = re.compile(r"\)\.(\w+)$")
_PATH: Final = re.compile(r"StepResult\(name='[^']*', path='([^']*)'")
_USERS: Final = frozenset({"output", "context", "error", "feedback"})
"""Attributes of a result whose values come from the pipeline, not from the engine."""
_THE_RUN: Final = frozenset({"", "the run"})


@dataclass(frozen=True, slots=True)
class Sign:
    """Equal ``key``: one cause. ``steps`` are paths of the steps that it names, ``example`` is what the test says."""

    key: str
    kind: str
    title: str
    example: str
    steps: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        return _RANKS.get(self.kind, len(_RANKS))


def sign_of(error: BaseException, root: Path) -> Sign:
    """What the error says of its cause. ``root`` is the folder that the user's code lies in."""
    reason = reason_of(error)
    match reason:
        case ConservationError() if reason.violations:
            return _of_laws(reason.violations)
        case FakeError():
            said = _first((type(reason).__doc__ or "").strip()).rstrip(".") or type(reason).__name__
            said = said[0].lower() + said[1:]
            return sign("fake", said, _text(reason), type(reason).__name__, steps=_steps([reason.path or ""]))
        case GoldenMismatch():
            return sign(GOLDEN, "a run tells another story than its golden", _text(reason))
        case GoldenError():
            return sign(GOLDEN, f"{type(reason).__name__}: {normal(_first(_text(reason)))}", _text(reason))
        case AssertionError() | pytest.fail.Exception():
            return _of_assertion(_text(reason), place_of(reason, root))
    steps = [error.path] if isinstance(error, RunError) else []
    return _of_error(type(reason).__name__, _text(reason), place_of(reason, root), _steps(steps))


def sign_of_text(text: str, place: Place | None) -> Sign:
    """The same of what pytest kept of an error, ``flujo.errors.MisuseError: no such step``: it may be all there is."""
    name, colon, message = text.partition(": ")
    if text.startswith("assert ") or name in ("AssertionError", "Failed"):
        return _of_assertion(message if colon and name in ("AssertionError", "Failed") else text, place)
    return _of_error(name.rpartition(".")[2], message, place, ())


def strongest(signs: Sequence[Sign]) -> Sign:
    """Of those that one test gave, in the order of its phases, the one that it is told under."""
    return min(signs, key=lambda one: one.rank)


def reason_of(error: BaseException) -> BaseException:
    """What is behind an error that only carries another one."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = min(error.exceptions, key=lambda one: _RANKS.get(_carried(one), len(_RANKS)))
        elif isinstance(error, StepFailedError):
            error = error.cause
        elif isinstance(error, pytest.fail.Exception) and isinstance(error.__context__, GoldenError):
            error = error.__context__
        else:
            return error


def message_of(error: BaseException) -> str:
    """The error in full, made inert."""
    name = "" if isinstance(error, AssertionError | pytest.fail.Exception) else f"{type(error).__name__}: "
    return message_of_text(name + _text(error)) or type(error).__name__


def message_of_text(text: str) -> str:
    return shortened(inert(text), _LONGEST_MESSAGE)


def sign(kind: str, title: str, example: str, *identity: str, steps: Iterable[str] = ()) -> Sign:
    """``identity`` is what the key is made of, the title if there is nothing else; a line of the example is kept."""
    parts = "\0".join((kind, *(identity or (title,))))
    key = hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return Sign(key, kind, one_line(title), one_line(_first(example)), tuple(sorted(set(steps))))


def normal(text: str) -> str:
    """The text without quoted words, numbers and addresses; a list of several is as long as any other."""
    blank = _NUMBER.sub("N", _ADDRESS.sub("…", _QUOTED.sub("…", text)))
    return _LISTED.sub(r"\1, …", blank)


def one_line(text: str) -> str:
    return shortened(" ".join(inert(text).split()), _LONGEST_TITLE)


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _of_error(name: str, message: str, place: Place | None, steps: Iterable[str]) -> Sign:
    """By type and place, whatever it says."""
    at = "" if place is None else f", at {place}"
    first = _first(message)
    said, says = (f"{name}: {told}".removesuffix(": ") for told in (normal(first), first))
    return sign("error", said + at, says, name, at, steps=steps)


# Laws and assertions ------------------------------------------------------------------------------------


def _of_laws(violations: tuple[str, ...]) -> Sign:
    """By the first violation: it is where the run goes wrong, and the sums that follow are wrong with it."""
    split = [violation.partition(": ") for violation in violations]
    said = normal(split[0][2] or split[0][0])
    return sign("law", said, violations[0], said, steps=_steps(path for path, _, _ in split))


def _of_assertion(text: str, place: Place | None) -> Sign:
    """One place of one assertion; what is asserted of a run's result is one thing wherever it is asserted."""
    first = _first(text)
    said = normal(first) or "an assertion"
    if (of := _of_a_result(text)) is not None:
        thing, path = of
        return sign("assertion", f"{thing}: {said}", first, thing, steps=_steps([path]))
    at = "" if place is None else f", at {place}"
    return sign("assertion", said + at, first)


def _of_a_result(text: str) -> tuple[str, str] | None:
    """What the engine says of a run or a step that the assertion is about, and the path of the step."""
    for line in text[:_LONGEST_MESSAGE].splitlines():
        attribute = _ATTRIBUTE.search(line) if _WHERE.match(line) else None
        if attribute is None or attribute[1] in _USERS:
            continue
        if " = PipelineResult(" in line:
            return f"result.{attribute[1]}", ""
        if " = StepResult(" in line:
            path = _PATH.search(line)
            return f"step.{attribute[1]}", "" if path is None else path[1]
    return None


def _steps(paths: Iterable[str]) -> Iterator[str]:
    """Of paths of asks and ids of entries, which begin with the id of a run."""
    for path in paths:
        asked, separator, _ = path.rpartition("/request:")
        declared = step_path(asked.partition("/")[2] if separator else path)
        if declared not in _THE_RUN:
            yield inert(declared)


def _carried(error: BaseException) -> str:
    match reason_of(error):
        case ConservationError():
            return "law"
        case FakeError():
            return "fake"
    return ""


def _first(text: str) -> str:
    return text.partition("\n")[0]


def _text(error: BaseException) -> str:
    """With its notes. What users raise may refuse to be told."""
    notes: list[object] = getattr(error, "__notes__", [])  # Python sets it with the first note
    try:
        return "\n".join(map(str, [error, *notes]))
    except Exception as broken:
        return f"its text cannot be made ({type(broken).__name__})"
