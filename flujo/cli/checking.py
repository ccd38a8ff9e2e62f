"""``flujo validate`` and ``flujo graph``: what a pipeline is, without running it. Light until a command is called."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flujo.cli.endings import CLEAN, FINDINGS
from flujo.cli.options import AsJson, Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flujo.errors import Problem
    from flujo.pipeline import AnyPart, AnyPipeline


class Format(StrEnum):
    TEXT = "text"
    MERMAID = "mermaid"
    JSON = "json"


def validate(reference: Reference, as_json: AsJson = False) -> None:
    """Say everything that is wrong with a pipeline. Exit code: 1 if anything is."""
    from flujo.cli.references import named
    from flujo.errors import PipelineDefinitionError

    steps = 0
    problems: Sequence[Problem]
    try:
        found = named(reference)
        steps, problems = sum(1 for _ in found.pipeline.walk()), found.problems()
    except PipelineDefinitionError as error:
        problems = error.problems
    if as_json:
        _write_problems(reference, steps, problems)
    else:
        _say_problems(reference, steps, problems)
    raise typer.Exit(FINDINGS if problems else CLEAN)


def graph(
    reference: Reference,
    shape: Annotated[
        Format, typer.Option("--format", help="text: a tree; mermaid: a flowchart; json: data.")
    ] = Format.TEXT,
) -> None:
    """Show the steps of a pipeline: as a tree, as a Mermaid flowchart, or as JSON."""
    from flujo.cli.references import runner_named

    runner = runner_named(reference)
    if shape is Format.MERMAID:
        typer.echo(runner.pipeline.to_mermaid(), nl=False)
    elif shape is Format.JSON:
        from flujo.cli.console import JsonLines

        JsonLines().write(graph_data(runner.name, runner.pipeline))
    else:
        _say_graph(runner.name, runner.pipeline)


def graph_data(name: str, pipeline: AnyPipeline) -> dict[str, Any]:
    """Name, fingerprint and steps; each step with its kind and the sequences inside it, by segment."""
    return {
        "pipeline": name,
        "fingerprint": pipeline.fingerprint,
        "steps": [_step_data(step) for step in pipeline.steps],
    }


def _step_data(step: AnyPart) -> dict[str, Any]:
    inside = [
        {"segment": segment, "steps": [_step_data(one) for one in steps]} for segment, steps in step.inside() if steps
    ]
    return {"name": step.name, "kind": step.kind} | ({"inside": inside} if inside else {})


def _say_graph(name: str, pipeline: AnyPipeline) -> None:
    from rich.text import Text
    from rich.tree import Tree

    from flujo.cli.console import Page
    from flujo.cli.wording import one_line

    def grow(tree: Tree, steps: Sequence[AnyPart]) -> None:
        for step in steps:
            kind = "" if step.kind == "step" else f"  {step.kind}"
            branch = tree.add(Text.assemble((one_line(step.name), "bold"), (kind, "cyan")))
            for segment, inner in step.inside():
                if inner:
                    label = one_line(segment.replace(":", " ").strip())
                    grow(branch.add(Text(label, style="dim")) if label else branch, inner)

    tree = Tree(
        Text.assemble((one_line(name), "bold underline"), (f"  {pipeline.fingerprint}", "dim")), guide_style="dim"
    )
    grow(tree, pipeline.steps)
    Page().print(tree)


def _say_problems(reference: str, steps: int, problems: Sequence[Problem]) -> None:
    from rich.text import Text

    from flujo.cli.console import Page
    from flujo.cli.tree import counted
    from flujo.cli.wording import one_line

    page = Page()
    for problem in problems:
        where = one_line(problem.path) or "the pipeline"
        page.print(
            Text.assemble((where, "bold"), f": {one_line(problem.text)} ", (f"[{problem.code}]", "dim")), soft_wrap=True
        )
        page.print(Text(f"  {one_line(problem.fix)}", style="cyan"), soft_wrap=True)
    if problems:
        page.print(Text(f"{reference}: {counted(len(problems), 'problem')}", style="bold red"), soft_wrap=True)
    else:
        page.print(Text(f"{reference}: {counted(steps, 'step')}, no problems", style="bold green"), soft_wrap=True)


def _write_problems(reference: str, steps: int, problems: Sequence[Problem]) -> None:
    from flujo.cli.console import JsonLines

    told = [{"code": one.code, "path": one.path, "text": one.text, "fix": one.fix} for one in problems]
    JsonLines().write({"reference": reference, "steps": steps, "problems": told})
