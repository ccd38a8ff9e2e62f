"""The command line in processes of its own: interrupted, killed, read by ``head``, on a terminal, without colours."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import IO

import pytest

from flujo.cli.endings import CLEAN, INTERRUPTED
from tests.flujo.cli.conftest import PRESS, ROOT

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from tests.flujo.cli.process import started; sys.exit(started(sys.argv[1:]))",
]
URL = "sqlite:///runs.db"
SLOW = textwrap.dedent(
    """
    import sys
    import anyio
    from flujo import AgentOutput, Flujo, Price, PriceTable, Step, Usage


    class Writer:
        model, max_output_tokens = "test:writer", 40

        def __init__(self, name):
            self.name = name

        def estimate_input(self, text):
            return 120

        async def run(self, text):
            if self.name == "slow":
                print("asked", file=sys.stderr, flush=True)
                await anyio.sleep_forever()
            return AgentOutput(text + "!", usage=Usage(input_tokens=120, output_tokens=40), model="test:writer")


    class Quick(Writer):
        async def run(self, text):
            return AgentOutput(text + "!", usage=Usage(input_tokens=120, output_tokens=40), model="test:writer")


    prices = PriceTable({"test:writer": Price(input="3", output="17")})


    def flow(second):
        return Flujo((Step("one", Writer("one")) >> Step("two", second)).named("slow"), cost_model=prices)


    slow = flow(Writer("slow"))
    """
)


def environment(**more: str) -> dict[str, str]:
    known = {
        name: value for name, value in os.environ.items() if name not in ("FLUJO_STORE", "NO_COLOR", "FORCE_COLOR")
    }
    return known | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "TERM": "xterm-256color"} | more


def flujo(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment(**more), capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


def begun(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run in the background, in the middle of its second step."""
    (folder / "app.py").write_text(SLOW)
    process = subprocess.Popen(
        [*COMMAND, "run", "app:slow", "--input", "rain", "--run-id", "r1", *arguments],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert reading(process.stderr).readline() == "asked\n"
    return process


def reading(pipe: IO[str] | None) -> IO[str]:
    """The pipe of a process that was given one."""
    if pipe is None:
        raise AssertionError("the process has no pipe here")
    return pipe


def quick(folder: Path) -> None:
    """The second step answers from now on."""
    (folder / "app.py").write_text(SLOW.replace('slow = flow(Writer("slow"))', 'slow = flow(Quick("slow"))'))


def test_an_interrupted_run_says_how_to_go_on_and_goes_on(tmp_path: Path) -> None:
    process = begun(tmp_path, "--store", URL)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (err, process.returncode) == (
        "flujo: interrupted; nothing that was answered is lost: flujo resume r1 --store sqlite:///runs.db\n",
        INTERRUPTED,
    )
    assert "Traceback" not in out
    quick(tmp_path)
    said = flujo(tmp_path, "resume", "r1", FLUJO_STORE=URL)
    assert (said.stdout.splitlines()[-3], said.stderr, said.returncode) == ("rain!!", "", CLEAN)


def test_an_interrupted_run_that_nobody_keeps_is_lost_and_says_so(tmp_path: Path) -> None:
    process = begun(tmp_path)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (err, process.returncode) == (
        "flujo: interrupted; no store kept the run (--store), so it cannot go on\n",
        INTERRUPTED,
    )


def test_a_killed_run_is_interrupted_its_call_in_doubt_and_it_goes_on(tmp_path: Path) -> None:
    process = begun(tmp_path, "--store", URL)
    held = flujo(tmp_path, "resume", "r1", FLUJO_STORE=URL)
    assert (held.returncode, held.stderr.startswith("flujo: run 'r1' is being run by ")) == (7, True)
    running = flujo(tmp_path, "runs", FLUJO_STORE=URL).stdout.splitlines()[1]
    assert running.split()[:4] == ["r1", ">", "running", "slow"]
    process.kill()
    process.communicate(timeout=30)
    shown = flujo(tmp_path, "show", "r1", FLUJO_STORE=URL)
    assert "in doubt 1 call that may have been paid, up to 0.00104 USD\n" in shown.stdout
    assert shown.stdout.splitlines()[-2:] == [
        "- interrupted  1 request  ·  120 in, 40 out tokens  ·  0.00104 USD  ·  run r1",
        "next: flujo resume r1 --store sqlite:///runs.db",
    ]
    watched = flujo(tmp_path, "watch", "r1", FLUJO_STORE=URL)
    assert (watched.stdout.splitlines()[0], watched.returncode) == ('one/attempt:1: "rain!"', INTERRUPTED)
    quick(tmp_path)
    said = flujo(tmp_path, "resume", "r1", FLUJO_STORE=URL)
    assert (said.stdout.splitlines()[-3], said.returncode) == ("rain!!", CLEAN)


def test_a_run_is_watched_from_another_process_to_its_end(tmp_path: Path) -> None:
    process = begun(tmp_path, "--store", URL)
    watching = subprocess.Popen(
        [*COMMAND, "watch", "r1", "--every", "0.05", "--json", "--store", URL],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    first = json.loads(reading(watching.stdout).readline())
    assert (first["event"], first["path"], first["value"]) == ("stored_answer", "one/attempt:1", "rain!")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    out, _ = watching.communicate(timeout=30)
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["status"], watching.returncode) == ("run", "cancelled", INTERRUPTED)


@pytest.mark.parametrize(
    "options", [["show", "r1"], ["show", "r1", "--json"], ["export", "r1"], ["runs"], ["watch", "r1"]]
)
def test_a_reader_that_leaves_early_is_no_error(options: list[str], tmp_path: Path) -> None:
    flujo(tmp_path, "run", f"{PRESS}:press", "--input", "rain", "--run-id", "r1", FLUJO_STORE=URL)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *options], cwd=tmp_path, env=environment(FLUJO_STORE=URL), stdout=writing, stderr=subprocess.PIPE,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    os.close(writing)
    assert (done.stderr, done.returncode) == ("", CLEAN)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_run_goes_on_to_its_end_when_its_reader_leaves(options: list[str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "run", f"{PRESS}:press", "--input", "rain", "--run-id", "r1", *options], cwd=tmp_path,
        env=environment(FLUJO_STORE=URL), stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip
    os.close(writing)
    assert (done.stderr, done.returncode) == ("", CLEAN)
    assert json.loads(flujo(tmp_path, "runs", "--json", FLUJO_STORE=URL).stdout)["status"] == "completed"


def on_terminal(folder: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """The exit code, and all that was written to a terminal of 80 columns."""
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, env=environment(**more), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            read = os.read(mine, 65536)
        except OSError:  # Linux says so when nobody has the other end any more
            break
        if not read:
            break
        written += read
    os.close(mine)
    return process.wait(timeout=30), written.decode().replace("\r\n", "\n")


SCREEN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")


def test_a_terminal_shows_the_tree_in_colour_and_keeps_it(tmp_path: Path) -> None:
    code, screen = on_terminal(tmp_path, "run", f"{PRESS}:press", "--input", "rain", "--run-id", "r1")
    assert (code, bool(COLOUR.search(screen))) == (CLEAN, True)
    assert (
        SCREEN.sub("", screen).splitlines()[-10:]
        == [
            "                                                                      USD",
            "├─ ✓ write                   2 attempts                          0.002080  2.4 s",
            "└─ ✓ review                  parallel                            0.000904  1.0 s",
            "   ├─ ✓ branch legal / read                                      0.000452  0.5 s",
            "   └─ ✓ branch tone / read                                       0.000452  0.5 s",
            "",
            '{"legal": "fine", "tone": "fine"}',
            "",
            "✓ completed  4 requests  ·  322 in, 106 out tokens  ·  0.002984 USD  ·  run r1",
        ][-10:]
    )


def test_no_colours_where_they_are_not_wanted_and_no_tree_on_a_dumb_terminal(tmp_path: Path) -> None:
    run = ("run", f"{PRESS}:press", "--input", "rain", "--run-id", "r1")
    _, plain = on_terminal(tmp_path, *run, NO_COLOR="1")
    assert COLOUR.findall(plain) == []
    _, dumb = on_terminal(tmp_path, *run, TERM="dumb")
    assert dumb.partition("\n")[0] == 'run: press starts with "rain"'


def test_help_loads_neither_the_engine_nor_a_store(tmp_path: Path) -> None:
    asked = "import sys; from tests.flujo.cli.process import main; main(['--help']); " + (
        "sys.stderr.write(' '.join(sorted({'pydantic', 'anyio', 'flujo.runner', 'sqlite3', 'asyncio', 'yaml', 'pytest'}"
        " & sys.modules.keys())))"
    )
    # Where coverage is measured it follows subprocesses, and keeps what it saw in SQLite.
    unmeasured = {name: value for name, value in environment().items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, env=unmeasured, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.returncode) == ("", CLEAN)
