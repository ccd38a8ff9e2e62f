"""The testing toolkit of Flujo. Its public names are loaded when they are first used.

pytest loads this package with its plugin in every test run, so it imports nothing but the standard library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flujo_testing.agents import Call as Call
    from flujo_testing.agents import Chunks as Chunks
    from flujo_testing.agents import EchoAgent as EchoAgent
    from flujo_testing.agents import FailingAgent as FailingAgent
    from flujo_testing.agents import FakeAgent as FakeAgent
    from flujo_testing.agents import FakeError as FakeError
    from flujo_testing.agents import FunctionAgent as FunctionAgent
    from flujo_testing.agents import LiveCallError as LiveCallError
    from flujo_testing.agents import Pass as Pass
    from flujo_testing.agents import RunNotEnded as RunNotEnded
    from flujo_testing.agents import Script as Script
    from flujo_testing.agents import ScriptedAgent as ScriptedAgent
    from flujo_testing.agents import ScriptedHuman as ScriptedHuman
    from flujo_testing.agents import ScriptedPlugin as ScriptedPlugin
    from flujo_testing.agents import ScriptExhausted as ScriptExhausted
    from flujo_testing.agents import ScriptLeftOver as ScriptLeftOver
    from flujo_testing.agents import ScriptOrderUnclear as ScriptOrderUnclear
    from flujo_testing.agents import ScriptUnmatched as ScriptUnmatched
    from flujo_testing.agents import SlowAgent as SlowAgent
    from flujo_testing.agents import StreamingAgent as StreamingAgent
    from flujo_testing.agents import live_calls as live_calls
    from flujo_testing.clock import DeadlockError as DeadlockError
    from flujo_testing.clock import VirtualClock as VirtualClock
    from flujo_testing.clock import VirtualClockError as VirtualClockError
    from flujo_testing.clock import virtual_time as virtual_time
    from flujo_testing.conformance import AgentConformance as AgentConformance
    from flujo_testing.conformance import ConformanceError as ConformanceError
    from flujo_testing.conformance import CostModelConformance as CostModelConformance
    from flujo_testing.conformance import JournalConformance as JournalConformance
    from flujo_testing.conformance import PluginConformance as PluginConformance
    from flujo_testing.conservation import ConservationError as ConservationError
    from flujo_testing.conservation import check_conservation as check_conservation
    from flujo_testing.costs import FixedCost as FixedCost
    from flujo_testing.costs import FixedPriceTable as FixedPriceTable
    from flujo_testing.costs import PerToken as PerToken
    from flujo_testing.costs import default_cost_model as default_cost_model
    from flujo_testing.fixtures import AgentNotFound as AgentNotFound
    from flujo_testing.fixtures import FlujoRun as FlujoRun
    from flujo_testing.fixtures import UseAgents as UseAgents
    from flujo_testing.schedules import NotRepeatable as NotRepeatable
    from flujo_testing.schedules import ScheduleError as ScheduleError
    from flujo_testing.schedules import ScheduleFailure as ScheduleFailure
    from flujo_testing.schedules import ScheduleNotReplayable as ScheduleNotReplayable
    from flujo_testing.schedules import explore as explore
    from flujo_testing.schedules import replay as replay

_HOMES = {
    "agents": (
        "Call", "Chunks", "EchoAgent", "FailingAgent", "FakeAgent", "FakeError", "FunctionAgent",
        "LiveCallError", "Pass", "RunNotEnded", "Script", "ScriptExhausted", "ScriptLeftOver",
        "ScriptOrderUnclear", "ScriptUnmatched", "ScriptedAgent", "ScriptedHuman", "ScriptedPlugin",
        "SlowAgent", "StreamingAgent", "live_calls",
    ),
    "clock": ("DeadlockError", "VirtualClock", "VirtualClockError", "virtual_time"),
    "conformance": (
        "AgentConformance", "ConformanceError", "CostModelConformance", "JournalConformance", "PluginConformance",
    ),
    "conservation": ("ConservationError", "check_conservation"),
    "costs": ("FixedCost", "FixedPriceTable", "PerToken", "default_cost_model"),
    "fixtures": ("AgentNotFound", "FlujoRun", "UseAgents"),
    "schedules": (
        "NotRepeatable", "ScheduleError", "ScheduleFailure", "ScheduleNotReplayable", "explore", "replay",
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'flujo_testing' has no attribute {name!r}")
    value: object = getattr(import_module(f"flujo_testing.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
