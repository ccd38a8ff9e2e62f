"""Changed goldens in a terminal and as plain data. Everything shown is inert."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flujo.money import show_usd
from flujo_testing.golden.failure import line_diff
from flujo_testing.golden.inert import inert
from flujo_testing.golden.location import GoldenFolder
from flujo_testing.review.acting import Acted
from flujo_testing.review.deciding import Choice
from flujo_testing.review.groups import Changed, Group, Instance, composed, words
from flujo_testing.review.page import money
from flujo_testing.review.proposals import Waiting
from flujo_testing.review.scanning import Scanned

MAX_WORDS: Final = 12
"""Differences of one golden that are shown in words, where the lines follow."""
_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def table(waiting: Waiting, source: Path | None) -> None:
    """One line per group, what to type next, and what cannot be decided about."""
    console = console_of()
    groups = waiting.sorting.groups
    if groups:
        rows = Table(box=None, header_style="bold", pad_edge=False)
        rows.add_column("group", style="cyan", no_wrap=True)
        rows.add_column("what has changed", overflow="fold")
        rows.add_column("goldens", justify="right")
        rows.add_column("USD", justify="right", no_wrap=True)
        for group in groups:
            rows.add_row(group.key, Text(inert(group.title)), str(len(group.instances)), _signed(group))
        console.print(rows, soft_wrap=False)
        console.print()
    _problems(console, [problem.reason for problem in waiting.problems])
    console.print(_counted(waiting), style="bold")
    if groups:
        option = "" if source is None else f" --from {source}"
        console.print(f"next: flujo golden review{option}", style="dim")


def differences(waiting: Waiting, choice: Choice) -> None:
    """Of each group one example in words and by line, and the others in words; of each golden all of it."""
    console = console_of()
    for group in waiting.sorting.groups:
        if group.key in choice.causes:
            console.print(head_of(group))
            for at, instance in enumerate(group.instances):
                print_instance(console, waiting, group, instance, by_line=at == 0)
            console.print()
    for golden in sorted(choice.goldens):
        changed = waiting.proposals[golden].changed
        console.print(Text(waiting.folder.shown(golden), style="bold"))
        for group in waiting.sorting.groups:
            for instance in group.instances:
                if instance.golden == golden:
                    console.print(Text(f"  {inert(group.title)} ({group.key})", style="yellow"))
                    _words(console, instance.texts)
        print_lines(console, changed.before, changed.after)
        console.print()
    _problems(console, [problem.reason for problem in waiting.problems])


def head_of(group: Group) -> Text:
    goldens = number(len(group.instances), "golden")
    paid = f", {money(group.usd)}" if group.usd else ""
    return Text.assemble((inert(group.title), "bold"), (f": {goldens}{paid} ", ""), (f"({group.key})", "dim"))


def print_instance(console: Console, waiting: Waiting, group: Group, instance: Instance, *, by_line: bool) -> None:
    """One golden, with what is due to the group's cause and nothing else."""
    paid = f"  {money(instance.usd)}" if instance.usd else ""
    console.print(Text.assemble((waiting.folder.shown(instance.golden), "cyan"), (paid, "dim")))
    case = next(one for one in waiting.sorting.cases if one.changed.golden == instance.golden)
    _words(console, words(case, group.key))
    if by_line:
        print_lines(console, case.changed.before, composed(case, group.key.__eq__))


def print_lines(console: Console, before: str | None, after: str | None) -> None:
    for line in styled_lines(before, after):
        console.print(line)


def styled_lines(before: str | None, after: str | None) -> Iterator[Text]:
    for line in lines_of(before, after):
        yield Text(f"    {inert(line)}", style=_STYLES.get(line[:1], "dim"))


def lines_of(before: str | None, after: str | None) -> Iterator[str]:
    """The diff by line, without the names of the two files."""
    for line in line_diff(before or "", after or ""):
        if not line.startswith(("---", "+++")):
            yield line


