"""``flujo worker`` and ``flujo runs`` on a store in Postgres, as people call them."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from chaos.workers import flows
from flujo.cli.commands import run
from flujo.distributed.runtime import DBOSRuntime

ROOT = Path(__file__).parents[2]
SHORT = f"{flows.HERE}:short"
COMMANDS = [
    EntryPoint("worker", "flujo.cli.working:worker", "flujo.commands"),
    EntryPoint("runs", "flujo.cli.stored:runs", "flujo.commands"),
]
MAIN = "import sys; from tests.dbos.test_commands import COMMANDS; from flujo.cli.commands import run; "


def worker_process(database: str) -> subprocess.Popen[str]:
    arguments = ["worker", SHORT, "--store", database, "--poll", "0.05", "--grace", "0"]
    command = [sys.executable, "-c", f"{MAIN}sys.exit(run({arguments!r}, COMMANDS))"]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)


@pytest.mark.anyio
async def test_a_worker_serves_until_it_is_told_to_stop(
    database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with DBOSRuntime(database, poll_s=0.02) as runtime, DBOSRuntime(database, version="v2") as later:
        await runtime.start(SHORT, "rain", run_id="r1")
        await later.start(SHORT, "rain", run_id="r2")
        with worker_process(database) as process:
            assert process.stdout
            name, _, said = process.stdout.readline().partition(" ")
            assert said == f"serves {SHORT} in version flujo-1\n"
            waits = f"{SHORT}: 1 run waits for a worker of version 'v2'; those that are there have 'flujo-1'"
            assert process.stdout.readline().strip() == waits
            assert (await runtime.result("r1")).summary.status == "completed"
            assert run(["runs", "--store", database], COMMANDS) == 0
            process.send_signal(signal.SIGTERM)
            assert process.stdout.read() == f"{name} takes nothing more and waits up to 0 s for what it runs\n"
        assert process.returncode == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[::2][:2] for line in lines[1:3]] == [["r2", "queued"], ["r1", "completed"]]
    assert lines[-1] == waits


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((SHORT, "--store", "sqlite:///runs.db"), "a store in Postgres is named by postgresql://user@host/database"),
        (
            (SHORT, "--store", "postgresql://a@127.0.0.1:1/runs"),
            "the store Postgres at 127.0.0.1:1, database runs cannot",
        ),
        (("nosuch:flow", "--store", "postgresql://a@b/c"), "there is no module 'nosuch'"),
        (
            (SHORT, "--store", "postgresql://a@b/c", "--rate", "9"),
            "--rate '9': write 60/30 for at most 60 in 30 seconds",
        ),
    ],
)
def test_a_worker_that_cannot_serve_says_why(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["worker", *arguments], COMMANDS) == 2
    assert capsys.readouterr().err.startswith(f"flujo: {told}")
