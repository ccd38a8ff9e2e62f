"""``flujo golden``: reviews changed goldens, for people and scripts. Light until a command is called."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flujo.cli.endings import CLEAN, FINDINGS, SECRET, Refused
from flujo_testing.from_run.command import from_run
from flujo_testing.refusing import refusing
from flujo_testing.report.triage_command import triage

if TYPE_CHECKING:
    from flujo_testing.review.acting import Acted
    from flujo_testing.review.decision import Desk
    from flujo_testing.review.proposals import Waiting

golden = typer.Typer(
    no_args_is_help=True, help="Review changed goldens in groups by what has changed; accept, reject, tidy."
)
golden.command("from-run")(from_run)
golden.command()(triage)

Folder = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", help="The folder of the goldens. Default: as pytest's ini file says."),
]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="DIR", help="Proposals that a run has left with --golden-artifacts=DIR."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON instead of lines.")]
Names = Annotated[
    list[str] | None, typer.Argument(help="Keys of groups; paths of goldens, or their tests.", show_default=False)
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why: it is kept in CHANGES.md.", show_default=False)
]
Everything = Annotated[bool, typer.Option("--all", help="All groups.")]


@golden.command()
def review(folder: Folder = None, source: From = None) -> None:
    """Walk through the groups in the terminal: look at each, then accept, reject or skip it."""
    from flujo_testing.review.keys import is_terminal

    if not is_terminal():
        raise Refused(
            "there is no terminal to review on: 'flujo golden status' and 'flujo golden diff' show the groups, "
            "'flujo golden accept GROUP --reason TEXT' and 'flujo golden reject GROUP --reason TEXT' decide"
        )
    from flujo_testing.review.show import reviewed_lines
    from flujo_testing.review.terminal import review as review_them

    with refusing():
        reviewed = review_them(_desk(folder), _source(source), _now)
    reviewed_lines(reviewed.said, reviewed.problems, reviewed.left)
    raise typer.Exit(FINDINGS if reviewed.problems else CLEAN)


@golden.command()
def status(folder: Folder = None, source: From = None, as_json: AsJson = False) -> None:
    """The groups of changes that wait for a decision, with how many goldens they touch and what they cost."""
    with refusing():
        found = _waiting(folder, source)
    from flujo_testing.review.show import as_plain, table

    if as_json:
        _write(as_plain(found))
    else:
        table(found, source)
    raise typer.Exit(FINDINGS if found.problems else CLEAN)


@golden.command()
def diff(names: Names = None, folder: Folder = None, source: From = None, as_json: AsJson = False) -> None:
    """What has changed in words, then by line: of groups (one example, and the others in words), or of goldens."""
    from flujo_testing.review.deciding import chosen
    from flujo_testing.review.show import as_plain, differences

    with refusing():
        found = _waiting(folder, source)
        choice = chosen(found, names or [], everything=not names)
    if as_json:
        _write(as_plain(found, choice))
    else:
        differences(found, choice)
    raise typer.Exit(FINDINGS if found.problems else CLEAN)


@golden.command()
def accept(
    reason: Reason = "",
    names: Names = None,
    everything: Everything = False,
    folder: Folder = None,
    source: From = None,
    as_json: AsJson = False,
) -> None:
    """Make goldens what is proposed: of a group only what is due to its cause, of a golden everything."""
    _settle("accept", names, everything, reason, folder, source, as_json)


@golden.command()
def reject(
    reason: Reason = "",
    names: Names = None,
    everything: Everything = False,
    folder: Folder = None,
    source: From = None,
    as_json: AsJson = False,
) -> None:
    """Leave goldens as they are, and drop what is proposed; the next run of the tests proposes it again."""
    _settle("reject", names, everything, reason, folder, source, as_json)


@golden.command()
def prune(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    reason: Reason = "no test compares them any more",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Remove the goldens that no test compared in the last complete run of all tests."""
    import sys

    from flujo_testing.review.acting import prunable
    from flujo_testing.review.acting import prune as prune_them

    with refusing():
        desk = _desk(folder)
        rewrites, _ = prunable(desk.folder)
        if rewrites and not yes:
            if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
                raise Refused(f"{len(rewrites)} goldens would be removed and there is no terminal to ask on: add --yes")
            for one in rewrites:
                typer.echo(desk.folder.shown(one.golden))
            if not typer.confirm(f"Remove these {len(rewrites)} goldens?"):
                raise typer.Exit(CLEAN)
        acted = prune_them(desk, reason=reason, at=_now())
    _end(desk, "pruned", acted, as_json)


@golden.command()
def migrate(folder: Folder = None, as_json: AsJson = False) -> None:
    """Bring goldens of older formats to the current one; refused where anything but the format would change."""
    from flujo_testing.review.acting import migrate as migrate_them

    with refusing():
        desk = _desk(folder)
        acted = migrate_them(desk, at=_now())
    _end(desk, "migrated", acted, as_json)


@golden.command()
def scan(folder: Folder = None, as_json: AsJson = False) -> None:
    """Look for secrets, and for files that are no goldens. Exit code: 3 for a secret, 1 for another fault."""
    from flujo_testing.review.scanning import scanned
    from flujo_testing.review.show import findings

    with refusing():
        desk = _desk(folder)
        found = scanned(desk.folder, desk.scan)
    if as_json:
        _write({"files": found.files, "secrets": found.secrets, "corrupt": found.corrupt})
    else:
        findings(found)
    raise typer.Exit(SECRET if found.secrets else FINDINGS if found.corrupt else CLEAN)


def _settle(
    verb: str,
    names: list[str] | None,
    everything: bool,
    reason: str,
    folder: Path | None,
    source: Path | None,
    as_json: bool,
) -> None:
    from flujo_testing.review.acting import settle

    if bool(names) is everything:
        raise Refused(
            f"name groups or goldens ('flujo golden status' lists them), or all of them: flujo golden {verb} --all"
        )
    with refusing():
        desk = _desk(folder)
        root = _source(source)
        acted = settle(desk, root, verb, names or [], reason=reason, at=_now(), everything=everything)
    _end(desk, "accepted" if verb == "accept" else "rejected", acted, as_json)


def _end(desk: Desk, verb: str, acted: Acted, as_json: bool) -> None:
    from flujo_testing.review.show import acted_lines, acted_plain

    if as_json:
        _write(acted_plain(desk.folder, verb, acted))
    else:
        acted_lines(desk.folder, verb, acted)
    raise typer.Exit(FINDINGS if acted.problems else CLEAN)


def _desk(folder: Path | None) -> Desk:
    import os

    from flujo_testing.golden.leak import secrets_in
    from flujo_testing.review.decision import Desk
    from flujo_testing.review.project import folder_of

    return Desk(folder_of(Path.cwd(), folder), secrets_in(os.environ))


def _waiting(folder: Path | None, source: Path | None) -> Waiting:
    from flujo_testing.review.project import folder_of
    from flujo_testing.review.proposals import waiting

    return waiting(folder_of(Path.cwd(), folder), _source(source))


def _source(source: Path | None) -> Path | None:
    if source is not None and not source.is_dir():
        raise Refused(f"there is no folder {str(source)!r}: a run leaves it with --golden-artifacts={source}")
    return None if source is None else source.absolute()


def _now() -> datetime:
    from flujo.overrides import current
    from flujo.runner import SystemClock

    return (current().clock or SystemClock()).utc()


def _write(data: dict[str, Any]) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=True))
