"""While a cassette answers, no connection leaves the machine: whoever opens it, in whichever thread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import anyio
import pytest

from flujo_testing.cassette.socket_guard import LiveConnection, no_connections

ELSEWHERE = "192.0.2.1"  # TEST-NET-1, RFC 5737: nobody has this address
REMEDY = "Name the function that opens it: @pytest.mark.flujo_cassette(agents=['path/of/its/step'])"


def connected() -> None:
    with socket.socket() as one:
        one.connect((ELSEWHERE, 443))


def connected_ex() -> None:
    with socket.socket() as one:
        one.connect_ex((ELSEWHERE, 443))


def connected_over_ipv6() -> None:
    with socket.socket(socket.AF_INET6) as one:
        one.connect(("2001:db8::1", 443))


def created() -> None:
    socket.create_connection(("api.example.com", 443))


def resolved() -> None:
    socket.getaddrinfo(b"api.example.com", 443)


@pytest.mark.parametrize("act", [connected, connected_ex, connected_over_ipv6, created, resolved])
def test_another_machine_is_out_of_reach(act: Callable[[], None]) -> None:
    with no_connections(), pytest.raises(LiveConnection) as raised:
        act()
    assert REMEDY in str(raised.value)


async def test_tasks_do_not_reach_it_either() -> None:
    remembered: list[LiveConnection] = []
    with no_connections(remembered.append), pytest.raises(OSError, match="All connection attempts failed"):
        await anyio.connect_tcp(ELSEWHERE, 443)
    assert [str(refused).partition(":443")[0] for refused in remembered] == [f"a connection to {ELSEWHERE}"]


def test_nor_do_threads() -> None:
    raised: list[str] = []

    def reach() -> None:
        try:
            connected()
        except LiveConnection as refused:
            raised.append(str(refused).partition(":443")[0])

    with no_connections():
        thread = threading.Thread(target=reach)
        thread.start()
        thread.join()
    assert raised == [f"a connection to {ELSEWHERE}"]


async def test_this_machine_is_let_through() -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, _answer)
        with no_connections():
            for host in ("127.0.0.1", "localhost"):
                async with await anyio.connect_tcp(host, port) as stream:
                    assert await stream.receive() == b"here"
        tasks.cancel_scope.cancel()


async def _answer(stream: anyio.abc.SocketStream) -> None:
    async with stream:
        await stream.send(b"here")


def test_everything_is_as_before_when_the_block_ends() -> None:
    before = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
    with no_connections():
        assert socket.getaddrinfo is not before[2]
    assert (socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo) == before
