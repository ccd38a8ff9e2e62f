"""Which step of which run a request comes from: a connection does not tell, but who waits at its other end does.

Where the client runs in the server's own loop, the context of the task that waits for the answer holds the
place. Elsewhere (in another thread, or behind a library that reads all the time) it is known if one step only
is being answered.
"""

from __future__ import annotations

from anyio.lowlevel import checkpoint

from flujo_testing.agents.passes import current_pass
from flujo_testing.agents.places import Place, place_in
from flujo_testing.clock.loopback import readers_here

ROUNDS = 3
"""How often the client's task is given a chance to wait: it sends the end of its request just before."""


async def asker_of(client_port: int, server_port: int) -> Place | None:
    """The place in a run where this client waits for this server; None if nobody can tell."""
    for _ in range(ROUNDS):
        for reader in readers_here():
            if (reader.port, reader.from_port) == (client_port, server_port):
                place = place_in(reader.context)
                return place if place is not None and place.path in place.run.waits_for else _only_one()
        await checkpoint()
    return _only_one()


def _only_one() -> Place | None:
    """The one ask that waits; None if there are several, or none."""
    now = current_pass()
    runs = [] if now is None else [run for run in now.runs if not run.ended]
    places = [Place(run, path) for run in runs for path in run.waits_for]
    return places[0] if len(places) == 1 else None
