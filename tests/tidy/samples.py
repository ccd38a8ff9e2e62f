"""Bad files, each with exactly what its rule says of it, and good ones that look alike. Data only.

Texts that may stand nowhere in the project are put together from pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

OTHER = "flu" + "jo"
REGISTRY = "pypi" + ".org"
HOME = "/" + "home/ada"


@dataclass(frozen=True, slots=True)
class Sample:
    """Files by path, and the faults that the rule of this name finds in them."""

    rule: str
    files: dict[str, str]
    faults: tuple[str, ...] = ()


BAD = (
    Sample(
        "every module of flujo stands on a floor",
        {"flujo/attic.py": ""},
        ("flujo/attic.py: stands on no floor: add 'attic' to FLOORS in tests/tidy/floors.py",),
    ),
    Sample(
        "no module imports from a higher floor",
        {
            "flujo/usage.py": "from flujo.execution import ledger\ndef late():\n    import flujo.cli.app\n",
            "flujo/execution/ledger.py": "from ..runner import Flujo\nfrom .. import Step\n",
            "flujo/runner.py": "",
            "flujo/cli/app.py": "",
            "flujo/__init__.py": "",
        },
        (
            "flujo/execution/ledger.py:1: floor 3 imports flujo.runner from floor 4",
            "flujo/execution/ledger.py:2: floor 3 imports flujo from floor 6",
            "flujo/usage.py:1: floor 0 imports flujo.execution.ledger from floor 3",
            "flujo/usage.py:3: floor 0 imports flujo.cli.app from floor 5",
        ),
    ),
    Sample(
        "no module imports itself by a detour",
        {
            "flujo/steps.py": "def late():\n    from flujo.pipeline import Pipeline\n",
            "flujo/pipeline.py": "import flujo.structure\n",
            "flujo/structure.py": "from importlib import import_module\nimport_module('flujo.steps')\n",
        },
        ("flujo/pipeline.py: imports itself: flujo.pipeline -> flujo.structure -> flujo.steps -> flujo.pipeline",),
    ),
    Sample(
        "the engine imports no test library",
        {"flujo/runner.py": "def late():\n    from unittest.mock import Mock\nimport flujo_testing.costs\n"},
        (
            "flujo/runner.py:2: the engine imports unittest.mock.Mock",
            "flujo/runner.py:3: the engine imports flujo_testing.costs",
        ),
    ),
    Sample(
        "what pytest loads at start imports pytest and the standard library only",
        {
            "flujo_testing/__init__.py": "from .agents import EchoAgent\n",
            "flujo_testing/pytest_plugin.py": "import yaml\n",
        },
        (
            "flujo_testing/__init__.py:1: loads flujo_testing.agents.EchoAgent with every pytest: "
            "import it inside the function that needs it",
            "flujo_testing/pytest_plugin.py:1: loads yaml with every pytest: "
            "import it inside the function that needs it",
        ),
    ),
    Sample(
        "the toolkit uses the engine by its public names",
        {"flujo_testing/costs.py": "from flujo.money import _exact\nimport flujo._frames\n"},
        (
            "flujo_testing/costs.py:1: uses the private name flujo.money._exact",
            "flujo_testing/costs.py:2: uses the private name flujo._frames",
        ),
    ),
    Sample(
        "the engine reads no clock and no chance",
        {
            "flujo/steps.py": "import time\nimport datetime as dt\nfrom uuid import uuid4\n"
            "now = dt.datetime.now()\nname = uuid4()\n",
            "flujo/laws.py": "from datetime import date\ntoday = date.today\n",
            "flujo/execution/frame.py": "from anyio import current_time\nlate = current_time()\n",
        },
        (
            "flujo/execution/frame.py:2: reads anyio.current_time: ask the Clock port, or take it as an argument",
            "flujo/laws.py:2: reads datetime.date.today: ask the Clock port, or take it as an argument",
            "flujo/steps.py:1: imports time: ask the Clock port, or take it as an argument",
            "flujo/steps.py:4: reads datetime.datetime.now: ask the Clock port, or take it as an argument",
            "flujo/steps.py:5: reads uuid.uuid4: ask the Clock port, or take it as an argument",
        ),
    ),
    Sample(
        "the engine reads no environment",
        {"flujo/runner.py": "import os\nfrom os import getenv as ask\nos.environ.get('CI')\nask('CI')\n"},
        (
            "flujo/runner.py:3: reads os.environ: only the command line knows the environment",
            "flujo/runner.py:4: reads os.getenv: only the command line knows the environment",
        ),
    ),
    Sample(
        "no test reads the wall clock",
        {"tests/test_rain.py": "import time\nfrom time import monotonic\ntime.time()\nmonotonic()\n"},
        (
            "tests/test_rain.py:3: reads time.time: a test has virtual time and asserts no duration",
            "tests/test_rain.py:4: reads time.monotonic: a test has virtual time and asserts no duration",
        ),
    ),
    Sample(
        "no test sleeps in real time",
        {
            "tests/test_rain.py": "import anyio, time\nasync def test_it(virtual_clock):\n"
            "    await anyio.sleep(1); run(time.sleep, 1)\n"
            "async def test_that():\n    await anyio.sleep(2)\n",
            "tests/test_snow.py": "from asyncio import sleep\nasync def slow():\n    await sleep(1)\n",
        },
        (
            "tests/test_rain.py:3: sleeps by time.sleep: take virtual_clock, or wait for an event",
            "tests/test_rain.py:5: sleeps by anyio.sleep: take virtual_clock, or wait for an event",
            "tests/test_snow.py:3: sleeps by asyncio.sleep: take virtual_clock, or wait for an event",
        ),
    ),
    Sample(
        "no test mocks",
        {
            "tests/test_rain.py": "from unittest.mock import MagicMock\nimport unittest.mock\n"
            "def test_it(mocker, monkeypatch):\n    monkeypatch.setattr('a', 'b')\n"
        },
        (
            "tests/test_rain.py:1: imports unittest.mock.MagicMock: write a fake that can be wrong",
            "tests/test_rain.py:2: imports unittest.mock: write a fake that can be wrong",
            "tests/test_rain.py:3: takes mocker: write a fake that can be wrong",
            "tests/test_rain.py:4: calls monkeypatch.setattr: pass the thing in instead",
        ),
    ),
    Sample(
        "tests compare with exact values",
        {
            "tests/test_rain.py": "assert cost >= 0\nassert 0 <= cost\nassert answer is not None\n"
            "assert ready and not isinstance(answer, str)\n"
        },
        (
            "tests/test_rain.py:1: asserts '>= 0': compare with the exact value",
            "tests/test_rain.py:2: asserts '0 <=': compare with the exact value",
            "tests/test_rain.py:3: asserts 'is not None': compare with the exact value",
            "tests/test_rain.py:4: asserts isinstance: compare with the exact value",
        ),
    ),
    Sample(
        "tests name the error that they expect",
        {"tests/test_rain.py": "import pytest\nwith pytest.raises(Exception):\n    run()\n"},
        ("tests/test_rain.py:2: expects Exception: name the error, or match its message",),
    ),
    Sample(
        "no error is swallowed",
        {
            "flujo/runner.py": "try:\n    run()\nexcept ValueError:\n    pass\n"
            "with contextlib.suppress(Exception):\n    run()\n"
        },
        (
            "flujo/runner.py:3: swallows an error: let it pass on, or make it a fact",
            "flujo/runner.py:5: suppresses Exception: name the error",
        ),
    ),
    Sample(
        "no file is longer than 400 lines",
        {"flujo/steps.py": "\n" * 401, "tests/test_rain.py": "\n" * 402},
        ("flujo/steps.py: has 401 lines, at most 400", "tests/test_rain.py: has 402 lines, at most 400"),
    ),
    Sample(
        "no function is longer than 60 lines",
        {"flujo/steps.py": "async def run():\n" + "    wait()\n" * 60},
        ("flujo/steps.py:1: run has 61 lines, at most 60",),
    ),
    Sample(
        "every module has a docstring",
        {"flujo/steps.py": "import enum\n"},
        ("flujo/steps.py: has no docstring: say what the file is and what it is not",),
    ),
    Sample(
        "files are named after what they are",
        {
            "flujo/run_utils.py": "",
            "flujo/common/steps.py": "",
            "flujo/steps_v2.py": "",
            "noxfile.py.orig": "",
        },
        (
            "flujo/common/steps.py: 'common' names nothing: name the file after what it holds",
            "flujo/run_utils.py: 'utils' names nothing: name the file after what it holds",
            "flujo/steps_v2.py: 'v2' names nothing: name the file after what it holds",
            "noxfile.py.orig: is a left-over copy: git remembers",
        ),
    ),
    Sample(
        "nobody is told to install another product",
        {"README.md": f"\npip install -U '{OTHER}[testing]'", "docs/start.md": f"uv add {OTHER}"},
        (
            f"README.md:2: says 'pip install -U '{OTHER}': the distribution is flujo-pipelines",
            f"docs/start.md:1: says 'uv add {OTHER}': the distribution is flujo-pipelines",
        ),
    ),
    Sample(
        "no text names a package registry",
        {".ci/run": f"ping {REGISTRY}"},
        (f".ci/run:1: says '{REGISTRY}': a registry is configured",),
    ),
    Sample(
        "no text holds a path of one machine",
        {"golden/test_rain/test_it.yaml": f'input: "{HOME}/rain.txt"'},
        (f"golden/test_rain/test_it.yaml:1: says '{HOME}': it exists nowhere else",),
    ),
)

GOOD = (
    Sample(
        "no module imports from a higher floor",
        {
            "flujo/runner.py": "from flujo.usage import Usage\n",
            "flujo/usage.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from flujo.runner import Flujo\n",
        },
    ),
    Sample(
        "no module imports itself by a detour",
        {
            "flujo/execution/frame.py": "from flujo.execution.merge import join\n",
            "flujo/execution/merge.py": "from typing import TYPE_CHECKING\nimport flujo.money\n"
            "if TYPE_CHECKING:\n    from flujo.execution.frame import Frame\n",
            "flujo/money.py": "",
        },
    ),
    Sample(
        "what pytest loads at start imports pytest and the standard library only",
        {
            "flujo_testing/pytest_plugin.py": "from __future__ import annotations\nimport os, pytest\n"
            "def golden():\n    from flujo_testing.golden import Golden\n"
        },
    ),
    Sample(
        "the engine reads no clock and no chance",
        {
            "flujo/canonical.py": "from datetime import datetime\nfrom uuid import UUID\n"
            "datetime.fromisoformat(UUID)\nclock.now()\n"
        },
    ),
    Sample(
        "no test sleeps in real time",
        {
            "tests/test_rain.py": "import anyio\nasync def slow():\n    await anyio.sleep(1)\n"
            "async def test_it(virtual_clock):\n    await anyio.sleep(1)\n"
            "async def test_that():\n    await anyio.sleep(0)\n",
            "tests/test_snow.py": "import anyio, pytest\n"
            "pytestmark = pytest.mark.usefixtures('virtual_clock')\n"
            "async def test_it():\n    await anyio.sleep(1)\n",
        },
    ),
    Sample(
        "no test mocks",
        {"tests/test_rain.py": "def test_it(monkeypatch):\n    monkeypatch.setenv('CI', '1')\n"},
    ),
    Sample(
        "tests compare with exact values",
        {
            "tests/test_rain.py": "assert cost == 0\nassert error is None\n"
            "if x is not None:\n    assert y == isinstance(x, str)\n"
        },
    ),
    Sample(
        "tests name the error that they expect",
        {"tests/test_rain.py": "with raises(Exception, match='rain'):\n    run()\n"},
    ),
    Sample(
        "nobody is told to install another product",
        {"README.md": "pip install 'flujo-pipelines[testing]' && python -m flujo\n"},
    ),
    Sample(
        "no text holds a path of one machine",
        {"flujo/steps.py": "path = 'review/root/workflow'; other = '/workflow'\n"},
    ),
)
