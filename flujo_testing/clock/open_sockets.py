"""Where open sockets lead: what both ends of are in this process brings nothing that its tasks do not send."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

_DESCRIPTORS = (Path("/proc/self/fd"), Path("/dev/fd"))


def leads_outside(descriptors: Iterable[int]) -> bool:
    """Whether anything may come from another process: a connection to one, a pipe, a socket without a connection.

    A socket that listens leads nowhere yet. Where nobody can tell, the answer is yes.
    """
    descriptors = list(descriptors)
    if not descriptors:
        return False
    own = set(_own_addresses())
    return any(_leads_outside(descriptor, own) for descriptor in descriptors)


def _leads_outside(descriptor: int, own: set[object]) -> bool:
    try:
        with _socket(descriptor) as opened:
            if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return False
            peer = opened.getpeername()
    except OSError:  # no socket, or one without a connection
        return True
    return not peer or peer not in own


def _own_addresses() -> Iterator[object]:
    """The addresses of all sockets of this process."""
    folder = next((folder for folder in _DESCRIPTORS if folder.is_dir()), None)
    for name in [] if folder is None else os.listdir(folder):
        try:
            with _socket(int(name)) as opened:
                yield opened.getsockname()
        except OSError:  # no socket, or closed meanwhile
            continue


def _socket(descriptor: int) -> closing[socket.socket]:
    """A socket of our own for what a descriptor refers to."""
    duplicate = os.dup(descriptor)
    try:
        return closing(socket.socket(fileno=duplicate))
    except OSError:
        os.close(duplicate)
        raise
