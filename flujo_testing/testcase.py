"""The fixtures of the toolkit as attributes of a ``unittest.TestCase``, whose methods take no arguments."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flujo_testing.cassette.playing import Cassette
    from flujo_testing.clock import VirtualClock
    from flujo_testing.fixtures import FlujoRun, UseAgents
    from flujo_testing.golden.assertion import Golden
    from flujo_testing.server import LLMServer


class PipelineTestCase(unittest.TestCase):
    """``self.flujo_run.sync(pipeline, data)``, ``self.flujo_agents({...})``, ``self.golden.check(result)``,
    ``self.llm_server.answer(...)``.

    Works under pytest only; a fixture is set up when its attribute is first used.
    """

    _request: pytest.FixtureRequest

    @pytest.fixture(autouse=True)
    def _take_request(self, request: pytest.FixtureRequest) -> None:
        self._request = request

    @property
    def golden(self) -> Golden:
        golden: Golden = self._request.getfixturevalue("flujo_golden")
        return golden

    @property
    def cassette(self) -> Cassette:
        """From its first use on, agents answer from the cassette of the test, or are recorded."""
        cassette: Cassette = self._request.getfixturevalue("cassette")
        return cassette

    @property
    def virtual_clock(self) -> VirtualClock:
        """From its first use on, the time of the test stands still while it is not waited for."""
        clock: VirtualClock = self._request.getfixturevalue("virtual_clock")
        return clock

    @property
    def flujo_run(self) -> FlujoRun:
        run: FlujoRun = self._request.getfixturevalue("flujo_run")
        return run

    @property
    def flujo_agents(self) -> UseAgents:
        use: UseAgents = self._request.getfixturevalue("flujo_agents")
        return use

    @property
    def llm_server(self) -> LLMServer:
        server: LLMServer = self._request.getfixturevalue("llm_server")
        return server
