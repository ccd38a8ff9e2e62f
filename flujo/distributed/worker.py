"""A process that takes runs of some pipelines out of their queues and runs them, beside others that do the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import anyio
import anyio.to_thread
from dbos import DBOS

from flujo.distributed.application import Application, Pace
from flujo.distributed.runtime import RUN, VERSION
from flujo.errors import MisuseError, RunHeld, RunTakenOver, StoreError
from flujo.execution.loops import loop_runs_here
from flujo.runner import Flujo
from flujo.stores.facts import limits_of
from flujo.stores.places import codec_of
from flujo.stores.postgres.board import Waiting
from flujo.stores.postgres.store import PostgresStore

HELD_S: Final = 0.5
LOST_WORKERS: Final = 50
"""A run over which so many workers were lost is given up: ``flujo runs`` shows it, ``signal()`` lets it go on."""
log = logging.getLogger(__name__)


class Worker:
    """Serves pipelines by their references as a context manager, with the runners that they stand for.

    Runs go on on the event loop that DBOS has in a thread, which is asyncio's. ``patience_s`` is how long this process
    may be silent before others take over what it runs.
    """

    def __init__(
        self,
        url: str,
        runners: Mapping[str, Flujo[Any, Any]],
        *,
        version: str = VERSION,
        pace: Pace | None = None,
        poll_s: float = 1.0,
        patience_s: float = 15.0,
    ) -> None:
        if not runners:
            raise MisuseError("a worker needs a pipeline to serve: name it as module:attribute")
        self.store = PostgresStore(url, patience_s=patience_s)
        self.runners = {name: on_store(runner, self.store, name) for name, runner in runners.items()}
        self.version = version
        self.application = Application(
            self.store.holder, dict.fromkeys(runners, pace or Pace()), version, poll_s=poll_s,
            look_s=max(0.1, patience_s / 8), gone=self.store.release_all,
        )  # fmt: skip
        self._is_serving = False

    @property
    def name(self) -> str:
        """Under which it holds runs."""
        return self.store.holder.name

    def waiting_for_others(self) -> Iterator[Waiting]:
        """What waits and is not for this worker. Raises StoreError while the database is away."""
        for entry in self.store.waits():
            if entry.version != self.version or entry.pipeline not in self.runners:
                yield entry

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await anyio.to_thread.run_sync(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)

    def start(self) -> None:
        """Take runs from now on. Raises MisuseError if this process has a worker, or runs an event loop in this thread:
        there, write ``async with``."""
        try:
            if loop_runs_here():
                raise MisuseError("a worker takes time to start and to stop: write 'async with' in an event loop")
            if _Here.serving is not None:
                raise MisuseError("there is a worker in this process already, and DBOS can be started once")
            _Here.serving, self._is_serving = self, True
            self.application.start()
            self.store.enlist(self.version, list(self.runners))
        except BaseException:
            self.stop()
            self.store.close()
            raise

    def stop(self, patience_s: int = 0) -> None:
        """Take no more, wait so long for what runs here, and leave the rest to others. A second time does nothing."""
        if not self._is_serving:
            return
        self._is_serving = False
        self.application.stop(patience_s)
        _Here.serving = None
        try:
            self.store.strike_off()
        except StoreError as error:  # its lock is free, which says the same
            log.warning("%s", error)
        self.store.close()

    async def run(self, pipeline: str, act: str, run_id: str, told: str) -> str:
        """Bring a run to an end: its status. What was answered before, by whomever, is not asked again."""
        runner = self.runners.get(pipeline)
        if runner is None:
            raise MisuseError(f"{pipeline} is not served here, but {', '.join(self.runners)}")
        try:
            given = codec_of(runner.pipeline, runner.context_model).value(told)
            while True:
                try:
                    status = await self._brought_to_an_end(runner, act, run_id, given)
                    break
                except (RunHeld, RunTakenOver) as elsewhere:
                    # Whoever has it brings it to its end, or loses it; then it goes on here, or has ended.
                    log.warning("%s", elsewhere)
                await anyio.sleep(HELD_S)
        except Exception:  # whatever it is, DBOS keeps it for who waits for the result
            await self.store.over(run_id)
            raise
        await self.store.over(run_id)
        return status

    async def _brought_to_an_end(self, runner: Flujo[Any, Any], act: str, run_id: str, given: dict[str, Any]) -> str:
        """Raises StoreError for an end that could not be kept: nobody else knows it."""
        if act == "start":
            result = await runner.run_async(given["input"], run_id=run_id, context_data=given["context_data"] or None)
        else:
            answers, history = given["answers"], await self.store.history(run_id)
            if history is not None and len(history.resumes) > given["resumes"]:  # a worker that was lost began with it
                if history.is_ended and history.end is not None and history.end.status != "cancelled":
                    return history.end.status
                answers = {}
            result = await runner.resume_async(run_id, answers, usage_limits=limits_of(given["limits"]))
        if isinstance(result.error, StoreError):
            raise result.error
        return result.status


def on_store(runner: Flujo[Any, Any], store: PostgresStore, reference: str) -> Flujo[Any, Any]:
    """The same runner, with this store instead of its own."""
    ready: Flujo[Any, Any] = Flujo(
        runner.pipeline,
        context_model=runner.context_model,
        resources=runner.resources,
        usage_limits=runner.usage_limits,
        cost_model=runner.cost_model,
        strict_pricing=runner.strict_pricing,
        listeners=runner.listeners,
        store=store,
        clock=runner.clock,
        name=runner.name,
        keep_transcript=runner.keep_transcript,
    )
    ready.reference = reference
    return ready


class _Here:
    """DBOS knows functions only, and one registry in a process."""

    serving: Worker | None = None


@DBOS.workflow(name=RUN, max_recovery_attempts=LOST_WORKERS)
async def run(pipeline: str, act: str, run_id: str, told: str) -> str:
    """The one workflow that there is: it has no steps, the run's answers are kept by their paths in our own tables."""
    assert _Here.serving is not None
    return await _Here.serving.run(pipeline, act, run_id, told)
