"""What the toolkit shows of a model's text is harmless in the same way as what the command line shows."""

from __future__ import annotations

from flujo.cli.inert import inert

__all__ = ["inert"]
