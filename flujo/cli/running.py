"""``flujo run``: one run of a pipeline, followed while it happens. Light until the command is called."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flujo.cli.options import (
    AsJson,
    InputFile,
    LimitRequests,
    LimitTokens,
    LimitUsd,
    Reference,
    StoreUrl,
)

if TYPE_CHECKING:
    from flujo.results import PipelineResult
    from flujo.runner import Flujo


def run(
    reference: Reference,
    text: Annotated[str | None, typer.Option("--input", metavar="TEXT", help="The input, a text.")] = None,
    data: Annotated[str | None, typer.Option("--input-json", metavar="JSON", help="The input, as JSON.")] = None,
    file: InputFile = None,
    context: Annotated[str | None, typer.Option("--context", metavar="JSON", help="Fields of the context.")] = None,
    store: StoreUrl = None,
    run_id: Annotated[
        str | None, typer.Option("--run-id", metavar="ID", help="The run's name; made up if left out.")
    ] = None,
    limit_usd: LimitUsd = None,
    limit_requests: LimitRequests = None,
    limit_tokens: LimitTokens = None,
    as_json: AsJson = False,
) -> None:
    """Run a pipeline and follow it while it runs."""
    from flujo.cli.executing import Foreground, equipped, executed
    from flujo.cli.inputs import context_of, fitted, input_of, limits_of
    from flujo.cli.references import runner_named
    from flujo.cli.shelf import opened, url_of
    from flujo.runner import new_run_id

    given, fields = input_of(text, data, file), context_of(context)
    runner = runner_named(reference)
    limits = limits_of(runner.usage_limits, limit_usd, limit_requests, limit_tokens)
    given = fitted(given, runner.pipeline)
    name = new_run_id() if run_id is None else run_id

    async def execute(followed: Flujo[Any, Any]) -> PipelineResult[Any]:
        return await followed.run_async(given, run_id=name, context_data=fields)

    with opened(store, may_be_new=True) if store is not None else nullcontext() as shelf:
        ready = equipped(runner, limits=limits, store=shelf)
        kept = store if store is not None or ready.store is None else url_of(ready.store)
        code = executed(ready, execute, Foreground(name, reference, kept, as_json))
    raise typer.Exit(code)
