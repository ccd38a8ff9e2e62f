"""DBOS in this process: which queues it serves, at what pace, and that it takes over from processes that are gone.

There is one DBOS in a process. Its executor has the name of our holder (``flujo.stores.postgres.holder``): where the
lock of that name is free, whatever DBOS believes to be running there is not.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from dbos import DBOS

from flujo.distributed.serializer import JsonSerializer
from flujo.errors import MisuseError
from flujo.stores.postgres.address import connect, place
from flujo.stores.postgres.holder import Holder, lock_key

NAME: Final = "flujo"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of a queue runs at once, and how fast: over all workers, in each of them, and starts per period."""

    at_once: int | None = None
    at_once_here: int | None = None
    starts: int | None = None
    per_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("at_once", "at_once_here", "starts", "per_s"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise MisuseError(f"{name} is {value!r}; it has to be above 0, or left out")
        if (self.starts is None) != (self.per_s is None):
            raise MisuseError("a rate needs both: 'starts' so many runs, 'per_s' seconds")
        if self.at_once is not None and self.at_once_here is not None and self.at_once_here > self.at_once:
            raise MisuseError(f"at_once_here is {self.at_once_here}, more than at_once, {self.at_once}")


class Application:
    """Serves queues as a context manager. ``gone`` is told each process that is gone, before its work is taken over.

    ``poll_s`` is how long a queue may have something that nobody has looked at, ``look_s`` the same for processes that
    are gone.
    """

    def __init__(
        self,
        holder: Holder,
        queues: Mapping[str, Pace],
        version: str,
        *,
        poll_s: float = 1.0,
        look_s: float = 2.0,
        gone: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.holder = holder
        self.queues = dict(queues)
        self.version = version
        self.poll_s = poll_s
        self.look_s = look_s
        self.gone = gone
        self.dbos: DBOS | None = None
        self._stopped = threading.Event()
        self._looking = threading.Thread(target=self._look, name="flujo-takeover", daemon=True)

    def start(self) -> None:
        self.holder.start()
        self.dbos = DBOS(
            config={
                "name": NAME,
                "system_database_url": self.holder.url,
                "application_version": self.version,
                "executor_id": self.holder.name,
                "serializer": JsonSerializer(),
                "log_level": "WARNING",
                "notification_listener_polling_interval_sec": min(1.0, self.poll_s),
            }
        )
        DBOS.listen_queues(list(self.queues))
        DBOS.launch()
        for name, pace in self.queues.items():
            DBOS.register_queue(
                name,
                global_concurrency=pace.at_once,
                worker_concurrency=pace.at_once_here,
                limiter=None if pace.starts is None or pace.per_s is None
                else {"limit": pace.starts, "period": pace.per_s},
                polling_interval_sec=self.poll_s,
            )  # fmt: skip
        self._looking.start()

    def stop(self, patience_s: int = 0) -> None:
        """Take nothing more, wait so long for what runs, and leave the rest to others."""
        self._stopped.set()
        if self._looking.is_alive():
            self._looking.join()
        if self.dbos is not None:
            DBOS.destroy(workflow_completion_timeout_sec=patience_s)
        self.holder.stop()

    def _look(self) -> None:
        while not self._stopped.wait(self.look_s):
            try:
                self.take_over()
            except Exception as error:  # whatever DBOS raises: without this thread runs would wait for ever
                told = " ".join(f"{type(error).__name__}: {error}".split())
                log.warning("%s: looking for processes that are gone: %s", place(self.holder.url), told)

    def take_over(self) -> tuple[str, ...]:
        """Queue again what processes that are gone were running; their names."""
        running = DBOS.list_workflows(
            status="PENDING", app_version=self.version, load_input=False, load_output=False
        )  # fmt: skip
        names = {run.executor_id for run in running if run.executor_id is not None} - {self.holder.name}
        return tuple(name for name in sorted(names) if self._taken_over(name))

    def _taken_over(self, name: str) -> bool:
        with connect(self.holder.url) as session:
            row = session.execute("SELECT pg_try_advisory_lock(%s)", (lock_key(name),)).fetchone()
            if row is None or not row[0]:
                return False
            self.gone(name)
            DBOS._recover_pending_workflows([name])
            log.warning("%s is gone: its runs go on in %s", name, self.holder.name)
        return True
