"""``flujo cassette``: what was recorded, for people and scripts. Light until a command is called."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flujo.cli.endings import CLEAN, FINDINGS, SECRET, Refused
from flujo_testing.refusing import refusing

if TYPE_CHECKING:
    from flujo_testing.cassette.library import Held
    from flujo_testing.cassette.shelf import Shelf

cassette = typer.Typer(no_args_is_help=True, help="List, show, import, check and tidy recorded answers.")

Folder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="The folder of the cassettes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON instead of lines.")]
Name = Annotated[str, typer.Argument(help="A cassette, or the test that owns it.", show_default=False)]
CASSETTES = Path("cassettes")


@cassette.command("list")
def list_cassettes(folder: Folder = CASSETTES, as_json: AsJson = False) -> None:
    """Every cassette with its test, answers, tokens and models."""
    from flujo_testing.cassette.library import cassettes

    with _refusing():
        shelf = _shelf(folder)
        found = list(cassettes(shelf))
    if as_json:
        _write([_summary(shelf, held) for held in found])
        return
    from flujo_testing.cassette.show import table

    table([_summary(shelf, held) for held in found])


@cassette.command()
def show(name: Name, folder: Folder = CASSETTES, as_json: AsJson = False) -> None:
    """What one cassette holds: where each request was asked, what it asked, what came back."""
    with _refusing():
        shelf = _shelf(folder)
        held = _named(shelf, name)
    if as_json:
        exchanges = [{"at": one.at, "request": one.request, "answer": one.answer} for one in held.exchanges]
        _write({**_summary(shelf, held), "exchanges": exchanges})
        return
    from flujo_testing.cassette.show import story

    story(_summary(shelf, held), held.exchanges)


@cassette.command("import")
def import_recording(
    recording: Annotated[Path, typer.Argument(help="A VCR recording (YAML).", show_default=False)],
    test: Annotated[str, typer.Option("--test", metavar="NODE_ID", help="The test that will play it.")],
    folder: Folder = CASSETTES,
) -> None:
    """Make a cassette of what VCR has recorded. It answers the same requests, wherever a test sends them."""
    from flujo_testing.cassette.foreign import imported
    from flujo_testing.cassette.library import test_named
    from flujo_testing.cassette.shelf import cassette_of

    with _refusing():
        shelf = _shelf(folder)
        path = cassette_of(test_named(test))
        if (shelf.path / path).exists():
            raise Refused(f"{shelf.shown(path)} exists already: 'flujo cassette show' tells what it holds")
        exchanges = imported(recording)
        shelf.keep(path, test, exchanges)
    typer.echo(f"{shelf.shown(path)}: {len(exchanges)} answers imported")


@cassette.command()
def scan(folder: Folder = CASSETTES, as_json: AsJson = False) -> None:
    """Look for secrets, and for files that are no cassettes. Exit code: 3 for a secret, 1 for another fault."""
    from flujo_testing.cassette.library import scanned

    with _refusing():
        shelf = _shelf(folder)
        files, secrets, corrupt = scanned(shelf)
    if as_json:
        _write({"files": files, "secrets": secrets, "corrupt": corrupt})
    else:
        from flujo_testing.cassette.show import findings

        findings(files, secrets, corrupt)
    raise typer.Exit(SECRET if secrets else FINDINGS if corrupt else CLEAN)


@cassette.command()
def prune(
    folder: Folder = CASSETTES,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove the cassettes of tests that are gone. Answers that no test asks for go with --flujo-prune-cassettes."""
    from flujo_testing.cassette.library import cassettes, owner_is_gone, remove

    with _refusing():
        shelf = _shelf(folder)
        gone = [held for held in cassettes(shelf) if owner_is_gone(shelf, held)]
        for held in gone:
            if not dry_run:
                remove(shelf, held)
    if as_json:
        _write({"removed" if not dry_run else "would_remove": [_summary(shelf, held) for held in gone]})
        return
    for held in gone:
        typer.echo(f"{'would remove' if dry_run else 'removed'} {shelf.shown(held.path)}: {held.owner} is gone")
    typer.echo(f"{len(gone)} without a test")


@cassette.command()
def rename(name: Name, test: Annotated[str, typer.Argument(help="Its new test.")], folder: Folder = CASSETTES) -> None:
    """Give a cassette to another test, or to the same one under its new name."""
    from flujo_testing.cassette.library import move

    with _refusing():
        shelf = _shelf(folder)
        held = _named(shelf, name)
        path = move(shelf, held, test)
    typer.echo(f"{shelf.shown(held.path)} -> {shelf.shown(path)}")


@cassette.command()
def seal(name: Name, folder: Folder = CASSETTES) -> None:
    """Accept what was changed by hand in a cassette."""
    from flujo_testing.cassette.library import sealed

    with _refusing():
        shelf = _shelf(folder)
        changed = sealed(shelf, _path_of(shelf, name))
    typer.echo(f"{changed} of its exchanges sealed anew")


def _shelf(folder: Path) -> Shelf:
    import os

    from flujo_testing.cassette.shelf import shelf_of
    from flujo_testing.golden.leak import secrets_in

    anchor, setting = folder.resolve().parent, folder.name
    return shelf_of(anchor, setting, secrets_in(os.environ))


def _path_of(shelf: Shelf, name: str) -> str:
    """The path below the shelf of a cassette that is named by its file or its test."""
    from flujo_testing.cassette.library import test_named
    from flujo_testing.cassette.shelf import SUFFIX, cassette_of

    if "::" in name:
        return cassette_of(test_named(name))
    path = name if name.endswith(SUFFIX) else f"{name}{SUFFIX}"
    return path.removeprefix(f"{shelf.path.name}/")


def _named(shelf: Shelf, name: str) -> Held:
    from flujo_testing.cassette.library import opened

    return opened(shelf, _path_of(shelf, name))


def _summary(shelf: Shelf, held: Held) -> dict[str, Any]:
    return {
        "path": shelf.shown(held.path),
        "test": held.owner,
        "answers": len(held.exchanges),
        "tokens": held.tokens,
        "reported_usd": str(held.reported_usd),
        "models": dict(held.models),
    }


def _write(data: object) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=True))


def _refusing() -> AbstractContextManager[None]:
    """What is wrong with a file or a name is one line."""
    from flujo_testing.cassette.errors import CassetteError
    from flujo_testing.recordings import RecordingError

    return refusing(CassetteError, RecordingError, FileNotFoundError, FileExistsError, ValueError)
