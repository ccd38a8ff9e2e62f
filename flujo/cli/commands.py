"""All commands, made of their entry points, and what happens when one fails. No command is at home here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated, Any

import typer

from flujo.cli.endings import CLEAN, FAULT, INTERRUPTED, USAGE, Refused
from flujo.cli.inert import inert

GROUP = "flujo.commands"
DISTRIBUTION = "flujo-pipelines"


def run(arguments: Sequence[str], entries: Iterable[EntryPoint] | None = None) -> int:
    """Runs one command; gives its exit code. A traceback is shown with ``--debug`` only."""
    app = app_of(entry_points(group=GROUP) if entries is None else entries)
    try:
        app(args=list(arguments), prog_name="flujo")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else USAGE
    except Refused as refused:
        _complain(str(refused))
        return refused.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _leave_pipe()  # who reads our output has seen enough
        return CLEAN
    except Exception as fault:
        if "--debug" in arguments:
            raise
        _complain(f"{type(fault).__name__}: {fault} (a fault of flujo; 'flujo --debug ...' shows where)")
        return FAULT
    return CLEAN


def app_of(entries: Iterable[EntryPoint]) -> typer.Typer:
    """The commands by name. One that cannot be loaded is listed, and says why when it is called."""
    app = typer.Typer(
        help="Pipelines of LLM agents with exact accounting, and golden transcripts to test them by.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for entry in sorted(entries, key=lambda entry: entry.name):
        try:
            command = entry.load()
        except ImportError as error:
            command = _absent(entry.name, error)
        panel = "Tests" if entry.module.startswith("flujo_testing.") else "Commands"
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name, rich_help_panel=panel)
        else:
            app.command(entry.name, rich_help_panel=panel)(command)
    return app


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"flujo {version(DISTRIBUTION)}")
        raise typer.Exit


def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a fault.")] = False,
    tell_version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """Options that stand before the command; ``run`` looks for ``--debug``."""


def _absent(name: str, error: ImportError) -> Callable[..., Any]:
    needs = f"flujo {name} cannot be loaded: {error}"

    def absent(arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        raise Refused(needs)

    absent.__doc__ = f"(not available: {error})"
    return absent


def _leave_pipe() -> None:
    from flujo.cli.console import leave_pipe

    leave_pipe()


def _complain(text: str) -> None:
    sys.stderr.write(f"flujo: {inert(' '.join(text.split()))}\n")
