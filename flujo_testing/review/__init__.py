"""Review of changed goldens: in groups by what has changed, accepted or rejected with a reason.

``groups.py`` sorts changes by their causes and knows no file; deciding about them, and the command line, build on it.
"""

from __future__ import annotations

from flujo_testing.review.groups import Changed, Group, Instance, grouped

__all__ = ["Changed", "Group", "Instance", "grouped"]
