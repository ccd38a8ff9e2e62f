"""The run that the test will make, made twice in virtual time: once to record the stored answers, once to play them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio

from flujo import Flujo, PipelineResult, UsageLimits, override
from flujo.cli.divergence import first_divergence
from flujo.cli.rerun import private_caches
from flujo.stores.records import StoredRun
from flujo_testing.cassette.door import RecordingDoor
from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.mode import Mode
from flujo_testing.cassette.player import Player
from flujo_testing.cassette.socket_guard import no_connections
from flujo_testing.cassette.tape import Tape
from flujo_testing.clock import virtual_time
from flujo_testing.from_run.errors import NotATest
from flujo_testing.from_run.replies import StoredReplies

RESUMED = ("paused", "failed")
"""How a run may have ended that went on, for a test to do the same."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the test runs: the runner without store and listeners, the input, and the answers of each resume."""

    runner: Flujo[Any, Any]
    run: StoredRun
    recorded: Sequence[str] = ("*",)
    live: Sequence[str] = ()

    @property
    def resumes(self) -> list[dict[str, object]]:
        return [dict(resume.answers) for resume in self.run.resumes if resume.status in RESUMED]


@dataclass(slots=True)
class Recorded:
    """What came of it: the exchanges of the cassette, and the result that the test will get."""

    exchanges: list[Exchange] = field(default_factory=list)
    result: PipelineResult[Any] | None = None


def rehearsed(scene: Scene) -> Recorded:
    """Record and play. Raises NotATest if the result would not be that of the stored run."""
    if scene.run.events is None:
        raise NotATest("the run has no end yet: 'flujo resume' goes on with it")
    done = Recorded()

    def keep(exchanges: list[Exchange]) -> None:
        done.exchanges[:] = exchanges

    answers = {ask.path: ask.answer for ask in scene.run.asks}
    recording = Player(Tape("the cassette"), Mode.ALL, existed=False, keep=keep)
    replies = StoredReplies(answers, scene.live)
    done.result = _performed(scene, recording, lambda: override(door=replies))
    _refuse_divergence(scene, done.result)
    recording.finish(ended=True)
    keep(recording.tape.added)
    playing = Player(Tape("the cassette", done.exchanges), Mode.NONE, existed=True, keep=keep)
    done.result = _performed(scene, playing, None)
    playing.finish(ended=True)
    _refuse_divergence(scene, done.result)
    return done


def _performed(scene: Scene, player: Player, inner: Callable[[], Any] | None) -> PipelineResult[Any]:
    """One performance: the run and its resumes, in virtual time, with nothing leaving the machine."""
    outer = override(door=RecordingDoor(player, scene.recorded))
    with private_caches(scene.runner.pipeline), virtual_time(), no_connections(player.refuse):
        runner = offline(scene.runner, scene.run.limits)
        if inner is None:
            with outer:
                return _run(runner, scene)
        with inner(), outer:
            return _run(runner, scene)


def _run(runner: Flujo[Any, Any], scene: Scene) -> PipelineResult[Any]:
    result = runner.run(scene.run.input, context_data=scene.run.context_data)
    for answers in scene.resumes:
        result = anyio.run(partial(runner.resume_async, result, answers))
    return result


def offline(runner: Flujo[Any, Any], limits: UsageLimits | None) -> Flujo[Any, Any]:
    """The same runner without its store, its listeners and its clock."""
    return Flujo(
        runner.pipeline,
        context_model=runner.context_model,
        resources=runner.resources,
        usage_limits=limits,
        cost_model=runner.cost_model,
        strict_pricing=runner.strict_pricing,
        name=runner.name,
    )


def _refuse_divergence(scene: Scene, result: PipelineResult[Any]) -> None:
    assert scene.run.events is not None
    found = first_divergence(scene.run.events, result.transcript)
    if found is not None:
        raise NotATest(
            f"the code is not what it was when the run was made: {found.text}. Make a new run, or go back to that code"
        )
