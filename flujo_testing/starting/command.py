"""``flujo init``: a project that is green at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flujo.cli.endings import Refused


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder, which is not there yet.", show_default=False)],
) -> None:
    """Start a project: a pipeline, its test and golden, and a workflow for CI.

    Nothing that is there is overwritten. Exit code: 0 it is there, 2 it could not be made, and nothing was.
    """
    from flujo_testing.starting.project import NotStarted, project_name, start

    try:
        made = start(folder)
    except NotStarted as problem:
        raise Refused(str(problem)) from None
    for path in made:
        typer.echo(f"  {path}")
    project = project_name(Path(folder).resolve())
    typer.echo(
        f"\nNow:\n  cd {folder}\n  python -m pytest\n"
        f'  flujo run {project}.pipeline:runner --input "How do I return shoes?"'
    )
