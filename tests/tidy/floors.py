"""Who may import whom: the floors of ``flujo``, no cycles, an engine without tests, a light pytest plugin.

Imports inside functions count; those under ``if TYPE_CHECKING:`` do not, because they never run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch

from tests.tidy.rule import Fault, Rule, each
from tests.tidy.source import Source, imports

# A room is the first part of a module's name below ``flujo``. It imports from its own floor or a lower one.
FLOORS = (
    ("errors", "usage", "money", "prices", "entries", "canonical", "structure"),
    ("events", "laws", "ports", "context", "isolation", "loading", "validation", "transcript"),
    ("steps*", "pipeline", "binding", "functions", "identity", "mermaid"),
    ("execution", "stores"),
    ("runner", "results", "resuming", "keeping", "overrides", "stream", "wiring"),
    ("cli", "distributed", "telemetry", "agents", "price_list"),
    ("flujo",),
)
TEST_LIBRARIES = {"_pytest", "flujo_testing", "hypothesis", "mock", "pytest", "syrupy", "unittest"}
LOADED_WITH_PYTEST = tuple(
    f"flujo_testing/{name}.py" for name in ("__init__", "following", "pytest_options", "pytest_plugin")
)


def room(module: str) -> str:
    """``flujo.execution.frame`` lives in ``execution``; the package itself is the room on top."""
    return module.split(".")[1] if "." in module else module


def floor(module: str) -> int | None:
    """Counted from 0; None for a module that nobody has placed."""
    name = room(module)
    numbers = (number for number, rooms in enumerate(FLOORS) if any(fnmatch(name, known) for known in rooms))
    return next(numbers, None)


def imported_modules(source: Source, known: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Which of the known modules a file imports: ``from a.b import c`` is ``a.b.c`` if that is one."""
    modules = set(known)
    for imported in imports(source):
        name = imported.origin if imported.origin in modules else imported.origin.rpartition(".")[0]
        if name in modules:
            yield name, imported.line


def unknown_rooms(sources: Sequence[Source]) -> Iterator[Fault]:
    for source in sources:
        if floor(source.module) is None:
            name = room(source.module)
            yield Fault(source.path, 0, f"stands on no floor: add '{name}' to FLOORS in tests/tidy/floors.py")


def upward_imports(sources: Sequence[Source]) -> Iterator[Fault]:
    known = {source.module for source in sources}
    for source in sources:
        own = floor(source.module)
        for name, line in imported_modules(source, known):
            other = floor(name)
            if own is not None and other is not None and other > own:
                yield Fault(source.path, line, f"floor {own} imports {name} from floor {other}")


def cycles(sources: Sequence[Source]) -> Iterator[Fault]:
    """One fault per circle of modules, told from its first module in alphabetical order."""
    paths = {source.module: source.path for source in sources}
    graph = {source.module: {name for name, _ in imported_modules(source, paths)} for source in sources}
    for start in sorted(graph):
        circle = way_back(graph, start)
        if circle and start == min(circle):
            yield Fault(paths[start], 0, f"imports itself: {' -> '.join([*circle, start])}")


def way_back(graph: dict[str, set[str]], start: str) -> list[str]:
    """The shortest way from a module over its imports to itself; empty where there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for name in sorted(graph[way[-1]]):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def test_libraries(source: Source) -> Iterator[Fault]:
    for imported in imports(source):
        if imported.origin.partition(".")[0] in TEST_LIBRARIES:
            yield Fault(source.path, imported.line, f"the engine imports {imported.origin}")


def heavy_imports(source: Source) -> Iterator[Fault]:
    for imported in imports(source):
        top = imported.origin.partition(".")[0]
        if imported.at_load and top != "pytest" and top not in sys.stdlib_module_names:
            text = f"loads {imported.origin} with every pytest: import it inside the function that needs it"
            yield Fault(source.path, imported.line, text)


def private_names(source: Source) -> Iterator[Fault]:
    for imported in imports(source):
        top, *rest = imported.origin.split(".")
        if top == "flujo" and any(part.startswith("_") for part in rest):
            yield Fault(source.path, imported.line, f"uses the private name {imported.origin}")


def engine(source: Source) -> bool:
    return source.is_python and source.inside("flujo")


def both_packages(source: Source) -> bool:
    return source.is_python and source.inside("flujo", "flujo_testing")


RULES = (
    Rule("every module of flujo stands on a floor", engine, unknown_rooms),
    Rule("no module imports from a higher floor", engine, upward_imports),
    Rule("no module imports itself by a detour", both_packages, cycles),
    Rule("the engine imports no test library", engine, each(test_libraries)),
    Rule(
        "what pytest loads at start imports pytest and the standard library only",
        lambda source: source.path in LOADED_WITH_PYTEST,
        each(heavy_imports),
    ),
    Rule(
        "the toolkit uses the engine by its public names",
        lambda source: source.is_python and source.inside("flujo_testing"),
        each(private_names),
    ),
)
