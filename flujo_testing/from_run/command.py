"""``flujo golden from-run``: a stored run becomes a test. Light until the command is called."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from flujo.cli.endings import Refused
from flujo.cli.options import AsJson, PipelinePlace, RunId, StoreUrl
from flujo_testing.refusing import refusing


def from_run(
    run: RunId,
    test: Annotated[
        Path | None,
        typer.Option("--test", metavar="FILE", help="The test file. Default: one named after the run, in tests."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEST", help="The name of the test function.")] = None,
    store: StoreUrl = None,
    pipeline: PipelinePlace = None,
    call: Annotated[
        list[str] | None,
        typer.Option(
            "--call", metavar="PATTERN", help="Steps whose functions the test calls, instead of their answers."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a test of a stored run: its file, its cassette, its golden. It passes until the pipeline does otherwise."""
    with _refusing():
        written = _made(run, test, name, store, pipeline, call or [], force)
    if as_json:
        from flujo.cli.console import JsonLines

        JsonLines().write({"written": written})
        return
    for shown in written:
        typer.echo(f"wrote {shown}")
    typer.echo(f"next: pytest {written[-1]}")


def _made(
    run: str, test: Path | None, name: str | None, store: str | None, pipeline: str | None, call: list[str],
    force: bool,
) -> list[str]:  # fmt: skip
    import os

    from flujo.cli.references import named, reference_of
    from flujo.cli.shelf import opened, run_meant, summary_of
    from flujo.cli.wording import short_id
    from flujo_testing.cassette.shelf import shelf_of
    from flujo_testing.from_run.files import files_of, write_all
    from flujo_testing.from_run.rehearsal import Scene, rehearsed
    from flujo_testing.from_run.source import name_for, written
    from flujo_testing.golden.leak import secrets_in
    from flujo_testing.review.project import folder_of, settings_around

    with opened(store) as shelf:
        run_id = run_meant(shelf, run)
        summary = summary_of(shelf, run_id)
        found = named(reference_of(summary, pipeline))
        stored = shelf.load(run_id)  # after the pipeline's modules: the values are of their classes
    runner = found.made_runner()
    scene = Scene(runner, stored, recorded_patterns(stored, call), call)
    here, scan = Path.cwd(), secrets_in(os.environ)
    goldens = folder_of(here, None)
    called = name or name_for(summary.pipeline, short_id(run_id))
    file = _relative(here / (test or goldens.anchor / "tests" / f"{called}.py"), goldens.anchor)
    text = written(found, scene, file, called)
    done = rehearsed(scene)
    shelf_dir = str(settings_around(here)[1].get("flujo_cassette_dir", "cassettes"))
    files = files_of(text, done.exchanges, done.result, goldens, shelf_of(goldens.anchor, shelf_dir, scan), scan)
    write_all(files, force=force)
    _hint(found.reference.partition(":")[0], goldens.anchor, settings_around(here)[1])
    return [file.shown for file in files]


def _hint(module: str, anchor: Path, settings: Mapping[str, Any]) -> None:
    """Say what pytest lacks to import the pipeline's module, if it lacks something."""
    import sys

    file = Path(str(vars(sys.modules[module]).get("__file__"))).resolve()
    told = settings.get("pythonpath", "")
    roots = told.split() if isinstance(told, str) else list(told)
    is_found = any(file.is_relative_to((anchor / root).resolve()) for root in roots)
    if file.is_relative_to(anchor.resolve()) and not is_found and not (anchor / "conftest.py").exists():
        text = (
            f"pytest may not find the module {module!r}: set pythonpath = . in its ini file, or call python -m pytest"
        )
        typer.echo(f"flujo: {text}", err=True)


def recorded_patterns(stored: object, call: list[str]) -> list[str]:
    """The patterns of the marker: all functions, or by their paths those that are not called."""
    from fnmatch import fnmatchcase
    from glob import escape

    from flujo.stores.records import StoredRun

    assert isinstance(stored, StoredRun)
    if not call:
        return ["*"]
    steps = dict.fromkeys(ask.path.rpartition("/attempt:")[0] for ask in stored.asks if "/attempt:" in ask.path)
    return [escape(step) for step in steps if not any(fnmatchcase(step, pattern) for pattern in call)]


def _relative(file: Path, anchor: Path) -> str:
    resolved, folder = file.resolve(), anchor.resolve()
    if not resolved.is_relative_to(folder):
        raise Refused(f"{file} lies outside of {anchor}, where pytest's ini file is: name a file below it")
    return resolved.relative_to(folder).as_posix()


def _refusing() -> AbstractContextManager[None]:
    """What cannot be made is one line."""
    from flujo.errors import FlujoError
    from flujo_testing.cassette.errors import CassetteError
    from flujo_testing.from_run.errors import NotATest

    return refusing(NotATest, CassetteError, FlujoError)
