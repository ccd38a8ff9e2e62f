"""The fixture ``cassette``, as a function that the pytest plugin yields from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from flujo_testing.cassette.errors import CassetteError, CassetteMisuse
from flujo_testing.cassette.hooks import CALL_PASSED, CassetteHooks, hooks_of
from flujo_testing.cassette.mode import Mode
from flujo_testing.cassette.playing import Cassette, inserted, put_in
from flujo_testing.cassette.progress import Ticker
from flujo_testing.cassette.shelf import cassette_of
from flujo_testing.golden.errors import GoldenError
from flujo_testing.golden.owner import owning_test

MARKER: Final = "flujo_cassette"
_OPTIONS: Final = ("agents", "redact")


def cassette_in(request: pytest.FixtureRequest) -> Iterator[Cassette]:
    """Every agent of the test's runs answers from its cassette, or is recorded, as ``--flujo-record`` says."""
    try:
        hooks = hooks_of(request.config)
        settings = settings_of(request.node)
        cassette, ticker = _put_in(request, hooks, settings)
    except (CassetteError, GoldenError) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    with inserted(cassette, settings.agents, ticker):
        yield cassette
    passed = request.node.stash.get(CALL_PASSED, None)
    _note(cassette, hooks, ticker, prune=hooks.prunes and passed is True)
    try:
        cassette.player.finish(ended=passed is not None)
    except (CassetteError, GoldenError) as problem:
        text = "\n".join([str(problem), *getattr(problem, "__notes__", [])])
        raise pytest.fail.Exception(text, pytrace=False) from None


def _put_in(request: pytest.FixtureRequest, hooks: CassetteHooks, settings: Settings) -> tuple[Cassette, Ticker]:
    owner = owning_test(request.node, hooks.shelf.anchor)
    path = cassette_of(owner)
    shown = hooks.shelf.shown(path)
    ticker = Ticker(request.config, shown)
    mode = Mode.NONE if shown in hooks.recorded else Mode(request.config.getoption("flujo_record") or "none")
    return put_in(hooks.shelf, path, owner.node_id, mode, redact=settings.redact, ticker=ticker), ticker


def _note(cassette: Cassette, hooks: CassetteHooks, ticker: Ticker, *, prune: bool) -> None:
    """What the summary says of this cassette, and what becomes of the answers that nobody asked for."""
    shown = cassette.player.tape.shown
    if prune and cassette.unused and not cassette.player.tape.misses:
        hooks.pruned[shown] = cassette.player.prune()
    if cassette.recorded:
        hooks.recorded.add(shown)
        ticker.close()
    if cassette.unused and cassette.player.mode is not Mode.ALL:
        hooks.unused[shown] = cassette.unused


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
