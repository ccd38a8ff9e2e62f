"""Which open sockets may bring something from another process."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from flujo_testing.clock.open_sockets import leads_outside


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def listener(opened: ExitStack) -> socket.socket:
    return opened.enter_context(socket.create_server(("127.0.0.1", 0)))


def connected(opened: ExitStack, listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    """A client, and the server's end of its connection."""
    client = opened.enter_context(socket.create_connection(listener.getsockname()))
    server, _ = listener.accept()
    return client, opened.enter_context(server)


def test_nothing_leads_nowhere() -> None:
    assert leads_outside([]) is False


def test_a_socket_that_listens_leads_nowhere(listener: socket.socket) -> None:
    assert leads_outside([listener.fileno()]) is False


def test_a_connection_within_the_process_leads_nowhere(opened: ExitStack, listener: socket.socket) -> None:
    client, server = connected(opened, listener)
    assert leads_outside([client.fileno(), server.fileno(), listener.fileno()]) is False
    assert leads_outside([server.fileno()]) is False


def test_a_connection_whose_other_end_is_not_here_leads_outside(opened: ExitStack, listener: socket.socket) -> None:
    client, server = connected(opened, listener)
    client.close()
    assert leads_outside([listener.fileno(), server.fileno()]) is True


def test_what_is_no_connection_of_a_known_address_leads_outside(opened: ExitStack) -> None:
    left, _ = map(opened.enter_context, socket.socketpair())
    datagrams = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    reads, writes = os.pipe()
    opened.callback(os.close, reads)
    opened.callback(os.close, writes)
    assert [leads_outside([fd]) for fd in (left.fileno(), datagrams.fileno(), reads)] == [True, True, True]


def test_what_was_closed_meanwhile_leads_outside(listener: socket.socket) -> None:
    descriptor = listener.fileno()
    listener.close()
    assert leads_outside([descriptor]) is True


def test_looking_leaves_everything_open(opened: ExitStack, listener: socket.socket) -> None:
    client, server = connected(opened, listener)
    leads_outside([client.fileno(), server.fileno(), listener.fileno()])
    client.sendall(b"rain")
    assert server.recv(4) == b"rain"
