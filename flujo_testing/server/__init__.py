"""A small server on loopback that speaks the APIs of model providers, for tests that run the real SDKs.

``wire_server.py`` is what a test sees, ``failures.py`` and ``tools.py`` what its script may say besides the
items of other fakes. ``chat.py``, ``responses.py`` and ``messages.py`` are the three APIs, ``connection.py`` is
HTTP, ``giving.py`` brings an item of the script onto the wire.
"""

from __future__ import annotations

from flujo_testing.server.failures import Malformed, Stall, StatusError
from flujo_testing.server.requests import WireRequest
from flujo_testing.server.tools import ToolUse, Turn
from flujo_testing.server.wire_server import LLMServer

__all__ = ["LLMServer", "Malformed", "Stall", "StatusError", "ToolUse", "Turn", "WireRequest"]
