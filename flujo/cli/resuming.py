"""``flujo resume``: goes on with a run that a store keeps. Light until the command is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flujo.cli.endings import Refused
from flujo.cli.options import AsJson, LimitRequests, LimitTokens, LimitUsd, PipelinePlace, RunId, StoreUrl

if TYPE_CHECKING:
    from flujo.results import PipelineResult
    from flujo.runner import Flujo


def resume(
    run: RunId,
    answer: Annotated[
        list[str] | None, typer.Option("--answer", metavar="PATH=TEXT", help="A person's answer, a text.")
    ] = None,
    answer_json: Annotated[
        list[str] | None, typer.Option("--answer-json", metavar="PATH=JSON", help="A person's answer, as JSON.")
    ] = None,
    store: StoreUrl = None,
    pipeline: PipelinePlace = None,
    limit_usd: LimitUsd = None,
    limit_requests: LimitRequests = None,
    limit_tokens: LimitTokens = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was interrupted, paused, failed or limited. Nothing is asked or paid twice."""
    from flujo.cli.executing import Foreground, equipped, executed
    from flujo.cli.inputs import answers_of, limits_of
    from flujo.cli.references import reference_of, runner_named
    from flujo.cli.shelf import opened, run_meant

    answers = answers_of(answer or (), answer_json or ())
    with opened(store) as shelf:
        stored = shelf.load(run_meant(shelf, run))
        run_id = stored.summary.run_id
        if stored.summary.status == "completed":
            raise Refused(
                f"the run {run_id} has completed: there is nothing to resume ('flujo fork' runs it anew from a step)"
            )
        if stored.summary.status == "limited" and (limit_usd, limit_requests, limit_tokens) == (None, None, None):
            raise Refused(f"the run {run_id} ended at its limits: raise one of them, such as --limit-usd")
        reference = reference_of(stored.summary, pipeline)
        runner = runner_named(reference)
        limits = limits_of(stored.limits or runner.usage_limits, limit_usd, limit_requests, limit_tokens)
        ready = equipped(runner, limits=limits, store=shelf)

        async def execute(followed: Flujo[Any, Any]) -> PipelineResult[Any]:
            return await followed.resume_async(run_id, answers, usage_limits=limits)

        code = executed(ready, execute, Foreground(run_id, reference, store, as_json))
    raise typer.Exit(code)
