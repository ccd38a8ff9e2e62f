"""No test calls a real provider by mistake: the sentry that a pass of a test puts before every adapter.

A request may go where no provider is: to this machine, or into a transport that stays in the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from flujo.functions import can
from flujo.ports import OutgoingRequest
from flujo_testing.agents.errors import LiveCallError
from flujo_testing.agents.places import here

NETWORK: Final = frozenset({"aiohttp", "httpcore", "httpcore2", "httpx_aiohttp"})
"""The libraries that open connections below the HTTP clients of SDKs."""

_allowed: list[object] = []


@contextmanager
def live_calls() -> Iterator[None]:
    """Let adapters call real providers within this block, in every thread: to test them, or to record them."""
    block = object()
    _allowed.append(block)
    try:
        yield
    finally:
        _allowed.remove(block)


def refusal_of(request: OutgoingRequest) -> LiveCallError | None:
    """The error for a request that would leave the machine where none may; None for all others."""
    if _allowed or not leaves_the_machine(request):
        return None
    place = here()
    path = None if place is None else place.path
    step = "write" if path is None else path.partition("/attempt:")[0]
    at = "outside of a run that is followed" if path is None else f"at '{path}'"
    to = "" if request.url is None else f" ({request.url})"
    text = f"'{request.model}' would call its provider{to} {at}, and a test does not"
    remedies = (
        f"replace the agent, by flujo_agents({{'{step}': ScriptedAgent(...)}}) or pipeline.with_agents(...); "
        "give its client a transport that replays recordings; or, to test the provider itself, "
        "call it within 'with live_calls():'"
    )
    return LiveCallError(f"{text}: {remedies}", path=path)


def leaves_the_machine(request: OutgoingRequest) -> bool:
    """Whether a request goes to a network other than this machine's own."""
    if request.url is not None and _is_loopback(urlsplit(request.url).hostname or ""):
        return False
    return request.transport is None or _is_of_the_network(request.transport, set())


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _is_of_the_network(transport: object, seen: set[int]) -> bool:
    """Whether a transport, or one that it hands requests on to, opens connections."""
    seen.add(id(transport))
    if any(cls.__module__.partition(".")[0] in NETWORK for cls in type(transport).__mro__):
        return True
    held = vars(transport).values() if hasattr(transport, "__dict__") else ()
    return any(_is_of_the_network(inner, seen) for inner in held if id(inner) not in seen and _is_transport(inner))


def _is_transport(held: object) -> bool:
    return can(held, "handle_async_request") or can(held, "handle_request")
