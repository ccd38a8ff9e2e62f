"""``flujo lint-tests``: the lint over files, or over what has changed since a commit."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flujo.cli.endings import CLEAN, FINDINGS, Refused
from flujo_testing.lint.finding import RULES, Finding, Report

if TYPE_CHECKING:
    from rich.console import Console

    from flujo_testing.lint.library import Library


def lint_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Test files, or folders of them. Without any: tests/, or this folder.", show_default=False),
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option("--diff", metavar="BASE", help="Only what became weaker since this commit, and what is new."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="CODE", help="Leave out a rule; may be repeated.")
    ] = None,
    excused: Annotated[bool, typer.Option("--excused", help="Show also what comments excuse.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead of lines.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules and exit.")] = False,
) -> None:
    """Find tests that would not notice if the pipeline, or the engine, lied.

    Nothing is imported and nothing is run. Exit code: 0 nothing was found, 1 something was, 2 it was called wrongly.
    A weak assertion stands where a comment says why: # flujo: loose because ...
    """
    left_out = _known(ignore or [])
    if rules:
        for code, what in RULES.items():
            typer.echo(f"{code}  {what}")
        raise typer.Exit(CLEAN)
    report = _without(linted(paths or [], diff, near=Path.cwd()), left_out)
    if as_json:
        from flujo_testing.lint.show import as_plain

        typer.echo(json.dumps(as_plain(report), indent=2, ensure_ascii=True))
    else:
        _show(report, excused=excused)
    raise typer.Exit(FINDINGS if report.findings else CLEAN)


def linted(paths: list[Path], base: str | None, *, near: Path) -> Report:
    """Raises Refused for a path, a file or a commit that cannot be read."""
    from flujo_testing.lint.diff import lint_diff
    from flujo_testing.lint.git import GitError, repository
    from flujo_testing.lint.library import Library, Unreadable

    missing = [path for path in paths if not (near / path).exists()]
    if missing and base is None:
        raise Refused(f"there is no file or folder {str(missing[0])!r}")
    found = [near / path for path in paths]
    try:
        if base is not None:
            return lint_diff(repository(near, base), found, Library(), near=near.resolve())
        everywhere = [near / "tests" if (near / "tests").is_dir() else near]
        report = _of_files(found or everywhere, Library(), near.resolve())
    except (GitError, Unreadable) as error:
        raise Refused(str(error)) from error
    if not report.files:
        raise Refused(f"there is no test file below {', '.join(map(str, paths)) or 'tests/, or this folder'}")
    return report


def _of_files(paths: list[Path], library: Library, near: Path) -> Report:
    from flujo_testing.lint.library import find_tests
    from flujo_testing.lint.linter import lint_file

    files = list(dict.fromkeys(file.resolve() for path in paths for file in find_tests(path)))
    report = Report()
    for file in files:
        shown = file.relative_to(near).as_posix() if file.is_relative_to(near) else str(file)
        report += lint_file(file, library, shown=shown)
    return report


def _known(codes: list[str]) -> set[str]:
    if unknown := [code for code in codes if code not in RULES]:
        raise Refused(f"there is no rule {unknown[0]!r}; 'flujo lint-tests --rules' lists them")
    return set(codes)


def _without(report: Report, codes: set[str]) -> Report:
    left = tuple(finding for finding in report.findings if finding.code not in codes)
    return Report(left, report.excused, report.files, report.tests)


def _show(report: Report, *, excused: bool) -> None:
    from rich.console import Console

    from flujo_testing.lint.show import counts, lines

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if console.is_terminal:
        _draw(console, report.findings, "bold")
        if excused and report.excused:
            console.print("excused by comments:\n", style="bold")
            _draw(console, report.excused, "dim")
    else:
        for line in lines(report if not excused else Report(report.findings + report.excused)):
            console.print(line)
    console.print(counts(report), style="bold red" if report.findings else "bold green")


def _draw(console: Console, findings: tuple[Finding, ...], style: str) -> None:
    """By file and test: what was found, and below it what to write."""
    from rich.padding import Padding
    from rich.text import Text

    from flujo_testing.lint.show import one_line

    for path, of_file in groupby(findings, key=lambda finding: finding.path):
        console.print(Text(one_line(path), style=f"{style} underline"))
        for finding in of_file:
            head = Text().append(f"{finding.line}:{finding.column}".ljust(8), style="cyan")
            head.append(f"{finding.code}  ", style="yellow").append(one_line(finding.test), style=style)
            console.print(Padding(head, (0, 0, 0, 2)))
            console.print(Padding(Text(one_line(finding.found)), (0, 0, 0, 10)), soft_wrap=False)
            advice = Text().append("write  ", style="dim").append(one_line(finding.write), style="green")
            console.print(Padding(advice, (0, 0, 0, 10)), soft_wrap=False)
        console.print()
