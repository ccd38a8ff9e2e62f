"""The pass of a test: how far scripts have come, which runs there were, and what went wrong with the fakes.

One test may be passed several times (backends, schedules, reruns) with the same fakes, which may be built at
module level; what they have answered belongs to the pass. It is process-wide, because pipelines also run in
other threads. Nothing here knows pytest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Final, Protocol

from flujo import Rejection, override
from flujo.events import Event, RunStarted
from flujo.ports import OutgoingRequest
from flujo_testing.agents.errors import FakeError, RunNotEnded
from flujo_testing.agents.live import refusal_of
from flujo_testing.agents.places import FollowedRun, Place, follow, here


@dataclass(slots=True)
class Progress:
    """How far one script has come: where it was asked from, answers taken, answers still on their way."""

    asked_from: list[Place | None] = field(default_factory=list)
    taken: int = 0
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """What a fake was asked, as deep copies. ``path`` is that of the ask, where a pass follows the run.

    ``context`` and ``settings`` are None if the fake was offered none; ``resources``, which nobody copies,
    are left out.
    """

    input: Any
    feedback: tuple[Rejection, ...] = ()
    context: Any = None
    settings: Mapping[str, Any] | None = None
    path: str | None = None


@dataclass(slots=True)
class FakeState:
    """What one fake has been asked in one pass, and how far each of its scripts has come."""

    calls: list[Call] = field(default_factory=list)
    scripts: dict[int, Progress] = field(default_factory=dict)
    steps: set[str] = field(default_factory=set)
    """The steps that are known to ask this fake, whether they came to it or not."""
    misused: bool = False
    """It has said so; what is left of its script then is no news."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class HasScript(Protocol):
    """What a pass needs to know of a fake: what is left of its script, if anything."""

    def left_over(self, state: FakeState) -> FakeError | None: ...


class Pass:
    """One pass of a test: ``with Pass(): ...`` starts scripts afresh and checks at the end that they are used
    up.

    Passes nest; the innermost one counts, and for what is asked within a run that in which the run started.
    Meanwhile no adapter calls a real provider: it would be a LiveCallError, see ``live_calls``. ``check`` is
    called with the events of every run that ended, in the order of their arrival, and raises an
    AssertionError if they cannot be. At the end, unless an exception is on its way, the first problem is
    raised, with the others as its notes.
    """

    def __init__(self, name: str = "", *, check: Callable[[Sequence[Event]], None] | None = None) -> None:
        self.name = name
        self.runs: list[FollowedRun] = []
        self.results: list[object] = []
        """What the fixture ``flujo_run`` has returned."""
        self._check = check
        self._problems: list[AssertionError] = []
        self._fakes: dict[int, tuple[HasScript, FakeState]] = {}
        self._following = ExitStack()
        self._lock = threading.Lock()

    def open(self) -> None:
        """Make this the pass that counts."""
        with _lock:
            outermost = not _passes
            _passes.append(self)
        if outermost:
            self._following.enter_context(override(listeners=[_follow], sentry=_refuse_live))

    def close(self) -> None:
        """Let the pass around this one count again. Raises nothing: ``finish`` does."""
        self._following.close()
        with _lock:
            _passes.remove(self)

    def __enter__(self) -> Pass:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is None:
            self.finish()

    def state_of(self, fake: HasScript) -> FakeState:
        """The state of a fake in this pass; from now on the pass expects its script to be used up."""
        known = self._fakes.get(id(fake))
        if known is None:
            with self._lock:
                known = self._fakes.setdefault(id(fake), (fake, FakeState()))
        return known[1]

    def seen_of(self, fake: HasScript) -> FakeState:
        """The state of a fake in this pass, expecting nothing of it."""
        known = self._fakes.get(id(fake))
        return FakeState() if known is None else known[1]

    @property
    def fakes(self) -> tuple[tuple[HasScript, FakeState], ...]:
        """Every fake that it knows of, with what that has been asked."""
        return tuple(self._fakes.values())

    def remember(self, problem: AssertionError) -> None:
        """Keep an error that the engine may hide."""
        if _aside is None or not _aside(problem):
            self._problems.append(problem)

    def raise_problems(self) -> None:
        """Raise what was remembered, and what the runs that ended so far violate; forgets what it raises."""
        self._check_runs()
        problems, self._problems = self._problems, []
        if problems:
            for other in problems[1:]:
                problems[0].add_note(f"and {type(other).__name__}: {other}")
            raise problems[0]

    def finish(self, *, leftovers: bool = True) -> None:
        """Raise every problem of the pass; with ``leftovers`` also runs that have not ended, and rests of scripts."""
        if leftovers:
            self._problems += [_not_ended(run) for run in self.runs if not run.ended]
            found = [fake.left_over(state) for fake, state in self._fakes.values() if not state.misused]
            self._problems += [problem for problem in found if problem is not None]
        self.raise_problems()

    def unchecked(self) -> Iterator[FollowedRun]:
        """The runs that have ended and whose events have not been checked yet, all of them."""
        return (run for run in self.runs if run.ended and run.checked != len(run.events))

    def _check_runs(self) -> None:
        if self._check is None:
            return
        for run in self.unchecked():
            run.checked = len(run.events)
            try:
                self._check(run.events)
            except AssertionError as violation:
                self.remember(violation)


_passes: list[Pass] = []
_lock = threading.Lock()
_aside: Callable[[AssertionError], bool] | None = None


@contextmanager
def problems_kept_aside(takes: Callable[[AssertionError], bool]) -> Iterator[None]:
    """Within the block no pass keeps a problem that ``takes`` gives a home."""
    global _aside
    before, _aside = _aside, takes
    try:
        yield
    finally:
        _aside = before


def current_pass() -> Pass | None:
    """The innermost open pass of the process."""
    return _passes[-1] if _passes else None


def pass_here() -> Pass | None:
    """The pass to which the caller belongs: that of the run it is in, however long ago that started."""
    place = here()
    return current_pass() if place is None else place.run.started_in()


_follow: Final = partial(follow, current=current_pass)


def _refuse_live(request: OutgoingRequest) -> None:
    refusal = refusal_of(request)
    if refusal is None:
        return
    if (asking := pass_here()) is not None:
        asking.remember(refusal)
    raise refusal


def _not_ended(run: FollowedRun) -> RunNotEnded:
    waits = run.waits_for
    told = f"waits for an answer at {', '.join(map(repr, waits))}" if waits else "asks nobody"
    started = run.events[0]
    name = started.pipeline if isinstance(started, RunStarted) else ""
    text = f"the run of '{name}' has not ended when the test does; it {told}"
    return RunNotEnded(f"{text}: await the run, join its thread, or cancel it", path=waits[0] if waits else None)
