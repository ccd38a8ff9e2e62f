"""``flujo golden triage``: the red tests of the last run by cause."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flujo.cli.endings import CLEAN, FINDINGS, Refused
from flujo.cli.inert import inert

if TYPE_CHECKING:
    from flujo_testing.report.record import Cause, SuiteRecord


def triage(
    key: Annotated[
        str | None,
        typer.Argument(metavar="[CAUSE]", help="List the tests of one cause, by its key.", show_default=False),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Where a run left it: with --golden-artifacts, or in a cache of pytest elsewhere.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead of lines.")] = False,
) -> None:
    """Tell why the tests of the last red run are red: a few causes instead of many tests.

    Exit code: 0 no red run is kept, 1 one is, 2 it was called wrongly.
    """
    record = _last_run(folder)
    if record is None:
        if key is not None:
            raise Refused("no red run is kept here, so there are no causes: run pytest first")
        typer.echo(json.dumps({"causes": []}) if as_json else "no red run is kept here")
        raise typer.Exit(CLEAN)
    causes = record.causes if key is None else (_named(record, key),)
    if as_json:
        typer.echo(json.dumps(_plain(record, causes), indent=2))
    elif key is None:
        _show(record)
    else:
        typer.echo("\n".join(map(inert, causes[0].tests)))
    raise typer.Exit(FINDINGS)


def _last_run(folder: Path | None) -> SuiteRecord | None:
    from flujo_testing.golden.errors import GoldenError
    from flujo_testing.report.last_run import FILE, kept_in, read_record
    from flujo_testing.report.record import RecordUnreadable
    from flujo_testing.review.project import folder_of

    try:
        record = read_record(kept_in(folder_of(Path.cwd(), None).anchor) if folder is None else folder.absolute())
    except (GoldenError, RecordUnreadable) as error:
        raise Refused(str(error)) from None
    if record is None and folder is not None:
        raise Refused(f"{folder / FILE} does not exist: --from names a folder that a red run left (--golden-artifacts)")
    return record


def _named(record: SuiteRecord, key: str) -> Cause:
    found = [cause for cause in record.causes if cause.key == key]
    if not found:
        known = ", ".join(cause.key for cause in record.causes) or "none"
        raise Refused(f"the last red run has no cause {key!r}; it has: {known}")
    return found[0]


def _show(record: SuiteRecord) -> None:
    from flujo_testing.report.show import headline, lines

    typer.echo(inert(f"run of {record.started_at}: {headline(record)}"))
    for line in lines(record):
        typer.echo(line)


def _plain(record: SuiteRecord, causes: tuple[Cause, ...]) -> dict[str, Any]:
    return {
        "started_at": record.started_at,
        "tests": len(record.cases),
        "red": len(record.red),
        "causes": [asdict(cause) for cause in causes],
    }
