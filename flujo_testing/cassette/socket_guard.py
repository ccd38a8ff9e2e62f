"""No connection leaves the machine while a cassette answers: loopback and sockets of this machine are let through."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from flujo_testing.cassette.errors import CassetteError


class LiveConnection(CassetteError, ConnectionError):
    """Something tried to reach another machine while nothing may go live; to clients, a connection that failed."""


@contextmanager
def no_connections(remember: Callable[[LiveConnection], None] = lambda refused: None) -> Iterator[None]:
    """Within the block every connection to another machine raises LiveConnection, in all threads.

    So does asking for the address of a name that is not of this machine. ``remember`` is told each error, as clients
    make errors of their own of it.
    """

    def refuse(family: int, address: Any) -> None:
        if family in (socket.AF_INET, socket.AF_INET6) and not _stays_here(str(address[0])):
            refused = LiveConnection(_told(address))
            remember(refused)
            raise refused

    doors: Any = socket.socket  # typed as what may be set, unlike the class
    before = doors.connect, doors.connect_ex, socket.getaddrinfo

    def connect(self: socket.socket, address: Any) -> None:
        refuse(self.family, address)
        before[0](self, address)

    def connect_ex(self: socket.socket, address: Any) -> Any:
        refuse(self.family, address)
        return before[1](self, address)

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        refuse(socket.AF_INET, (name or "", port))
        return before[2](host, port, *args, **options)

    doors.connect, doors.connect_ex, socket.getaddrinfo = connect, connect_ex, getaddrinfo
    try:
        yield
    finally:
        doors.connect, doors.connect_ex, socket.getaddrinfo = before


def _told(address: Any) -> str:
    return (
        f"a connection to {address[0]}:{address[1]} was refused: while a cassette answers, nothing goes live. "
        "Name the function that opens it: @pytest.mark.flujo_cassette(agents=['path/of/its/step']), and record it "
        "with --flujo-record=new"
    )


def _stays_here(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
