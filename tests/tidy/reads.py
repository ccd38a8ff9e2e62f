"""What code may reach for: the engine no clock, chance or environment; tests no wall clock, sleep or mock."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.tidy.floors import engine
from tests.tidy.rule import Fault, Rule, each
from tests.tidy.source import Source, imports, reads, tree

MODULES_OF_CLOCK_AND_CHANCE = {"random", "secrets", "time"}
CALENDAR = r"datetime\.datetime\.(now|utcnow|today)|datetime\.date\.today"
CLOCK_OR_CHANCE = re.compile(CALENDAR + r"|(anyio|trio)\.current_time|os\.urandom|uuid\.(uuid\d|getnode)")
WALL_CLOCK = re.compile(CALENDAR + r"|time\.(time|monotonic|perf_counter|process_time|thread_time)(_ns)?")
ENVIRONMENT = re.compile(r"os\.(environb?|getenvb?|putenv|unsetenv)")
ASYNC_SLEEP = re.compile(r"(anyio|asyncio|trio)\.sleep(_until)?")
MOCKS = re.compile(r"(unittest\.mock|mock|pytest_mock)(\..*)?")
PATCHES_ALLOWED = {"chdir", "delenv", "setenv"}
ASK_THE_CLOCK = "ask the Clock port, or take it as an argument"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def clock_and_chance(source: Source) -> Iterator[Fault]:
    for imported in imports(source):
        if imported.origin.partition(".")[0] in MODULES_OF_CLOCK_AND_CHANCE:
            yield Fault(source.path, imported.line, f"imports {imported.origin}: {ASK_THE_CLOCK}")
    for name, node in reads(source):
        if CLOCK_OR_CHANCE.fullmatch(name):
            yield Fault(source.path, node.lineno, f"reads {name}: {ASK_THE_CLOCK}")


def environment(source: Source) -> Iterator[Fault]:
    for name, node in reads(source):
        if ENVIRONMENT.fullmatch(name):
            yield Fault(source.path, node.lineno, f"reads {name}: only the command line knows the environment")


def wall_clock(source: Source) -> Iterator[Fault]:
    for name, node in reads(source):
        if WALL_CLOCK.fullmatch(name):
            yield Fault(source.path, node.lineno, f"reads {name}: a test has virtual time and asserts no duration")


def sleeps(source: Source) -> Iterator[Fault]:
    """Sleep in virtual time only: a sleeping test takes ``virtual_clock``, a file of fakes speaks of it."""
    wakeful = {inner for test in tests_in_real_time(source) for inner in ast.walk(test)}
    everywhere = "virtual_clock" not in source.text
    calls = (node for node in ast.walk(tree(source)) if isinstance(node, ast.Call))
    harmless = {call.func for call in calls if yields_only(call)}
    for name, node in reads(source):
        in_real_time = ASYNC_SLEEP.fullmatch(name) and (everywhere or node in wakeful)
        if name == "time.sleep" or (in_real_time and node not in harmless):
            yield Fault(source.path, node.lineno, f"sleeps by {name}: take virtual_clock, or wait for an event")


def tests_in_real_time(source: Source) -> Iterator[Function]:
    """Test functions without ``virtual_clock`` among their arguments, decorators or the file's marks."""
    marks = (node for node in tree(source).body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node))
    if any("virtual_clock" in ast.unparse(mark) for mark in marks):
        return
    for node in ast.walk(tree(source)):
        if isinstance(node, Function) and node.name.startswith("test"):
            head = " ".join(ast.unparse(part) for part in (node.args, *node.decorator_list))
            if "virtual_clock" not in head:
                yield node


def yields_only(call: ast.Call) -> bool:
    """``sleep(0)`` lets others run and takes no time."""
    return [ast.unparse(argument) for argument in call.args] == ["0"]


def mocks(source: Source) -> Iterator[Fault]:
    for imported in imports(source):
        if MOCKS.fullmatch(imported.origin):
            yield Fault(source.path, imported.line, f"imports {imported.origin}: write a fake that can be wrong")
    for node in ast.walk(tree(source)):
        match node:
            case ast.arg(arg="mocker"):
                yield Fault(source.path, node.lineno, "takes mocker: write a fake that can be wrong")
            case ast.Attribute(value=ast.Name(id="monkeypatch"), attr=patch) if patch not in PATCHES_ALLOWED:
                yield Fault(source.path, node.lineno, f"calls monkeypatch.{patch}: pass the thing in instead")


def in_tests(source: Source) -> bool:
    return source.is_python and source.inside("tests", "examples")


def is_timeless(source: Source) -> bool:
    keeps_time = source.path == "flujo/runner.py" or source.inside("flujo/stores", "flujo/distributed")
    return engine(source) and not keeps_time


RULES = (
    Rule(
        "the engine reads no clock and no chance",
        is_timeless,
        each(clock_and_chance),
        excused={
            "flujo/execution/calling.py": "compares a deadline of the loop with the loop's own time",
            "flujo/price_list/command.py": "shows the prices of today, unless it is told a day",
            "flujo/execution/watchdog.py": "warns of a call that hangs; nothing it reads enters a run",
        },
    ),
    Rule(
        "the engine reads no environment",
        lambda source: engine(source) and not source.inside("flujo/cli"),
        each(environment),
    ),
    Rule(
        "no test reads the wall clock",
        in_tests,
        each(wall_clock),
        excused={
            "tests/flujo_testing/conformance/bad_cost_models.py": "cost models that read a clock, to be found out",
        },
    ),
    Rule(
        "no test sleeps in real time",
        in_tests,
        each(sleeps),
        excused={
            "tests/flujo_testing/test_clock_internals.py": "sleeps by a clock that the test moves ahead",
        },
    ),
    Rule(
        "no test mocks",
        in_tests,
        each(mocks),
        excused={
            "examples/strength/loosened/test_money.py": "takes mock.ANY for a value, which the lint has to mark",
        },
    ),
)
