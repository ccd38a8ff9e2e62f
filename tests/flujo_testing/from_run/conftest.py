"""The command line in the folder of a project, as for its own tests."""

from __future__ import annotations

from tests.flujo.cli.conftest import flujo

__all__ = ["flujo"]
