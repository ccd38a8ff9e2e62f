"""What an edit is a sign of: a kind of change, with what is particular to one golden left out.

Where something is new or gone, which step it is does not matter: one change of the engine shows in many steps. Where
a value has become another one, edits are signs of one change if they change the text in the same way, or are made in
the same step of the tests of one file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from flujo.structure import MISSING
from flujo_testing.review.edits import Edit, Table
from flujo_testing.review.spending import payments_in
from flujo_testing.transcript import Difference
from flujo_testing.transcript.plain import same

NEW, GONE, OTHER = "new", "gone", "other"

FAILURES: Final = frozenset({"cancelled", "error", "failed", "invalid", "overrun", "refused", "timeout"})
"""What a section tells of an ask without a usable answer."""
MONEY: Final = frozenset({"paid", "paid_too_late", "price", "usage"})
"""Kinds of what a run pays; the rest of it does not depend on them, unless a limit is in its way."""
LIMITS: Final = frozenset({"limit_passed", "limited", "not_admitted"})
_LEADING: Final = ("verdict", "model", "outcome", "paid", "usage", "price")
# In these a value is the engine's, and other in every golden.
_OF_THE_ENGINE: Final = frozenset({*MONEY, "backoff", "fell_back", "limit_passed", "not_admitted", "order", "spent"})
_NAMED: Final = frozenset({"cache", "model", "outcome", "status"})
"""Where both values are words of the format or names of models, which say what has changed."""
_MAX_TOKENS: Final = 400
_TOKEN: Final = re.compile(r"\w+|\s+|[^\w\s]")
_ASK: Final = re.compile(r"(^|/)(attempt|redirect|plugin|request):.*")
_NUMBER: Final = re.compile(r"\b(item|iteration):[^/]*")

Sign = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signs:
    """``kind`` as in ``Difference``, ``turn`` new, gone or other. One of ``marks`` in common: one cause."""

    kind: str
    turn: str
    marks: frozenset[Sign]


def signs_of(edit: Edit, file: str) -> Signs:
    """``file``: the test file of the golden."""
    kind = leading(edit).kind
    turn = _turn(edit.differences)
    if edit.renamed is not None:
        return Signs(kind, OTHER, frozenset({("renamed", kind, *edit.renamed)}))
    if kind == "order":
        return Signs(kind, turn, frozenset({(kind, ordered(edit))}))
    if kind in MONEY:
        payer, fate = payer_of(edit)
        turn = _turn_of_payments(edit) if kind.startswith("paid") else turn
        return Signs(kind, turn, frozenset({_of_payments(edit, kind, turn, payer, fate)}))
    if kind in _NAMED:
        return Signs(kind, turn, frozenset({(kind, *map(_word, _values(leading(edit))))}))
    if kind == "verdict":
        return Signs(kind, turn, frozenset({(kind, *map(judgement, edit.values(edit.keys[0])))}))
    if turn != OTHER or kind in _OF_THE_ENGINE or _is_rerouted(edit):
        return Signs(kind, turn, frozenset({(kind, turn)}))
    return Signs(
        kind,
        turn,
        frozenset({(kind, turn, "in", file, step_of(leading(edit))), *_rewording(edit, kind)}),
    )


def leading(edit: Edit) -> Difference:
    """The difference that says most about an edit: what is paid follows from the model, and not the other way."""
    ranked = [one for kind in _LEADING for one in edit.differences if one.kind == kind]
    return ranked[0] if ranked and edit.keys[0:1] != ("context",) else edit.differences[0]


def step_of(difference: Difference) -> str:
    """The path of the step in which it shows, of any item or iteration; empty for the run itself."""
    return of_any_number(_ASK.sub("", difference.path))


def of_any_number(path: str) -> str:
    """The path with one name for all items, or iterations, of a step: ``many/item:*/each``."""
    return _NUMBER.sub(r"\1:*", path)


def ordered(edit: Edit) -> str:
    """What comes in another order: plugins, branches, keys, ..."""
    return leading(edit).text.partition(" ")[0]


def judgement(told: Any) -> str:
    """The words of a verdict without its texts: accepted, rejected, redirect_to feedback, ..."""
    return " ".join(key for key in told if key != "paid") if type(told) is dict else _word(told)


def payer_of(edit: Edit) -> tuple[str, str]:
    """Who pays (attempt, redirect, plugin, step) and what became of it (failed, accepted)."""
    if edit.keys[0].startswith("plugin "):
        return "plugin", "accepted"
    kind = edit.where[-1].partition(" ")[0] if edit.where else "run"
    if kind not in ("attempt", "redirect"):
        return "step", "accepted"
    gone, new = _payments_moved(edit)
    all_failed = bool(gone or new) and all(payment.get("outcome", "ok") != "ok" for payment in (*gone, *new))
    return kind, "failed" if all_failed or _has_failed(edit.before) or _has_failed(edit.after) else "accepted"


def _has_failed(section: Table) -> bool:
    return any(
        key in FAILURES
        or (key.startswith("plugin ") and type(value) is dict and not {"rejected", "crashed"}.isdisjoint(value))
        for key, value in section.items()
    )


def _payments_moved(edit: Edit) -> tuple[list[Table], list[Table]]:
    """Those that are gone, and those that are new."""
    was, now = (payments_in(edit, edit.keys[0], value) for value in edit.values(edit.keys[0]))
    gone, new = list(was), []
    for payment in now:
        at = next((at for at, other in enumerate(gone) if same(payment, other)), None)
        if at is None:
            new.append(payment)
        else:
            del gone[at]
    return gone, new


def _turn_of_payments(edit: Edit) -> str:
    gone, new = _payments_moved(edit)
    return OTHER if bool(gone) is bool(new) else GONE if gone else NEW


def _of_payments(edit: Edit, kind: str, turn: str, payer: str, fate: str) -> Sign:
    if kind == "price":
        return (kind,)
    if kind == "usage":
        return kind, *sorted({one.text.split(" ")[1] for one in edit.differences if one.kind == kind})
    return kind, turn, payer, fate


def _turn(differences: tuple[Difference, ...]) -> str:
    if all(one.before is MISSING and one.after is not MISSING for one in differences):
        return NEW
    if all(one.after is MISSING and one.before is not MISSING for one in differences):
        return GONE
    return OTHER


def _values(difference: Difference) -> tuple[Any, Any]:
    return difference.before, difference.after


def _word(value: Any) -> str:
    return value if type(value) is str else repr(value)


def _is_rerouted(edit: Edit) -> bool:
    """Whether a value comes from elsewhere, instead of being another one."""
    return any(key.endswith("_from") for key in edit.keys)


def _rewording(edit: Edit, kind: str) -> set[Sign]:
    """How the words of texts were changed; nothing where no word has stayed, or there is no word."""
    pairs = [_texts(one) for one in edit.differences]
    changes = [change for pair in pairs if pair is not None for change in _reworded(*pair)]
    if (
        None in pairs
        or not changes
        or not any(letter.isalnum() for change in changes for text in change for letter in text)
    ):
        return set()
    return {(kind, "words", *(text for change in changes for text in change))}


def _texts(difference: Difference) -> tuple[str, str] | None:
    one, other = difference.before, difference.after
    return (one, other) if type(one) is str and type(other) is str else None


def _reworded(before: str, after: str) -> list[tuple[str, str]]:
    one, other = (_TOKEN.findall(text) for text in (before, after))
    if max(len(one), len(other)) > _MAX_TOKENS:
        return []
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    stays = any(tag == "equal" and any(token.strip() for token in one[start:end]) for tag, start, end, _, _ in blocks)
    changed = [("".join(one[a:b]), "".join(other[c:d])) for tag, a, b, c, d in blocks if tag != "equal"]
    return changed if stays else []
