"""The port of stores: a journal that also knows whose answers it keeps, so that a run can go on in another process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from flujo.ports import Journal, RecordedAnswer

if TYPE_CHECKING:
    from flujo.stores.codec import Codec
    from flujo.stores.records import Begun, Ended, History, RunSummary, StoredResume, StoredRun


class Claim(Protocol):
    """That this process, and no other, runs a run."""

    def release(self) -> None:
        """Let others run it."""


@runtime_checkable
class Store(Journal, Protocol):
    """Keeps runs with their beginning, their answers and their end.

    The plain functions are for people's commands, and may wait for a disk. What is awaited never holds up the event
    loop. All of them raise StoreError, which names the file, where they cannot read or write.
    """

    def runs(self) -> Sequence[RunSummary]:
        """Every run, the newest first."""

    def waiting(self) -> Sequence[str]:
        """What the runs wait for that were handed over and that nobody runs: a line for each pipeline and version."""

    def load(self, run_id: str) -> StoredRun:
        """All that is kept of a run. Raises NoSuchRun, which names ids that are near."""

    def fork(self, run_id: str, path: str) -> str:
        """A new run with the beginning of this one, and all answers before the step at ``path``: its id.

        Before it is what was declared before it; of a loop's iterations, those before the one that ``path`` names, or
        before the first; for an empty path, all. It goes on with a pipeline that has the same steps up to there. Raises
        NoSuchRun, MisuseError for a path that the run's pipeline does not have.
        """

    def close(self) -> None:
        """Give back what the store holds open; what was handed over is written first."""

    def knowing(self, codec: Codec) -> Self:
        """The same store, which writes and reads values by a codec that knows a pipeline's types and agents."""

    async def claim(self, run_id: str) -> Claim:
        """Take the run for this process. Raises RunHeld if another one has it; that of a dead process is free."""

    async def history(self, run_id: str) -> History | None:
        """What a runner needs to go on with a run; None if there is no run of this id."""

    async def begin(self, run_id: str, begun: Begun) -> None:
        """Keep what a run begins with. Raises NotStorable."""

    async def resume(
        self, run_id: str, resume: StoredResume, begun: Begun, given: Mapping[str, RecordedAnswer]
    ) -> None:
        """Keep that a run goes on, the limits and steps it goes on with, and by path what people have answered.

        Raises NotStorable.
        """

    async def end(self, run_id: str, ended: Ended) -> None:
        """Keep how a run ended; what it had in doubt is told by its log from now on. Raises NotStorable."""
