"""``python -m chaos.workers.kill [sample]``: workers are killed, stopped and replaced; each claim with its denominator.

1. One worker after another is killed (SIGKILL) at random while a run goes on: no committed call is made again, nothing
   committed is lost, and every run has one outcome.
2. Two workers take queued runs, one is killed: all runs end, and nobody did anything for it.
3. A worker is stopped (SIGSTOP), replaced, and continued: what it still writes changes nothing.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import psycopg

from chaos.workers import flows
from flujo.distributed.application import Pace
from flujo.distributed.runtime import DBOSRuntime
from flujo.distributed.worker import Worker
from flujo.stores.records import StoredRun
from tests.dbos.postgres import new_database

LONG, SHORT = f"{flows.HERE}:long", f"{flows.HERE}:short"
PATIENCE_S, POLL_S, LATEST_S = 1.0, 0.02, 40.0


@dataclass(frozen=True, slots=True)
class Scale:
    kills: int
    queued: int
    stops: int


FULL, SAMPLE = Scale(kills=50, queued=200, stops=5), Scale(kills=5, queued=20, stops=1)


class Broken(Exception):
    """A claim does not hold."""


@dataclass(frozen=True, slots=True)
class Place:
    """A database, and the file where each call of an agent leaves a line."""

    url: str
    calls: Path

    @contextmanager
    def worker(self, pause_s: float) -> Iterator[subprocess.Popen[bytes]]:
        env = {**os.environ, flows.CALLS: str(self.calls), flows.PAUSE_S: str(pause_s)}
        command = [sys.executable, "-m", "chaos.workers.kill", "serve", self.url]
        with self.words.open("ab") as words:
            process = subprocess.Popen(command, env=env, stdout=words, stderr=words)
        try:
            yield process
            if process.poll() not in (None, -signal.SIGKILL):
                raise Broken(f"a worker ended by itself with {process.returncode}")
        except Broken as broken:
            raise Broken(f"{broken}; what workers said last:\n{self.words.read_text()[-3000:]}") from None
        finally:
            process.kill()
            process.wait()

    @property
    def words(self) -> Path:
        return self.calls.with_name("words")

    def made(self) -> list[tuple[str, str, str]]:
        """Every call that was made, in order: run, what, token."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [(run, what, token) for run, what, token, _ in map(str.split, lines)]

    def committed(self) -> dict[tuple[str, str], str]:
        """The answers of agents that are kept, by run and path."""
        with psycopg.connect(self.url) as session:
            rows = session.execute("SELECT run_id, path, value FROM flujo.answers WHERE path LIKE '%attempt%'")
            return {(run, path): value for run, path, value in rows}


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["serve"]:
        serve(arguments[1])
        return 0
    scale, seed = (SAMPLE if "sample" in arguments else FULL), random.randrange(1 << 32)
    print(f"seed {seed}")
    for act in (killed_at_random, queued_over_two, stopped_and_continued):
        with new_database() as url, tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            print(anyio.run(act, Place(url, Path(folder, "calls")), scale, random.Random(seed)))
            print(f"  in {time.monotonic() - began:.1f} s", flush=True)
    return 0


def serve(url: str) -> None:
    runners = {LONG: flows.long, SHORT: flows.short}
    with Worker(url, runners, pace=Pace(at_once_here=8), poll_s=POLL_S, patience_s=PATIENCE_S):
        signal.pause()


async def killed_at_random(place: Place, scale: Scale, chance: random.Random) -> str:
    """Runs of eleven and more calls, over workers that live as long as a few of them."""
    seen: dict[tuple[str, str], str] = {}
    gone: list[str] = []
    kills = runs = 0
    with DBOSRuntime(place.url, poll_s=0.05) as runtime:
        while kills < scale.kills:
            runs += 1
            run_id = await runtime.start(LONG, f"run{runs}", run_id=f"run{runs}")
            while not is_over(runtime, run_id):
                calls = len(place.made())
                with place.worker(pause_s=0.05) as worker:
                    await until(partial(goes_on, place, runtime, run_id, calls), "a call")
                    if kills == scale.kills:
                        await until(partial(is_over, runtime, run_id), "the end of the last run")
                        break
                    await anyio.sleep(chance.uniform(0, 0.3))
                    worker.kill()
                    worker.wait()
                    kills += not is_over(runtime, run_id)
                now = place.committed()
                gone += lost(seen, now)
                seen = now
        with place.worker(pause_s=0.05):  # one may have been killed between our end of a run and that of DBOS
            found = [await runtime.result(f"run{number}") for number in range(1, runs + 1)]
    committed, made = place.committed(), len(place.made())
    gone += lost(seen, committed) + dropped(place, committed)
    again, others = made_again(place, committed), with_other_outcomes(place, found)
    none_of(gone, again, others)
    return (
        f"{kills} kills over {runs} runs: {len(again)} of {len(committed)} committed calls made again, {len(gone)} "
        f"lost, {len(found) - len(others)} of {runs} runs with one outcome; {made - len(committed)} of {made} calls "
        "were in flight when their worker was killed"
    )


