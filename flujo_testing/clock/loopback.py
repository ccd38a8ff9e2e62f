"""Servers on loopback whose clients are in the same process: between them, one can tell whether bytes are on their way.

A client that waits for a server, and that the server does not keep waiting on purpose, is about to be answered.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Final

from flujo_testing.clock import library_internals as internals

_kept_waiting: Final[dict[int, Callable[[], Collection[int]]]] = {}


@dataclass(frozen=True, slots=True)
class Reader:
    """Someone who waits to read from a connection over loopback, in a context of its own."""

    descriptor: int
    port: int
    from_port: int
    context: Context


@contextmanager
def announced(port: int, kept_waiting: Callable[[], Collection[int]]) -> Iterator[None]:
    """Make a server known, which tells the ports of the clients that it keeps waiting on purpose."""
    _kept_waiting[port] = kept_waiting
    try:
        yield
    finally:
        del _kept_waiting[port]


def of_known_servers(waiting: Iterable[tuple[int, Context]]) -> list[Reader]:
    """Of those that wait, who belongs to a known server: its own end of a connection, or the client's."""
    if not _kept_waiting:
        return []
    return [one for one in readers(waiting) if one.port in _kept_waiting or one.from_port in _kept_waiting]


def is_about_to_be_answered(reader: Reader) -> bool:
    """Whether a client waits for a known server, which does not keep it waiting on purpose."""
    kept_waiting = _kept_waiting.get(reader.from_port)
    return kept_waiting is not None and reader.port not in kept_waiting()


def readers_here() -> list[Reader]:
    """All that wait in the running loop, as far as it tells."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        import trio  # no asyncio loop runs here, so a trio loop does

        return list(readers(internals.readers_on_trio(internals.runner_of(trio.lowlevel.current_task()))))
    return list(readers(internals.readers_on_asyncio(loop))) if isinstance(loop, asyncio.SelectorEventLoop) else []


def readers(waiting: Iterable[tuple[int, Context]]) -> Iterator[Reader]:
    """Of file descriptors with the contexts of who waits, those that are ends of connections, or listen for them."""
    for descriptor, context in waiting:
        try:
            end = socket.socket(fileno=descriptor)
        except OSError:  # no socket
            continue
        try:
            if end.family in (socket.AF_INET, socket.AF_INET6):
                yield Reader(descriptor, _port(end.getsockname), _port(end.getpeername), context)
        finally:
            end.detach()


def _port(name_of: Callable[[], tuple[object, int]]) -> int:
    """0 where there is none, as at the other end of a socket that listens."""
    try:
        return name_of()[1]
    except OSError:
        return 0
