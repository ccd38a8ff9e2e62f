"""``flujo run``: what is told of a run while it runs and when it has ended, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flujo.cli.endings import CLEAN, FINDINGS, LIMITED, PAUSED, USAGE
from tests.flujo.cli.conftest import PRESS, Call

PRESS_TOLD = """\
run: press starts with "rain"
write: attempt 1 asks Writer
write: attempt 1 paid 0.00104 USD, 0.00104 USD so far
write: attempt 1 answered "Rain falls, and falls, and falls"
write: attempt 1: four_words rejects: 6 words, at most 4
write: attempt 2 asks Writer after four_words: 6 words, at most 4
write: attempt 2 paid 0.00104 USD, 0.00208 USD so far
write: attempt 2 answered "Grey rain again"
write: attempt 2: four_words accepts
write: completed after 2.4 s
review/branch:legal/read: attempt 1 asks legal
review/branch:legal/read: attempt 1 paid 0.000452 USD, 0.002532 USD so far
review/branch:legal/read: attempt 1 answered "fine"
review/branch:legal/read: completed after 0.5 s
review/branch:tone/read: attempt 1 asks tone
review/branch:tone/read: attempt 1 paid 0.000452 USD, 0.002984 USD so far
review/branch:tone/read: attempt 1 answered "fine"
review/branch:tone/read: completed after 0.5 s
review: completed after 1.0 s

{"legal": "fine", "tone": "fine"}

✓ completed  4 requests  ·  322 in, 106 out tokens  ·  0.002984 USD  ·  run r1
"""


def test_a_run_is_told_line_by_line_where_there_is_no_terminal(flujo: Call) -> None:
    said = flujo("run", f"{PRESS}:press", "--input", "rain", "--run-id", "r1")
    assert (said.out, said.err, said.code) == (PRESS_TOLD, "", CLEAN)


@pytest.mark.parametrize(
    ("name", "options", "code", "end"),
    [
        (
            "wordy",
            [],
            FINDINGS,
            "✗ failed  2 requests  ·  240 in, 80 out tokens  ·  0.00208 USD  ·  run r1\n"
            "step 'write' failed after 2 attempts: plugin 'four_words' rejected the last draft: 6 words, at most 4\n"
            "no store kept the run: with --store it could go on\n",
        ),
        (
            "thrifty",
            [],
            LIMITED,
            "! limited  1 request  ·  120 in, 40 out tokens  ·  0.00104 USD  ·  run r1\n"
            "write/attempt:2 may use 1 request, 0 of 1 left\n"
            "no store kept the run: with --store it could go on\n",
        ),
        (
            "press",
            ["--limit-usd", "0.002"],
            LIMITED,
            "! limited  2 requests  ·  240 in, 80 out tokens  ·  0.00208 USD  ·  run r1\n"
            "write/attempt:2 passed a limit: run used 0.00208 of 0.002 USD\n"
            "no store kept the run: with --store it could go on\n",
        ),
        (
            "approved",
            [],
            PAUSED,
            "? paused  3 requests  ·  202 in, 66 out tokens  ·  0.001944 USD  ·  run r1\n"
            "approve: Publish it?\n"
            "no store kept the run: with --store it could go on\n",
        ),
    ],
)
def test_the_exit_code_tells_how_a_run_ended(name: str, options: list[str], code: int, end: str, flujo: Call) -> None:
    said = flujo("run", f"{PRESS}:{name}", "--input", "rain", "--run-id", "r1", *options)
    assert (said.out.partition("\n\n")[2], said.err, said.code) == (end, "", code)


def test_text_of_a_model_is_inert_in_every_line(flujo: Call) -> None:
    said = flujo("run", f"{PRESS}:hostile", "--input", "[red]rain[/red]", "--run-id", "r1")
    on_one_line = r'"[bold]Rain[/bold] \u001b[31mfalls\u001b[0m\u202e, and falls\n::error::and falls"'
    assert (said.out, said.err, said.code) == (
        f"""\
