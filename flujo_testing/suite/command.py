"""``flujo suite``: the tests of a suite as cases of a queue, over workers here and elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import time
from typing import Annotated

import typer

from flujo.cli.endings import Refused
from flujo.cli.working import rate_of
from flujo.distributed import absent
from flujo_testing.suite.plan import OPTIONS, Plan

suite = typer.Typer(help="Run a suite of tests over many workers, with results that last.", no_args_is_help=True)

Queue = Annotated[
    str, typer.Option("--queue", metavar="URL", help="postgresql://user@host/database: where queue and results are.")
]
Arguments = Annotated[list[str] | None, typer.Argument(help="Arguments of pytest.", show_default=False)]
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@suite.command("run", context_settings=PASSED_ON)
def run(
    queue: Queue,
    arguments: Arguments = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of this run of the suite; the same name again goes on with it.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes to start here.")] = 2,
    at_once: Annotated[int | None, typer.Option("--at-once", min=1, help="At most so many tests, everywhere.")] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="N/SECONDS", help="At most N tests start in so many seconds.")
    ] = None,
) -> None:
    """Queue the tests that pytest collects with these arguments, run them, and report as pytest does.

    Exit codes are pytest's. A test that has a result in the run of this name is told, and not run again.
    """
    named = _name(name) if name is not None else time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    plan = Plan(_url(queue), named, workers, at_once, None if rate is None else rate_of(rate), _cleaned(arguments))
    if name is None:
        typer.echo(f"this run is named {named}: add --name {named} to go on with it, should it be interrupted")
    raise typer.Exit(subprocess.run(plan.command("flujo_testing.suite.telling")).returncode)


@suite.command("work", context_settings=PASSED_ON)
def work(
    queue: Queue,
    name: Annotated[str, typer.Option("--name", help="Of the run of the suite to work for.")],
    arguments: Arguments = None,
    at_once: Annotated[int | None, typer.Option("--at-once", min=1, help="As given to 'flujo suite run'.")] = None,
    rate: Annotated[str | None, typer.Option("--rate", metavar="N/SECONDS", help="As given to it.")] = None,
) -> None:
    """Run tests of a suite that 'flujo suite run' has queued, here, until this process is told to end (SIGTERM).

    It needs the same files and the same arguments of pytest.
    """
    plan = Plan(_url(queue), _name(name), 0, at_once, None if rate is None else rate_of(rate), _cleaned(arguments))
    command = plan.command("flujo_testing.suite.working", *OPTIONS)
    os.execv(command[0], command)


def _cleaned(arguments: list[str] | None) -> tuple[str, ...]:
    return tuple(argument for argument in arguments or () if argument != "--")


def _url(url: str) -> str:
    if why := absent():
        raise Refused(f"flujo suite needs {why}")
    from flujo.errors import MisuseError
    from flujo.stores.postgres.address import checked

    try:
        return checked(url)
    except MisuseError as error:
        raise Refused(str(error)) from error


def _name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) is None:
        raise Refused(f"--name {name!r}: use up to 64 letters, digits, dots, underscores and hyphens")
    return name
