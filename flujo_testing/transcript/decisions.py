"""What differs in decisions, questions and caches, said in words; empty where a difference is no ordinary one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from flujo.structure import MISSING
from flujo_testing.transcript.difference import Difference, short

Found = Iterator[Difference]


def _condition(path: str, key: str, before: Any, after: Any) -> Found:
    if MISSING not in (before, after) and short(before) != short(after):
        text = f"{path} decided {short(after)} instead of {short(before)}"
        yield Difference("decision", path, before, after, text)


def _exit(path: str, key: str, before: Any, after: Any) -> Found:
    if type(before) is bool and type(after) is bool:
        became = "now ends its loop" if after else "no longer ends its loop"
        yield Difference("decision", path, before, after, f"{path} {became}")


def _selection(path: str, key: str, before: Any, after: Any) -> Found:
    if not all(type(names) is list and all(type(name) is str for name in names) for names in (before, after)):
        return
    for name in before:
        if name not in after:
            yield Difference("decision", path, name, MISSING, f"{path} no longer selects {short(name)}")
    for name in after:
        if name not in before:
            yield Difference("decision", path, MISSING, name, f"{path} now selects {short(name)}")


def _question(path: str, key: str, before: Any, after: Any) -> Found:
    if before is MISSING:
        yield Difference("question", path, before, after, f"{path} now asks {short(after)}")
    elif after is MISSING:
        yield Difference("question", path, before, after, f"{path} no longer asks {short(before)}")


def _answer(path: str, key: str, before: Any, after: Any) -> Found:
    if before is MISSING:
        yield Difference("answer", path, before, after, f"{path} is now answered: {short(after)}")
    elif after is MISSING:
        yield Difference("answer", path, before, after, f"{path} is no longer answered: {short(before)}")


def _cache(path: str, key: str, before: Any, after: Any) -> Found:
    if (before, after) == ("hit", "miss"):
        yield Difference("cache", path, before, after, f"{path} is no longer taken from the cache")
    elif (before, after) == ("miss", "hit"):
        yield Difference("cache", path, before, after, f"{path} is now taken from the cache")


TELL_DECISION: Final[dict[str, Callable[[str, str, Any, Any], Found]]] = {
    "answer": _answer,
    "cache": _cache,
    "condition": _condition,
    "exit_condition": _exit,
    "question": _question,
    "select": _selection,
}