async def queued_over_two(place: Place, scale: Scale, chance: random.Random) -> str:
    with DBOSRuntime(place.url, poll_s=0.1) as runtime:
        for number in range(scale.queued):
            await runtime.start(SHORT, f"run{number}", run_id=f"run{number}")
        with ExitStack() as stack:
            first, _ = (stack.enter_context(place.worker(pause_s=0.02)) for _ in range(2))
            began = time.monotonic()
            await until(lambda: len(place.made()) > scale.queued // 2, "half of the calls")
            first.kill()
            first.wait()
            found = [await runtime.result(f"run{number}") for number in range(scale.queued)]
            took = time.monotonic() - began
    committed = place.committed()
    again, others = made_again(place, committed), with_other_outcomes(place, found)
    none_of(dropped(place, committed), again, others)
    return (
        f"{len(found) - len(others)} of {scale.queued} queued runs ended in {took:.1f} s over two workers, one of them "
        f"killed: {len(again)} of {len(committed)} committed calls made again"
    )


async def stopped_and_continued(place: Place, scale: Scale, chance: random.Random) -> str:
    """The first worker is stopped in a call, the second one ends the run, then the first one goes on."""
    refused = 0
    changed: list[str] = []
    with DBOSRuntime(place.url, poll_s=0.05) as runtime:
        for number in range(scale.stops):
            run_id, before = f"run{number}", len(place.made())
            with place.worker(pause_s=0.5) as stopped:
                await runtime.start(SHORT, run_id, run_id=run_id)
                await until(partial(goes_on, place, runtime, run_id, before), "a call")
                stopped.send_signal(signal.SIGSTOP)
                with place.worker(pause_s=0.02):
                    found = await runtime.result(run_id)
                    kept, outcome = place.committed(), outcome_of(place, run_id)
                    stopped.send_signal(signal.SIGCONT)
                    await until(partial(says_it_lost, place, run_id), "the first worker to be refused")
            refused += 1
            changed += lost(kept, place.committed()) + with_other_outcomes(place, [found])
            if outcome_of(place, run_id) != outcome:
                changed.append(f"{run_id} had the outcome {outcome} and has {outcome_of(place, run_id)}")
    committed = place.committed()
    none_of(changed, dropped(place, committed))
    return (
        f"{refused} of {scale.stops} workers that were stopped, replaced and continued were refused: {len(changed)} of "
        f"{len(committed)} answers and {scale.stops} outcomes changed"
    )


def goes_on(place: Place, runtime: DBOSRuntime, run_id: str, calls: int) -> bool:
    return len(place.made()) > calls or is_over(runtime, run_id)


def says_it_lost(place: Place, run_id: str) -> bool:
    return f"run '{run_id}' was taken" in place.words.read_text()


def is_over(runtime: DBOSRuntime, run_id: str) -> bool:
    with psycopg.connect(runtime.url) as session:
        row = session.execute("SELECT over FROM flujo.dispatched WHERE run_id = %s", (run_id,)).fetchone()
    return row is not None and bool(row[0])


def outcome_of(place: Place, run_id: str) -> list[tuple[object, ...]]:
    with psycopg.connect(place.url) as session:
        ours = session.execute("SELECT status, ended_at, output FROM flujo.runs WHERE run_id = %s", (run_id,))
        rows = ours.fetchall()
        theirs = session.execute(
            "SELECT status, completed_at FROM dbos.workflow_status WHERE workflow_uuid = %s", (run_id,)
        )
        return rows + theirs.fetchall()


def lost(before: dict[tuple[str, str], str], now: dict[tuple[str, str], str]) -> list[str]:
    """The answers that were there before, and are gone or others now."""
    return [
        f"the answer at {key} was {was} and is {now.get(key)}" for key, was in before.items() if now.get(key) != was
    ]


def made_again(place: Place, committed: dict[tuple[str, str], str]) -> list[str]:
    """The calls that were made although there was an answer already: of all calls for one thing, the last one is the
    one whose answer was committed."""
    kept, found = tokens(committed), []
    last: dict[tuple[str, str], str] = {}
    for run, what, token in place.made():
        if last.get((run, what)) in kept:
            found.append(f"{what} of {run} was called again after its answer was committed")
        last[run, what] = token
    return found


def dropped(place: Place, committed: dict[tuple[str, str], str]) -> list[str]:
    """What was called in a run that has ended, and of which no answer is kept."""
    last = {(run, what): token for run, what, token in place.made()}
    return [f"{what} of {run} has no answer" for (run, what), token in last.items() if token not in tokens(committed)]


def tokens(committed: dict[tuple[str, str], str]) -> set[str]:
    return {value.split()[-1].strip('"') for value in committed.values()}


def with_other_outcomes(place: Place, found: list[StoredRun]) -> list[str]:
    """The runs that have not the one outcome, here and for DBOS, that they should have."""
    told = {run.summary.run_id: outcome_of(place, run.summary.run_id) for run in found}
    good = ["completed", "SUCCESS"]
    return [f"{run_id} has the outcomes {rows}" for run_id, rows in told.items() if [row[0] for row in rows] != good]


def none_of(*faults: list[str]) -> None:
    """Raises Broken with the first fault of each kind."""
    if any(faults):
        raise Broken("; ".join(f"{len(kind)} times: {kind[0]}" for kind in faults if kind))


async def until(holds: Callable[[], bool], what: str) -> None:
    latest = time.monotonic() + LATEST_S
    while not await anyio.to_thread.run_sync(holds):
        if time.monotonic() > latest:
            raise Broken(f"in {LATEST_S:.0f} s there was not {what}")
        await anyio.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
