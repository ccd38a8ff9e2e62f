"""The options that several commands share, so that each has one name, one meaning and one text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

STORE_VARIABLE = "FLUJO_STORE"

Reference = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:ATTRIBUTE",
        help="A Flujo, Pipeline or Step, or a function that returns one.",
        show_default=False,
    ),
]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="The id of a run, or its beginning if no other run begins so.", show_default=False
    ),
]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL", envvar=STORE_VARIABLE, help="Where runs are kept, such as sqlite:///runs.db."
    ),
]
PipelinePlace = Annotated[
    str | None,
    typer.Option("--pipeline", metavar="MODULE:ATTRIBUTE", help="Where its pipeline is, if it is not where it was."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for scripts, one object a line.")]
Whole = Annotated[bool, typer.Option("--full", help="Show whole values and inputs, on as many lines as they take.")]
LimitUsd = Annotated[str | None, typer.Option("--limit-usd", metavar="USD", help="The most that the run may cost.")]
LimitRequests = Annotated[
    int | None, typer.Option("--limit-requests", metavar="N", help="How many requests it may make.")
]
LimitTokens = Annotated[int | None, typer.Option("--limit-tokens", metavar="N", help="How many tokens it may use.")]
InputFile = Annotated[
    Path | None,
    typer.Option(
        "--input-file", metavar="FILE", help="A file with the input: .json is data, others are text, - is stdin."
    ),
]