run: pipeline starts with "[red]rain[/red]"
write: attempt 1 asks Writer
write: attempt 1 paid 0.00104 USD, 0.00104 USD so far
write: attempt 1 answered {on_one_line}
write: completed after 1.2 s
echo: attempt 1 asks Writer
echo: attempt 1 paid 0.00104 USD, 0.00208 USD so far
echo: attempt 1 answered {on_one_line}
echo: completed after 1.2 s

[bold]Rain[/bold] \\x1b[31mfalls\\x1b[0m\\u202e, and falls
\\x3a:error::and falls

✓ completed  2 requests  ·  240 in, 80 out tokens  ·  0.00208 USD  ·  run r1
""",
        "",
        CLEAN,
    )


def test_json_has_one_object_for_each_event_and_the_result_last(flujo: Call) -> None:
    said = flujo("run", f"{PRESS}:press", "--input", "rain", "--run-id", "r1", "--json")
    *events, result = [json.loads(line) for line in said.out.splitlines()]
    kinds = ["run_started", "step_started", "asked", "paid", "answered", "judged"]
    assert [event["event"] for event in events[:6]] == kinds
    assert events[0] == {
        "event": "run_started", "step": "", "at_s": 0.0, "pipeline": "press", "input": "rain",
        "context": {"drafts": [], "notes": {}},
    }  # fmt: skip
    assert events[5] == {
        "event": "judged", "step": "write", "at_s": 1.2, "attempt": 1, "hop": 0, "plugin": "four_words",
        "accepted": False, "feedback": "6 words, at most 4", "redirect_to": None, "replaced": False,
        "new_solution": None, "crashed": False,
    }  # fmt: skip
    assert (events[3]["entry"]["cost_usd"], events[3]["entry"]["path"]) == ("0.00104", "write/attempt:1")
    assert result == {
        "result": "completed", "run_id": "r1", "output": {"legal": "fine", "tone": "fine"}, "error": None,
        "questions": [], "cost_usd": "0.002984", "known_cost_usd": "0.002984",
        "possible_cost_usd": "0.002984", "requests": 4, "input_tokens": 322, "output_tokens": 106,
    }  # fmt: skip
    assert (said.err, said.code) == ("", CLEAN)


def test_questions_of_a_paused_run_are_in_its_json(flujo: Call) -> None:
    said = flujo("run", f"{PRESS}:approved", "--input", "rain", "--json")
    result = json.loads(said.out.splitlines()[-1])
    told = {"path": "approve", "message": "Publish it?", "input": {"legal": "fine", "tone": "fine"}}
    assert (result["result"], result["questions"], said.code) == ("paused", [told], PAUSED)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ([], "null"),
        (["--input", "rain"], '"rain"'),
        (["--input-json", '{"a": [1, 2.5, null]}'], '{"a": [1, 2.5, null]}'),
        (["--input-file", "rain.txt"], r'"grey\nrain\n"'),
        (["--input-file", "rain.json"], '["grey", "rain"]'),
    ],
)
def test_an_input_is_text_data_or_a_file(options: list[str], shown: str, flujo: Call, tmp_path: Path) -> None:
    (tmp_path / "rain.txt").write_text("grey\nrain\n")
    (tmp_path / "rain.json").write_text('["grey", "rain"]')
    (tmp_path / "rainy.py").write_text(
        "from flujo import Step\n\nasync def keep(given): return given\n\nflow = Step('keep', keep)\n"
    )
    said = flujo("run", "rainy:flow", *options)
    assert said.out.partition("\n")[0] == f"run: pipeline starts with {shown}"


def test_the_context_begins_with_what_is_given(flujo: Call) -> None:
    said = flujo("run", f"{PRESS}:press", "--input", "rain", "--context", '{"drafts": ["old"]}', "--json")
    assert json.loads(said.out.partition("\n")[0])["context"] == {"drafts": ["old"], "notes": {}}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--input", "a", "--input-json", "1"], "--input and --input-json both give an input: pass one of them"),
        (
            ["--input-json", "{"],
            "--input-json is not JSON: Expecting property name enclosed in double quotes (line 1, column 2)",
        ),
        (["--input-json", "[" * 100_000], "--input-json is not JSON: it is nested too deeply"),
        (["--input-file", "none.txt"], "the input file 'none.txt' cannot be read: No such file or directory"),
        (["--input-file", "latin.txt"], "the input file 'latin.txt' cannot be read: it is not UTF-8"),
        (["--input-file", "bad.json"], "bad.json is not JSON: Expecting value (line 2, column 1)"),
        (["--context", "[1]"], "--context is [1]: pass a JSON object with fields of the context"),
        (
            ["--context", '{"draft": 1}'],
            "context_data has 'draft', but the fields of Desk are: drafts, notes",
        ),
        (["--limit-usd", "much"], "total_cost_usd_limit is no amount that can be kept exactly: 'much'"),
        (["--limit-usd", "-1"], "total_cost_usd_limit must be at least 0, not -1"),
        (["--limit-requests", "-1"], "request_limit must be at least 0, not -1"),
        (["--run-id", " "], "run_id is ' '; pass a text that names the run, or leave it out"),
        (
            ["--store", "redis://here"],
            "'redis://here' is no store: write sqlite:///runs.db (beside the working directory) or "
            "sqlite:////srv/runs.db (absolute); postgresql://user@host/database",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(options: list[str], why: str, flujo: Call, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "bad.json").write_text("[1,\n")
    said = flujo("run", f"{PRESS}:press", *options)
    assert (said.err, said.out, said.code) == (f"flujo: {why}\n", "", USAGE)


def test_a_step_and_a_pipeline_run_without_a_flujo(flujo: Call, tmp_path: Path) -> None:
    (tmp_path / "rainy.py").write_text(
        "from flujo import Step\n\n"
        "async def shout(text): return text.upper()\n\n"
        "shout_it = Step('shout', shout)\n"
        "twice = shout_it >> shout_it.named('again')\n"
        "class Shelf:\n    pipeline = twice\n"
    )
    for name in ("shout_it", "twice", "Shelf.pipeline"):
        said = flujo("run", f"rainy:{name}", "--input", "rain", "--run-id", "r1")
        assert said.out.partition("\n\n")[2] == "RAIN\n\n✓ completed  run r1\n"


def test_a_listener_that_raises_is_told_and_changes_nothing(flujo: Call, tmp_path: Path) -> None:
    (tmp_path / "rainy.py").write_text(
        "from flujo import Flujo, Step\n\n"
        "async def shout(text): return text.upper()\n\n"
        "def listen(event):\n    if type(event).__name__ == 'RunEnded': raise ValueError('deaf')\n\n"
        "runner = Flujo(Step('shout', shout), listeners=[listen])\n"
    )
    said = flujo("run", "rainy:runner", "--input", "rain")
    assert (said.err, said.code) == ("flujo: a listener raised ValueError: deaf\n", CLEAN)


MODELS = """
from pydantic import BaseModel

from flujo import Step


class Ticket(BaseModel):
    number: int
    text: str


async def answer(ticket: Ticket) -> str:
    return f"{type(ticket).__name__} {ticket.number}: {ticket.text}"


flow = Step("answer", answer)
"""


def test_data_becomes_what_the_first_step_takes(flujo: Call, tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text(MODELS)
    said = flujo("run", "desk:flow", "--input-json", '{"number": 7, "text": "rain"}', "--run-id", "r1")
    assert said.out.partition("\n\n")[2] == "Ticket 7: rain\n\n✓ completed  run r1\n"
    wrong = flujo("run", "desk:flow", "--input-json", '{"number": "x"}')
    assert (wrong.err[: len("flujo: the input does not fit Ticket: ")], wrong.err.count("\n"), wrong.code) == (
        "flujo: the input does not fit Ticket: ",
        1,
        USAGE,
    )
