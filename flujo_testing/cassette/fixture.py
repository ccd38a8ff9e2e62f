"""The fixture ``cassette``, as a function that the pytest plugin yields from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pytest

from flujo import override
from flujo_testing.cassette.door import RecordingDoor
from flujo_testing.cassette.errors import CassetteError, CassetteMisuse
from flujo_testing.cassette.hooks import CALL_ENDED, CassetteHooks, hooks_of
from flujo_testing.cassette.mode import Mode
from flujo_testing.cassette.player import Player
from flujo_testing.cassette.progress import Ticker
from flujo_testing.cassette.shelf import cassette_of
from flujo_testing.cassette.socket_guard import no_connections
from flujo_testing.cassette.tape import Tape
from flujo_testing.golden.errors import GoldenError
from flujo_testing.golden.owner import owning_test

MARKER: Final = "flujo_cassette"
_OPTIONS: Final = ("agents", "redact")


class Cassette:
    """The cassette of a test, while it is in."""

    def __init__(self, player: Player, door: RecordingDoor) -> None:
        self.player = player
        self.door = door

    def __len__(self) -> int:
        """How many answers it holds."""
        return len(self.player.tape.exchanges)

    def transport(self, library: Any, inner: Any = None) -> Any:
        """A transport for an SDK's own HTTP client, of the module httpx or httpx2; ``inner`` sends what is recorded."""
        from flujo_testing.cassette.http import transport

        return transport(library, self.player, inner)

    @property
    def unused(self) -> int:
        """How many of them nobody has asked for yet."""
        return len(self.player.tape.unused)


def cassette_in(request: pytest.FixtureRequest) -> Iterator[Cassette]:
    """Every agent of the test's runs answers from its cassette, or is recorded, as ``--flujo-record`` says."""
    try:
        hooks = hooks_of(request.config)
        cassette, ticker = _put_in(request, hooks)
    except (CassetteError, GoldenError) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    player = cassette.player
    listeners = [ticker.listen] if player.records else []
    guard: AbstractContextManager[None] = nullcontext() if player.records else no_connections()
    with override(door=cassette.door, listeners=listeners), guard:
        yield cassette
    if player.tape.added:
        hooks.recorded.add(player.tape.shown)
        ticker.close()
    ended = request.node.stash.get(CALL_ENDED, False)
    if ended and player.tape.unused and player.mode is not Mode.ALL:
        hooks.unused[player.tape.shown] = len(player.tape.unused)
    try:
        player.finish(ended=ended)
    except (CassetteError, GoldenError) as problem:
        failure = pytest.fail.Exception("\n".join([str(problem), *getattr(problem, "__notes__", [])]), pytrace=False)
        raise failure from None


def _put_in(request: pytest.FixtureRequest, hooks: CassetteHooks) -> tuple[Cassette, Ticker]:
    shelf = hooks.shelf
    settings = settings_of(request.node)
    owner = owning_test(request.node, shelf.anchor)
    path = cassette_of(owner)
    shown = shelf.shown(path)
    exchanges = shelf.load(path, owner.node_id)
    ticker = Ticker(request.config, shown)
    player = Player(
        Tape(shown, exchanges or (), mask=shelf.scan.masked),
        Mode.NONE if shown in hooks.recorded else Mode(request.config.getoption("flujo_record") or "none"),
        existed=exchanges is not None,
        keep=partial(shelf.keep, path, owner.node_id),
        redact=settings.redact,
        progress=ticker.tell,
    )
    return Cassette(player, RecordingDoor(player, settings.agents)), ticker


@dataclass(frozen=True, slots=True)
class Settings:
    """``agents``: patterns of the paths of functions that are recorded, too. ``redact``: see ``Player``."""

    agents: Sequence[str] = ()
    redact: Mapping[str, Any] | None = None


def settings_of(item: pytest.Item) -> Settings:
    """What the markers of a test say; the closest one wins."""
    said: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers(MARKER))):
        if strange := [*map(repr, marker.args), *(name for name in marker.kwargs if name not in _OPTIONS)]:
            raise CassetteMisuse(f"{MARKER} takes {' and '.join(_OPTIONS)} by name, not {', '.join(strange)}")
        said |= marker.kwargs
    return Settings(**said)
