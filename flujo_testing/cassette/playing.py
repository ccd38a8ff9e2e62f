"""A cassette in the machine: what the fixture puts in for a test, and anybody else with a ``with`` block."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from flujo import override
from flujo_testing.agents import live_calls
from flujo_testing.cassette.door import RecordingDoor
from flujo_testing.cassette.mode import Mode
from flujo_testing.cassette.player import Player
from flujo_testing.cassette.progress import Ticker
from flujo_testing.cassette.shelf import Shelf, shelf_of
from flujo_testing.cassette.socket_guard import no_connections
from flujo_testing.cassette.tape import Tape
from flujo_testing.golden.leak import secrets_in


class Cassette:
    """A cassette while it is in."""

    def __init__(self, player: Player) -> None:
        self.player = player

    def __len__(self) -> int:
        """How many answers it holds."""
        return len(self.player.tape.exchanges)

    @property
    def unused(self) -> int:
        """How many of them nobody has asked for yet."""
        return len(self.player.tape.unused)

    @property
    def recorded(self) -> int:
        """How many were recorded since it was put in."""
        return len(self.player.tape.added)

    def transport(self, library: Any, inner: Any = None) -> Any:
        """A transport for an SDK's own HTTP client, of the module httpx or httpx2; ``inner`` sends what is recorded."""
        from flujo_testing.cassette.http import transport

        return transport(library, self.player, inner)


@contextmanager
def playing(
    file: str | Path,
    mode: Mode | str = Mode.NONE,
    *,
    agents: Sequence[str] = (),
    redact: Mapping[str, Any] | None = None,
) -> Iterator[Cassette]:
    """Agents of every run within the block answer from this cassette, or are recorded; see ``Mode``.

    ``agents`` are patterns of the paths of plain functions that are recorded, too; ``redact`` replaces fields before
    anything is compared, shown or written. At the end of the block the first miss or problem is raised.
    """
    path = Path(file).resolve()
    shelf = shelf_of(path.parent.parent, path.parent.name, secrets_in(os.environ))
    cassette = put_in(shelf, path.name, path.stem, Mode(mode), redact=redact)
    with inserted(cassette, agents):
        try:
            yield cassette
        except Exception:  # whatever the block raises is told first; what it recorded is kept
            cassette.player.close(ended=True)
            raise
    cassette.player.finish(ended=True)


def put_in(
    shelf: Shelf,
    path: str,
    owner: str,
    mode: Mode,
    *,
    redact: Mapping[str, Any] | None = None,
    ticker: Ticker | None = None,
) -> Cassette:
    """The cassette at ``path`` of the shelf, in a mode. Raises CassetteCorrupt."""
    exchanges = shelf.load(path, owner)
    player = Player(
        Tape(shelf.shown(path), exchanges or (), mask=shelf.scan.masked),
        mode,
        existed=exchanges is not None,
        keep=partial(shelf.keep, path, owner),
        redact=redact,
        progress=None if ticker is None else ticker.tell,
    )
    return Cassette(player)


@contextmanager
def inserted(cassette: Cassette, agents: Sequence[str], ticker: Ticker | None = None) -> Iterator[None]:
    """Every run within the block has the cassette at its door; while it only answers, nothing leaves the machine."""
    player = cassette.player
    listeners = [ticker.listen] if ticker is not None and player.records else []
    guard = live_calls() if player.records else no_connections(player.refuse)
    with override(door=RecordingDoor(player, agents), listeners=listeners), guard:
        yield
