"""Virtual time in whole pytest runs: beside other plugins, in any order, on two processes, and when it fails.

Each run is a process of its own, since it is about the plugins that pytest starts with. It gets the fixture
from ``CONFTEST``, not from the toolkit's plugin.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from flujo_testing.async_fixtures import pytest_fixture_setup
from flujo_testing.clock import hold_virtual_time

@pytest.fixture
def virtual_clock(request):
    yield from hold_virtual_time(request)
"""

BOTH_BACKENDS = """
import anyio, asyncio, pytest
from anyio import to_thread
pytestmark = pytest.mark.anyio

@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param
"""

LIVING_MODULE_FIXTURE = """
@pytest.fixture(scope="module", autouse=True)
async def living(anyio_backend):
    await anyio.sleep(0)
    yield
"""

FINE = """
@pytest.fixture
async def slow(virtual_clock):
    await anyio.sleep(500)
    yield virtual_clock.elapsed
    await anyio.sleep(500)

async def test_first(virtual_clock):
    await anyio.sleep(99)
    assert virtual_clock.elapsed == 99

async def test_second(virtual_clock):
    with anyio.move_on_after(42.5):
        await anyio.sleep_forever()
    assert virtual_clock.elapsed == 42.5

async def test_fixture(slow, virtual_clock):
    assert (slow, virtual_clock.elapsed) == (500, 500)

async def test_thread(virtual_clock):
    with anyio.fail_after(9):
        assert await to_thread.run_sync(int, "17") == 17
    assert virtual_clock.elapsed == 0

def test_of_a_plain_function():
    assert 6 * 7 == 42
"""

STUCK = """
@pytest.fixture(autouse=True)
def impatient(virtual_clock):
    virtual_clock.deadlock_after_s = 0.0

async def stuck():
    await anyio.Event().wait()

async def test_main(virtual_clock):
    await stuck()

async def test_sleep_forever(virtual_clock):
    await anyio.sleep_forever()

async def test_child(virtual_clock):
    async with anyio.create_task_group() as tg:
        tg.start_soon(stuck, name="child-one")
        tg.start_soon(stuck, name="child-two")

async def test_shield(virtual_clock):
    async def shielded():
        with anyio.CancelScope(shield=True):
            await stuck()
    async with anyio.create_task_group() as tg:
        tg.start_soon(shielded, name="child-shielded")

async def test_cancellation_swallowed(virtual_clock):
    try:
        await stuck()
    except BaseException as caught:
        swallowed = caught

async def test_native(virtual_clock, anyio_backend):
    if anyio_backend == "asyncio":
        async with asyncio.TaskGroup() as tg:
            tg.create_task(stuck(), name="child-native")
    else:
        import trio
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stuck, name="child-native")

async def test_beside_an_open_socket(virtual_clock):
    async with await anyio.create_tcp_listener(local_host="127.0.0.1"):
        await stuck()

async def test_beside_an_endless_timer(virtual_clock):
    virtual_clock.max_jumps = 1000
    async with anyio.create_task_group() as tg:
        @tg.start_soon
        async def tick():
            while True:
                await anyio.sleep(1)
        await stuck()

@pytest.fixture
async def stuck_fixture(virtual_clock):
    await stuck()
    yield

async def test_fixture(stuck_fixture):
    pass

@pytest.fixture
async def stuck_teardown(virtual_clock):
    yield
    await stuck()

async def test_teardown(stuck_teardown):
    pass

async def test_fine_after_all(virtual_clock):
    await anyio.sleep(99)
    assert virtual_clock.elapsed == 99
"""

WRITE_FAILURES_DOWN = """
import json
from pathlib import Path

failures = []

def pytest_exception_interact(call):
    failures.append((call.excinfo.type.__name__, str(call.excinfo.value)))

def pytest_sessionfinish():
    Path("failures.json").write_text(json.dumps(failures))
"""

ANYIO_ALONE = ("-p", "no:asyncio", "-p", "no:randomly")
ASYNCIO_AUTO = ("-o", "asyncio_mode=auto", "-p", "no:randomly")


ANYIO_RANDOM = ("-p", "no:asyncio", "-p", "randomly", "--randomly-seed=17")
ANYIO_ON_TWO_WORKERS = (*ANYIO_ALONE, "-n", "2")


@pytest.fixture(autouse=True)
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("COLUMNS", "400")
    pytester.makeconftest(CONFTEST)


@pytest.mark.parametrize(
    ("arguments", "line_of_the_header"),
    [
        pytest.param(ANYIO_RANDOM, "Using --randomly-seed=17", id="random-order"),
        pytest.param(ANYIO_ON_TWO_WORKERS, "*2 workers*", id="two-workers"),
        pytest.param(ASYNCIO_AUTO, "asyncio: mode=*AUTO*", id="beside-asyncio-auto"),
    ],
)
def test_it_works_on_both_backends_in_one_module(
    pytester: pytest.Pytester, arguments: tuple[str, ...], line_of_the_header: str
) -> None:
    pytester.makepyfile(
        test_function_loop=BOTH_BACKENDS + FINE,
        test_module_loop=BOTH_BACKENDS + LIVING_MODULE_FIXTURE + FINE,
    )
    result = pytester.runpytest_subprocess(*arguments)
    result.assert_outcomes(passed=9 + 10)  # the module fixture makes the plain function one for each backend
    result.stdout.fnmatch_lines([line_of_the_header])


