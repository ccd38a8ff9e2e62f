"""What agents, plugins, cost models and journals must keep to, as tests to inherit.

Subclass the class of your part as ``class TestMyAgent(AgentConformance)`` and say how it is made. One file each;
``contract.py`` holds how a breach is told, ``interruption.py`` and ``sharing.py`` what several of them look at. Needs
pytest; async tests run on the backends of anyio's plugin.
"""

from __future__ import annotations

from flujo_testing.conformance.agent import AgentConformance
from flujo_testing.conformance.contract import ConformanceError
from flujo_testing.conformance.cost_model import CostModelConformance
from flujo_testing.conformance.journal import JournalConformance
from flujo_testing.conformance.plugin import PluginConformance

__all__ = ["AgentConformance", "ConformanceError", "CostModelConformance", "JournalConformance", "PluginConformance"]