def acted_lines(folder: GoldenFolder, verb: str, acted: Acted) -> None:
    console = console_of()
    if acted.done.finished:
        console.print("finished what an interrupted command had begun", style="yellow")
    for golden in acted.done.removed:
        console.print(Text(f"removed {folder.shown(golden)}"))
    _problems(console, acted.problems)
    changed = len(acted.done.written) + len(acted.done.removed)
    console.print(f"{verb}: {number(changed, 'golden')} changed, {acted.left} left", style="bold")


def reviewed_lines(said: list[str], problems: list[str], left: int) -> None:
    console = console_of()
    for line in said:
        console.print(Text(inert(line)))
    _problems(console, problems)
    console.print(f"{number(left, 'changed golden')} left", style="bold")


def acted_plain(folder: GoldenFolder, verb: str, acted: Acted) -> dict[str, Any]:
    return {
        "did": verb,
        "written": [folder.shown(golden) for golden in acted.done.written],
        "removed": [folder.shown(golden) for golden in acted.done.removed],
        "finished_an_interrupted_command": acted.done.finished,
        "left": acted.left,
        "problems": acted.problems,
    }


def findings(found: Scanned) -> None:
    console = console_of()
    _problems(console, [*found.secrets, *found.corrupt])
    style = "bold red" if found.secrets or found.corrupt else "bold green"
    counts = f"{found.files} files, {len(found.secrets)} with a secret, {len(found.corrupt)} that cannot be read"
    console.print(counts, style=style)


def as_plain(waiting: Waiting, choice: Choice | None = None) -> dict[str, Any]:
    """Groups, goldens and problems; with the diff by line of what was chosen."""
    return {
        "groups": [
            _group(waiting, group)
            for group in waiting.sorting.groups
            if choice is None or group.key in choice.causes or not choice.goldens.isdisjoint(group.goldens)
        ],
        "goldens": [
            _golden(waiting, case.changed, case.causes, by_line=choice is not None)
            for case in waiting.sorting.cases
            if choice is None or case.changed.golden in choice.goldens or not choice.causes.isdisjoint(case.causes)
        ],
        "problems": [{"golden": waiting.folder.shown(one.golden), "reason": one.reason} for one in waiting.problems],
    }


def _group(waiting: Waiting, group: Group) -> dict[str, Any]:
    return {
        "key": group.key,
        "title": group.title,
        "kind": group.kind,
        "steps": list(group.steps),
        "usd": show_usd(group.usd),
        "goldens": [
            {"golden": waiting.folder.shown(one.golden), "usd": show_usd(one.usd), "differences": list(one.texts)}
            for one in group.instances
        ],
    }


def _golden(waiting: Waiting, changed: Changed, causes: tuple[str, ...], *, by_line: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "golden": waiting.folder.shown(changed.golden),
        "test": changed.test,
        "groups": list(causes),
    }
    return told | ({"diff": list(lines_of(changed.before, changed.after))} if by_line else {})


def _words(console: Console, texts: tuple[str, ...]) -> None:
    for text in texts[:MAX_WORDS]:
        console.print(Text(f"  {inert(text)}"))
    if len(texts) > MAX_WORDS:
        console.print(Text(f"  ... and {len(texts) - MAX_WORDS} more differences", style="dim"))


def _problems(console: Console, problems: list[str]) -> None:
    for problem in problems:
        console.print(Text(inert(problem), style="red"))


def _counted(waiting: Waiting) -> str:
    if not waiting.sorting.cases and not waiting.problems:
        return "no golden has changed"
    groups, goldens = len(waiting.sorting.groups), len(waiting.sorting.cases)
    told = f"{number(groups, 'group')} over {number(goldens, 'changed golden')}"
    return f"{told}, {len(waiting.problems)} that cannot be decided about" if waiting.problems else told


def number(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def _signed(group: Group) -> str:
    return money(group.usd).removesuffix(" USD") if group.usd else ""


def console_of() -> Console:
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
