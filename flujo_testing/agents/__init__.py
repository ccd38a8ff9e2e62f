"""Fakes for tests of pipelines: agents, plugins and humans that do what a script says, and nothing else.

``fake_agents.py`` and ``verdicts.py`` are the fakes, ``scripts.py`` how an answer is found. ``passes.py`` is
the pass of a test, to which the progress of every script belongs, ``places.py`` how a fake knows where it is
asked, ``live.py`` what keeps adapters from calling real providers meanwhile.
"""

from __future__ import annotations

from flujo_testing.agents.errors import (
    FakeError,
    LiveCallError,
    RunNotEnded,
    ScriptExhausted,
    ScriptLeftOver,
    ScriptOrderUnclear,
    ScriptUnmatched,
)
from flujo_testing.agents.fake_agents import (
    EchoAgent,
    FailingAgent,
    FakeAgent,
    FunctionAgent,
    ScriptedAgent,
    SlowAgent,
    StreamingAgent,
)
from flujo_testing.agents.live import live_calls
from flujo_testing.agents.passes import Call, Pass, current_pass
from flujo_testing.agents.scripts import Chunks, Script
from flujo_testing.agents.verdicts import ScriptedHuman, ScriptedPlugin

__all__ = [
    "Call",
    "Chunks",
    "EchoAgent",
    "FailingAgent",
    "FakeAgent",
    "FakeError",
    "FunctionAgent",
    "LiveCallError",
    "Pass",
    "RunNotEnded",
    "Script",
    "ScriptExhausted",
    "ScriptLeftOver",
    "ScriptOrderUnclear",
    "ScriptUnmatched",
    "ScriptedAgent",
    "ScriptedHuman",
    "ScriptedPlugin",
    "SlowAgent",
    "StreamingAgent",
    "current_pass",
    "live_calls",
]
