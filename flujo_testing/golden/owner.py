"""Which test owns a golden: its node id from the project's folder, without anyio's backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from flujo_testing.golden.errors import GoldenMisuse
from flujo_testing.golden.location import OwningTest

BACKEND = "anyio_backend"
_OWNER = pytest.StashKey[OwningTest]()


def owning_test(item: pytest.Function, anchor: Path) -> OwningTest:
    """The owner of a test's goldens: the same on every backend, and wherever pytest was called from."""
    if _OWNER not in item.stash:
        classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
        item.stash[_OWNER] = OwningTest(_relative(item.path, anchor), (*classes, _name_on_any_backend(item)))
    return item.stash[_OWNER]


def _relative(file: Path, anchor: Path) -> str:
    if not file.is_relative_to(anchor):
        file, anchor = file.resolve(), anchor.resolve()
    if not file.is_relative_to(anchor):
        raise GoldenMisuse(
            f"{file} lies outside of {anchor}, where the goldens are: move it below the folder of the ini file"
        )
    return file.relative_to(anchor).as_posix()


def _name_on_any_backend(item: pytest.Function) -> str:
    callspec = getattr(item, "callspec", None)  # only parametrised tests have one
    if callspec is None or BACKEND not in callspec.params:
        return item.name
    ids = _without_backend(item, list(callspec.params), list(callspec._idlist), callspec.params[BACKEND])
    name = item.originalname or item.name
    return f"{name}[{'-'.join(ids)}]" if ids else name


def _without_backend(item: pytest.Function, arguments: Sequence[str], ids: list[str], backend: object) -> list[str]:
    """One id stands for each group of arguments that were parametrised together."""
    groups = _groups(item, arguments)
    if len(groups) == len(ids):
        at = next(index for index, group in enumerate(groups) if BACKEND in group)
        pieces = ids[at].split("-")
        if len(groups[at]) == 1:
            return [*ids[:at], *ids[at + 1 :]]
        if len(pieces) == len(groups[at]):
            del pieces[groups[at].index(BACKEND)]
            return [*ids[:at], "-".join(pieces), *ids[at + 1 :]]
        return ids
    # Some parametrisation hides its id: the backend's is told by its value.
    shown = backend[0] if isinstance(backend, tuple) else backend
    return [id_ for id_ in ids if id_ != shown]


def _groups(item: pytest.Function, arguments: Sequence[str]) -> list[tuple[str, ...]]:
    together: dict[str, tuple[str, ...]] = {}
    for mark in item.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs["argnames"]
        listed = names.split(",") if isinstance(names, str) else names
        group = tuple(name.strip() for name in listed if name.strip())
        together.update(dict.fromkeys(group, group))
    return list(dict.fromkeys(together.get(argument, (argument,)) for argument in arguments))