def test_it_works_in_one_process_twice(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_fine=BOTH_BACKENDS + FINE)
    twice = pytester.makepyfile(
        twice="""
        import pytest
        arguments = ["-q", "-p", "no:asyncio", "-p", "no:randomly", "test_fine.py"]
        print("codes", [int(pytest.main(arguments)) for _ in range(2)])
        """
    )
    pytester.runpython(twice).stdout.fnmatch_lines(["codes [[]0, 0[]]"])


def test_time_goes_on_where_a_test_left_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        BOTH_BACKENDS
        + LIVING_MODULE_FIXTURE
        + """
left_at = {}

async def test_virtual(virtual_clock, anyio_backend):
    await anyio.sleep(10_000)
    left_at[anyio_backend] = anyio.current_time()

async def test_real(anyio_backend):
    assert left_at[anyio_backend] <= anyio.current_time() < left_at[anyio_backend] + 1000

async def test_virtual_again(virtual_clock, anyio_backend):
    assert virtual_clock.now() == 0
    assert left_at[anyio_backend] <= anyio.current_time() < left_at[anyio_backend] + 1000
"""
    )
    pytester.runpytest_subprocess(*ANYIO_ALONE).assert_outcomes(passed=6)


@pytest.mark.parametrize(
    "arguments",
    [pytest.param(ANYIO_ALONE, id="anyio-alone"), pytest.param(ASYNCIO_AUTO, id="beside-asyncio-auto")],
)
def test_a_deadlock_is_reported_with_the_tasks_that_wait(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    pytester.makepyfile(
        test_function_loop=BOTH_BACKENDS + STUCK,
        test_module_loop=BOTH_BACKENDS + LIVING_MODULE_FIXTURE + STUCK,
    )
    pytester.makeconftest(CONFTEST + WRITE_FAILURES_DOWN)
    result = pytester.runpytest_subprocess("--tb=line", *arguments)
    result.assert_outcomes(passed=2 * 4, failed=2 * 16, errors=2 * 4)
    failures = json.loads(Path("failures.json").read_text())
    assert [name for name, _ in failures] == ["DeadlockError"] * 40
    where = f"at {pytester.path}/test_function_loop.py"
    nothing_left = "virtual deadlock: every task waits, and no timer or thread is left to wake one:"
    texts = [text for _, text in failures]
    for text, times in (
        (f"{nothing_left}\n  the test waits for Event.wait {where}:14 in stuck", 6),
        (f"{nothing_left}\n  its fixture waits for Event.wait {where}:14 in stuck", 4),
        (
            f"{nothing_left}\n  the test waits for TaskGroup.__aexit__ {where}:23 in test_child"
            f"\n  task 'child-one' waits for Event.wait {where}:14 in stuck"
            f"\n  task 'child-two' waits for Event.wait {where}:14 in stuck",
            2,
        ),
        (
            "virtual deadlock: time jumped 1000 times (max_jumps), and no end is in sight:"
            f"\n  the test waits for Event.wait {where}:14 in stuck"
            "\n  task 'test_function_loop.test_beside_an_endless_timer.<locals>.tick' "
            f"waits for sleep {where}:59 in test_beside_an_endless_timer.<locals>.tick",
            2,
        ),
    ):
        assert (text, texts.count(text)) == (text, times)


REFUSED = """
import asyncio, pytest, trio, trio.testing
from asyncio.selector_events import BaseSelectorEventLoop  # a loop of another kind

@pytest.fixture(scope="module")
def anyio_backend():
    return BACKEND

@pytest.fixture(scope="module")
async def server(anyio_backend):
    yield

@pytest.mark.anyio
async def test_refused(server, virtual_clock):
    pass
"""


def test_a_loop_it_cannot_hold_is_an_error_that_names_the_fixture_which_started_it(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_loop=REFUSED.replace("BACKEND", '("asyncio", {"loop_factory": BaseSelectorEventLoop})'),
        test_trio=REFUSED.replace("BACKEND", '("trio", {"clock": trio.testing.MockClock()})'),
    )
    result = pytester.runpytest_subprocess(*ANYIO_ALONE)
    result.assert_outcomes(errors=2)
    refusal = "E*VirtualClockError: virtual_clock cannot take hold of the loop"
    server = "loop started by 'server' (module scope, *.py:8)). Take plain "
    result.stdout.fnmatch_lines_random(
        [
            f"{refusal}: BaseSelectorEventLoop is not an asyncio.SelectorEventLoop (*{server}'asyncio', or *",
            f"{refusal}: trio runs with a clock of its own, <MockClock*{server}'trio', without the option 'clock'.",
        ]
    )


def test_a_test_that_another_plugin_runs_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.asyncio
        async def test_of_pytest_asyncio(virtual_clock):
            pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:randomly")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "E*VirtualClockError: virtual_clock: another plugin runs this test on a loop of its own; "
            "mark the test with pytest.mark.anyio",
        ]
    )
