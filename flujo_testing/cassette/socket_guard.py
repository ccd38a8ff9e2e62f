"""No connection leaves the machine while a cassette answers: loopback and sockets of this machine are let through."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from flujo_testing.cassette.errors import CassetteError


class LiveConnection(CassetteError):
    """Something tried to reach another machine while nothing may go live."""


@contextmanager
def no_connections(*, allowed: bool = False) -> Iterator[None]:
    """Within the block every connection to another machine raises LiveConnection, in all threads."""
    if allowed:
        yield
        return
    before = socket.socket.connect, socket.socket.connect_ex

    def connect(self: socket.socket, address: Any) -> None:
        _refuse(self, address)
        before[0](self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _refuse(self, address)
        return before[1](self, address)

    socket.socket.connect, socket.socket.connect_ex = connect, connect_ex  # type: ignore[method-assign]
    try:
        yield
    finally:
        socket.socket.connect, socket.socket.connect_ex = before  # type: ignore[method-assign]


def _refuse(connecting: socket.socket, address: Any) -> None:
    if connecting.family not in (socket.AF_INET, socket.AF_INET6) or _stays_here(str(address[0])):
        return
    raise LiveConnection(
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
