"""``flujo golden review``: walks through the groups in a terminal, one screen each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from flujo_testing.golden.errors import GoldenError
from flujo_testing.golden.inert import inert
from flujo_testing.review.acting import settle
from flujo_testing.review.decision import Desk
from flujo_testing.review.groups import composed, words
from flujo_testing.review.keys import read_key, single_keys, whole_lines
from flujo_testing.review.page import money
from flujo_testing.review.proposals import waiting
from flujo_testing.review.show import console_of, head_of, number, styled_lines
from flujo_testing.review.walk import KEYS, SINGLE_KEYS, Settle, Walk

_DONE: Final = {"accept": "accepted", "reject": "rejected"}
_HELP: Final = (
    "a        accept this group, with a reason: only what is due to its cause is written",
    "r        reject it: the goldens stay, and it is proposed no more until the tests run again",
    "s        skip it: it waits for the next review",
    "d enter  the next golden in which it shows",
    "g        the goldens of this group one by one, each with all that has changed in it",
    "u        back: from single goldens to the group, or to the group before",
    "space b  read on, and back (also the arrows)",
    "q        quit: what was decided stays decided",
)


@dataclass(slots=True)
class Reviewed:
    """What somebody has done in a review, in sentences, and what was left alone because it could not be done."""

    said: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left: int = 0


def review(desk: Desk, root: Path | None, now: Callable[[], datetime]) -> Reviewed:
    """Show groups and do what keys say, until there are no more or somebody quits."""
    console = console_of()
    walk = Walk(waiting(desk.folder, root))
    reviewed = Reviewed()
    said = ""
    with console.screen(hide_cursor=False), single_keys():
        while not walk.is_over:
            _draw(console, walk, said)
            said = ""
            if (wish := walk.press(read_key())) is not None:
                said = _done(desk, root, walk, wish, reviewed, now)
    reviewed.left = len(walk.waiting.proposals)
    reviewed.problems += [problem.reason for problem in walk.waiting.problems]
    return reviewed


def _done(
    desk: Desk, root: Path | None, walk: Walk, wish: Settle, reviewed: Reviewed, now: Callable[[], datetime]
) -> str:
    """Ask for the reason and do it; what is to be said about it."""
    reason = _ask(f"why {wish.verb}? (nothing: don't) ")
    if not reason.strip():
        return f"not {_DONE[wish.verb]}: no reason was given"
    try:
        acted = settle(desk, root, wish.verb, wish.choice, reason=reason, at=now())
    except GoldenError as error:
        return str(error)
    said = f"{_DONE[wish.verb]}: {wish.what}"
    if acted.done.written:
        said += f" ({number(len(acted.done.written), 'golden')} written)"
    reviewed.said.append(said)
    reviewed.problems += acted.done.problems
    walk.settled(waiting(desk.folder, root))
    return said


def _ask(question: str) -> str:
    try:
        with whole_lines():
            return input(question)
    except (KeyboardInterrupt, EOFError):
        return ""


# The screen ---------------------------------------------------------------------------------------------


def _draw(console: Console, walk: Walk, said: str) -> None:
    """Head, as much of the body as fits from the page that is read, and the keys."""
    width, height = console.size
    head = _wrapped(console, _head(walk), width)
    foot = _wrapped(console, [Text(inert(said), style="green"), _keys(walk)], width)
    body = _wrapped(console, list(_help() if walk.helping else _body(walk)), width)
    room = max(1, height - len(head) - len(foot) - 2)
    walk.page = min(walk.page, (len(body) - 1) // room)
    shown = body[walk.page * room : (walk.page + 1) * room]
    more = len(body) - (walk.page + 1) * room
    shown += [Text()] * (room - len(shown))
    console.clear()
    for line in [*head, *shown, Text(f"-- {more} more lines: space --" if more > 0 else "", style="dim"), *foot]:
        console.print(line)


def _head(walk: Walk) -> list[Text]:
    place = f"group {walk.group + 1} of {len(walk.groups)}"
    if walk.single:
        place += f", single golden {walk.example + 1} of {len(walk.here.instances)}"
    lines = [Text(place, style="dim"), head_of(walk.here)]
    if walk.here.steps:
        lines.append(Text(f"in {inert(', '.join(walk.here.steps))}", style="dim"))
    return [*lines, Text()]


def _body(walk: Walk) -> Iterator[Text]:
    changed, golden = walk.case.changed, walk.waiting.folder.shown(walk.instance.golden)
    if walk.single:
        yield Text(golden, style="cyan")
        for group in walk.groups:
            for instance in group.instances:
                if instance.golden == changed.golden:
                    yield head_of(group)
                    yield from (Text(f"  {inert(text)}") for text in instance.texts)
        yield Text()
        yield from styled_lines(changed.before, changed.after)
        return
    paid = f"  {money(walk.instance.usd)}" if walk.instance.usd else ""
    example = f"  (example {walk.example + 1} of {len(walk.here.instances)})"
    yield Text.assemble((golden, "cyan"), (paid, ""), (example, "dim"))
    yield from (Text(f"  {inert(text)}") for text in words(walk.case, walk.here.key))
    yield Text()
    yield from styled_lines(changed.before, composed(walk.case, walk.here.key.__eq__))


def _help() -> Iterator[Text]:
    yield from (Text(line) for line in _HELP)


def _keys(walk: Walk) -> Text:
    told = Text()
    for key, what in (SINGLE_KEYS if walk.single else KEYS).items():
        told.append(key, style="bold").append(f" {what}  ")
    told.rstrip()
    return told


def _wrapped(console: Console, texts: list[Text], width: int) -> list[Text]:
    """Nothing is cut off: what is too long goes on in the next line."""
    return [line for text in texts for line in (text.wrap(console, width) if text.plain else [Text()])]
