"""``flujo worker``: runs what is handed over to a database, until it is told to stop. Light until it is called."""

from __future__ import annotations

import re
import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from flujo.cli.endings import Refused
from flujo.distributed import absent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flujo.distributed.worker import Worker
    from flujo.stores.postgres.board import Waiting

LOOK_S = 30.0
"""So often a worker says what it sees waiting for somebody else."""


def worker(
    pipelines: Annotated[list[str], typer.Argument(metavar="MODULE:PIPELINE...", help="What to serve.")],
    store: Annotated[
        str, typer.Option("--store", metavar="URL", help="postgresql://user@host/database", envvar="FLUJO_STORE")
    ],
    version: Annotated[
        str | None, typer.Option("--version", help="Take only what was handed over for this version.")
    ] = None,
    at_once: Annotated[
        int | None, typer.Option("--at-once", min=1, help="At most so many runs of a pipeline, over all workers.")
    ] = None,
    at_once_here: Annotated[
        int | None, typer.Option("--at-once-here", min=1, help="At most so many runs of a pipeline in this process.")
    ] = 16,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="N/SECONDS", help="At most N runs start in so many seconds.")
    ] = None,
    patience: Annotated[
        float, typer.Option("--patience", min=0.5, help="Seconds of silence after which others take over from it.")
    ] = 15.0,
    poll: Annotated[float, typer.Option("--poll", min=0.01, help="Seconds between looks at the queues.")] = 1.0,
    grace: Annotated[int, typer.Option("--grace", min=0, help="Seconds for what runs, when it is told to stop.")] = 30,
) -> None:
    """Run what is handed over for these pipelines, beside any number of other workers.

    It ends on SIGTERM and Ctrl-C: it takes nothing more, waits for what it runs, and leaves the rest to others.
    """
    if why := absent():
        raise Refused(f"flujo worker needs {why}")
    from flujo.cli.references import runner_named
    from flujo.distributed.application import Pace
    from flujo.distributed.runtime import VERSION
    from flujo.distributed.worker import Worker
    from flujo.errors import FlujoError

    starts, per_s = (None, None) if rate is None else rate_of(rate)
    runners = {name: runner_named(name) for name in pipelines}
    try:
        serving = Worker(
            store,
            runners,
            version=version or VERSION,
            pace=Pace(at_once, min(filter(None, (at_once_here, at_once)), default=None), starts, per_s),
            poll_s=poll,
            patience_s=patience,
        )
        with serving:
            _serve(serving, grace)
    except FlujoError as error:
        raise Refused(str(error)) from error


def rate_of(told: str) -> tuple[int, float]:
    """``60/30`` as a number and seconds. Raises Refused."""
    given = re.fullmatch(r"([1-9][0-9]{0,8})/([0-9]{1,9}(?:\.[0-9]{1,6})?)", told)
    if given is None or float(given[2]) == 0:
        raise Refused(f"--rate {told!r}: write 60/30 for at most 60 in 30 seconds")
    return int(given[1]), float(given[2])


def _serve(serving: Worker, grace: int) -> None:
    from flujo.errors import StoreError

    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_stop.set())
    typer.echo(f"{serving.name} serves {', '.join(serving.runners)} in version {serving.version}")
    said: tuple[Waiting, ...] = ()
    while True:
        try:
            waiting = tuple(serving.waiting_for_others())
        except StoreError as error:
            typer.echo(f"{error}; what runs here waits for it", err=True)
        else:
            if waiting != said:
                _say(waiting)
                said = waiting
        if told_to_stop.wait(LOOK_S):
            break
    typer.echo(f"{serving.name} takes nothing more and waits up to {grace} s for what it runs")
    serving.stop(grace)


def _say(waiting: Iterable[Waiting]) -> None:
    for entry in waiting:
        typer.echo(str(entry))
