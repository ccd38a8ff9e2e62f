"""What virtual time knows of a server on loopback: whom it keeps waiting, and whom it is about to answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from contextvars import Context, ContextVar, copy_context
from typing import Any

import anyio
import pytest
import trio
from anyio.abc import SocketAttribute, SocketStream

from flujo_testing.clock import VirtualClock, loopback
from flujo_testing.clock import library_internals as internals
from tests.flujo_testing.test_clock_virtual import PlainLoop, RealTime


class SocketLoop(PlainLoop):
    """Waits to read from the sockets that the test gives it, and from a few more that it does not tell of."""

    waiting: tuple[socket.socket, ...] = ()

    def readers(self) -> Iterator[tuple[int, Context]]:
        return ((one.fileno(), copy_context()) for one in self.waiting)


@pytest.fixture
def loop() -> SocketLoop:
    return SocketLoop(VirtualClock(RealTime(), start=700.0))


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket, socket.socket]]:
    """One that listens, and the two ends of a connection to it: the server's, then the client's."""
    with ExitStack() as closing:
        listener = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = closing.enter_context(socket.create_connection(listener.getsockname()))
        yield listener, closing.enter_context(listener.accept()[0]), client


Ends = tuple[socket.socket, socket.socket, socket.socket]


def patience(loop: SocketLoop, *waiting: socket.socket, others: int = 0) -> float:
    """Before a timer."""
    loop.waiting = waiting
    loop.sockets = {one.fileno() for one in waiting} | {1000 + other for other in range(others)}
    return loop.patience(705.0)


def test_a_client_that_is_kept_waiting_is_not_waited_for(loop: SocketLoop, connection: Ends) -> None:
    port, waits = connection[0].getsockname()[1], connection[2].getsockname()[1]
    with loopback.announced(port, lambda: {waits}):
        assert (patience(loop, *connection), patience(loop, *connection, others=1)) == (0.0, 0.01)


def test_a_client_that_is_about_to_be_answered_is_waited_for(loop: SocketLoop, connection: Ends) -> None:
    with loopback.announced(connection[0].getsockname()[1], set):
        assert (patience(loop, *connection), patience(loop, *connection, others=1)) == (1.0, 1.0)


def test_a_client_that_does_not_wait_is_not_waited_for(loop: SocketLoop, connection: Ends) -> None:
    with loopback.announced(connection[0].getsockname()[1], set):
        assert patience(loop, *connection[:2]) == 0.0


def test_sockets_of_servers_that_nobody_announced_are_given_a_moment(loop: SocketLoop, connection: Ends) -> None:
    unannounced = patience(loop, *connection)
    with loopback.announced(1, set):
        assert (unannounced, patience(loop, *connection)) == (0.01, 0.01)


def test_a_file_is_no_socket() -> None:
    with open(__file__, encoding="utf-8") as file:
        assert list(loopback.readers([(file.fileno(), copy_context())])) == []


place: ContextVar[str] = ContextVar("place")


async def test_the_context_of_whoever_waits_is_known(anyio_backend: str) -> None:
    """Of two tasks that wait for the same server, each has its own."""
    found: dict[int, str] = {}

    async def serve(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await anyio.wait_all_tasks_blocked()
            readers = {reader.port: reader for reader in loopback.readers_here()}
            client = stream.extra(SocketAttribute.remote_port)
            found[client] = readers[client].context[place]
            assert readers[client].from_port == stream.extra(SocketAttribute.local_port)
            await stream.send(b"!")

    async def ask(name: str) -> None:
        place.set(name)
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"?")
            await stream.receive()
            ports[stream.extra(SocketAttribute.local_port)] = name

    ports: dict[int, str] = {}
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as serving:
        serving.start_soon(listener.serve, serve)
        async with anyio.create_task_group() as asking:
            asking.start_soon(ask, "left")
            asking.start_soon(ask, "right")
        serving.cancel_scope.cancel()
    assert (found, sorted(found.values())) == (ports, ["left", "right"])


def known_readers(backend: str) -> dict[int, Any]:
    if backend == "trio":
        return dict(internals.readers_on_trio(internals.runner_of(trio.lowlevel.current_task())))
    return dict(internals.readers_on_asyncio(asyncio.get_running_loop()))


async def test_a_loop_knows_who_waits_to_read(anyio_backend: str) -> None:
    """By the context of the task that waits, where it waits; nobody who only writes, or no longer waits."""
    left, right = socket.socketpair()
    left.setblocking(False)

    async def read() -> None:
        place.set("reader")
        await anyio.wait_readable(left)

    with left, right:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            assert known_readers(anyio_backend)[left.fileno()][place] == "reader"
            right.send(b"!")
        assert left.fileno() not in known_readers(anyio_backend)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.wait_writable(left)
        assert left.fileno() not in known_readers(anyio_backend)
