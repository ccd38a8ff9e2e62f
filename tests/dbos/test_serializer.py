"""What DBOS writes down for us is JSON: plain data, and exceptions by their name and text."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from chaos.workers import flows
from flujo.distributed.runtime import DBOSRuntime
from flujo.distributed.serializer import ErrorElsewhere, JsonSerializer
from flujo.distributed.worker import Worker
from flujo.errors import MisuseError

SHORT = f"{flows.HERE}:short"


def again(value: object) -> Any:
    serializer = JsonSerializer()
    return serializer.deserialize(serializer.serialize(value))


@pytest.mark.parametrize(
    "value", [None, 1.5, "grey \u00e9 \U0001f327 \x00", [1, [2]], {"args": [], "kwargs": {"a": None}}]
)
def test_plain_data_comes_back(value: object) -> None:
    assert again(value) == value


def test_an_exception_comes_back_as_its_name_and_text() -> None:
    for error in (again(MisuseError("no")), again(again(MisuseError("no")))):
        assert (type(error), error.kind, error.text) == (ErrorElsewhere, "flujo.errors.MisuseError", "no")
        assert str(error) == "flujo.errors.MisuseError: no"
    assert str(again(KeyError())) == "builtins.KeyError"


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), b"bytes", {"a": float("inf")}, {"$error": 1}])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=r"is not JSON serializable|not JSON compliant"):
        JsonSerializer().serialize(value)


@pytest.mark.anyio
async def test_all_that_dbos_keeps_of_a_run_is_json(database: str) -> None:
    with DBOSRuntime(database, poll_s=0.02) as runtime:
        await runtime.start(SHORT, "rain", run_id="r1", context_data={})
        async with Worker(database, {SHORT: flows.short}, poll_s=0.02, patience_s=2.0):
            await runtime.result("r1")
    with psycopg.connect(database) as session:
        rows = session.execute(
            "SELECT s.serialization, i.inputs, o.output FROM dbos.workflow_status s "
            "JOIN dbos.workflow_input i USING (workflow_uuid) JOIN dbos.workflow_output o USING (workflow_uuid)"
        ).fetchall()
    told = json.dumps({"input": "rain", "context_data": {}}, separators=(",", ":"))
    arguments = {"args": [SHORT, "start", "r1", told], "kwargs": {}}
    assert [(how, json.loads(given), json.loads(out)) for how, given, out in rows] == [
        ("flujo_json", arguments, "completed")
    ]
