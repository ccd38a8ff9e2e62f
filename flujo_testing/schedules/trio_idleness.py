"""When a running trio loop is idle: a task of ours has a turn in each round, an instrument counts those of others."""

from __future__ import annotations

import trio

from flujo_testing.schedules.idleness import Idleness


class TrioIdleness(Idleness, trio.abc.Instrument):
    """``trio.testing.wait_all_tasks_blocked`` says the same, but waits for ever if a task spins."""

    _task: trio.lowlevel.Task
    _turns_of_others = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._turns_of_others += task is not self._task

    def _begin(self) -> None:
        self._task = trio.lowlevel.spawn_system_task(self._look, name="flujo schedule")

    async def _look(self) -> None:
        trio.lowlevel.add_instrument(self)
        try:
            seen = -1
            while self._goes_on(self._turns_of_others != seen, quiet_rounds=2):
                seen = self._turns_of_others
                await trio.lowlevel.checkpoint()
        finally:
            trio.lowlevel.remove_instrument(self)
