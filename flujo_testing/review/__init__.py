"""Review of changed goldens: in groups by what has changed, accepted or rejected with a reason.

``groups.py`` sorts changes by their causes and knows no file; deciding about them, and the command line, build on it.
Importing this loads nothing: ``flujo --help`` comes by here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flujo_testing.review.groups import Changed, Group, Instance, grouped
else:  # unseen by type checkers, which would believe in every name

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"flujo_testing.review has no {name!r}", name=name, obj=import_module(__name__))
        return getattr(import_module("flujo_testing.review.groups"), name)


__all__ = ["Changed", "Group", "Instance", "grouped"]
