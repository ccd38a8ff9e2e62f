"""``runs``, ``show``, ``resume``, ``fork``, ``export``, ``watch``: what a store holds, and going on with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flujo.cli.endings import CLEAN, FINDINGS, LIMITED, PAUSED, USAGE
from tests.flujo.cli.conftest import PRESS, Call, Said

URL = "sqlite:///runs.db"
STORE = ("--store", URL)


def kept(flujo: Call, name: str, run_id: str | None = None, *options: str) -> Said:
    return flujo("run", f"{PRESS}:{name}", "--input", "rain", *STORE, "--run-id", run_id or name, *options)


PRESS_SHOWN = """\
press  tests.flujo.cli.press:press
run      press  2026-03-01 12:00:00 UTC, 3.4 s
input    "rain"

                                                                                          USD
├─ ✓ write                   2 attempts                                              0.002080  2.4 s
│     attempt 1              Writer  test:writer  120 in, 40 out                     0.001040  1.2 s
│       answer               "Rain falls, and falls, and falls"
│       four_words           rejects: 6 words, at most 4
│     attempt 2              Writer  test:writer  120 in, 40 out                     0.001040  1.2 s
│       feedback             four_words, attempt 1: 6 words, at most 4
│       answer               "Grey rain again"
│       four_words           accepts
│     context drafts         + ["Grey rain again"]
└─ ✓ review                  parallel                                                0.000904  1.0 s
   │  merged notes           from legal, tone + {"legal": "fine", "tone": "fine"}
   │  output                 {"legal": "fine", "tone": "fine"}
   ├─ ✓ branch legal / read                                                          0.000452  1.0 s
   │     attempt 1           legal  test:critic  41 in, 13 out                       0.000452  1.0 s
   │       answer            "fine"
   │     context notes       + {"legal": "fine"}
   └─ ✓ branch tone / read                                                           0.000452  0.5 s
         attempt 1           tone  test:critic  41 in, 13 out                        0.000452  0.5 s
           answer            "fine"
         context notes       + {"tone": "fine"}

{"legal": "fine", "tone": "fine"}

✓ completed  4 requests  ·  322 in, 106 out tokens  ·  0.002984 USD  ·  run press
"""


def test_a_run_is_told_with_every_attempt_verdict_change_and_price(flujo: Call) -> None:
    assert kept(flujo, "press").code == CLEAN
    said = flujo("show", "pre", *STORE)
    assert (said.out, said.err, said.code) == (PRESS_SHOWN, "", CLEAN)


def test_a_run_is_told_whole_on_request(flujo: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(flujo, "hostile")
    monkeypatch.setenv("COLUMNS", "60")
    said = flujo("show", "hostile", "--full", *STORE)
    assert (
        said.out.partition("└─")[0]
        == """\
pipeline  tests.flujo.cli.press:hostile
run      hostile  2026-03-01 12:00:00 UTC, 2.4 s
input    "rain"

                                                  USD
├─ ✓ write                                    0.00104  1.2 s
│     attempt 1       Writer  test:writer     0.00104  1.2 s
│                     120 in, 40 out
│       input         "rain"
│       answer        "[bold]Rain[/bold]
│                     \\u001b[31mfalls\\u001b[
│                     0m\\u202e, and
│                     falls\\n::error::and
│                     falls"
│     context drafts  + ["[bold]Rain[/bold]
│                     \\u001b[31mfalls\\u001b[
│                     0m\\u202e, and
│                     falls\\n::error::and
│                     falls"]
"""
    )


def test_all_runs_are_listed_the_newest_first(flujo: Call) -> None:
    for name in ("press", "wordy", "approved"):
        kept(flujo, name)
    said = flujo("runs", *STORE)
    assert (said.out, said.err, said.code) == (
        """\
run       status       pipeline  started (UTC)         took  answers       USD
approved  ? paused     press     2026-03-01 12:00:00  2.2 s        4  0.001944
wordy     ✗ failed     press     2026-03-01 12:00:00  2.4 s        4  0.002080
press     ✓ completed  press     2026-03-01 12:00:00  3.4 s        6  0.002984
3 runs: 1 paused, 1 failed, 1 completed; 0.007008 USD
""",
        "",
        CLEAN,
    )
    assert [line.split()[0] for line in flujo("runs", "-n", "1", *STORE).out.splitlines()] == ["run", "approved", "1"]
    assert flujo("runs", "--status", "limited", *STORE).out == "no runs\n"
    told = [json.loads(line) for line in flujo("runs", "--status", "failed", "--json", *STORE).out.splitlines()]
    assert told == [
        {
            "run_id": "wordy", "status": "failed", "pipeline": "press", "reference": f"{PRESS}:wordy",
            "started_at": "2026-03-01T12:00:00+00:00", "ended_at": "2026-03-01T12:00:02.400000+00:00",
            "known_cost_usd": "0.00208", "answers": 4, "in_doubt": 0,
        }
    ]  # fmt: skip


def test_a_paused_run_says_how_to_answer_and_goes_on_with_the_answer(flujo: Call) -> None:
    paused = kept(flujo, "approved")
    assert paused.out.splitlines()[-2:] == [
        "approve: Publish it?",
        "next: flujo resume approved --store sqlite:///runs.db --answer approve=...",
    ]
    assert paused.code == PAUSED
    said = flujo("resume", "approved", "--answer", "approve=yes", *STORE)
    lines = said.out.splitlines()
    assert lines[:2] == [
        'run: press starts with "rain"',
        "run: goes on after it was paused; what was answered before is told again, and not paid again",
    ]
    assert lines[-5:] == [
        "approve: completed after 0.0 s",
        "",
        "true",
        "",
        "✓ completed  3 requests  ·  202 in, 66 out tokens  ·  0.001944 USD  ·  run approved",
    ]
    assert (said.err, said.code) == ("", CLEAN)
    shown = flujo("show", "approved", *STORE).out
    assert "after it was paused: approve = true\n" in shown
    again = flujo("resume", "approved", *STORE)
    assert (again.err, again.code) == (
        "flujo: the run approved has completed: there is nothing to resume ('flujo fork' runs it anew from a step)\n",
        USAGE,
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--answer", "aprove=yes"], "nobody asks for an answer at 'aprove'; open questions: 'approve'"),
        (["--answer", "approve"], "--answer 'approve' has no path: write --answer PATH=VALUE"),
        (
            ["--answer", "approve=yes", "--answer-json", "approve=true"],
            "'approve' is answered twice: pass one answer for each path",
        ),
        (["--answer-json", "approve=yes"], "--answer-json approve is not JSON: Expecting value (line 1, column 1)"),
        (["--pipeline", f"{PRESS}:nobody"], f"the module '{PRESS}' has no 'nobody': it has bare"),
    ],
)
def test_answers_that_do_not_fit_are_refused(options: list[str], why: str, flujo: Call) -> None:
    kept(flujo, "approved")
    said = flujo("resume", "approved", *options, *STORE)
    assert (said.err, said.out.strip(), said.code) == (f"flujo: {why}\n", "", USAGE)


def test_an_answer_that_its_schema_does_not_take_is_refused_in_one_line(flujo: Call) -> None:
    kept(flujo, "approved")
    said = flujo("resume", "approved", "--answer", "approve=perhaps", *STORE)
    start = "flujo: the answer 'perhaps' at 'approve' does not fit its input_schema: "
    assert (said.err[: len(start)], said.err.count("\n"), said.code) == (start, 1, USAGE)


def test_a_limited_run_goes_on_under_higher_limits(flujo: Call) -> None:
    assert kept(flujo, "thrifty").code == LIMITED
    again = flujo("resume", "thrifty", *STORE)
    assert (again.err, again.code) == (
        "flujo: the run thrifty ended at its limits: raise one of them, such as --limit-usd\n",
        USAGE,
    )
    said = flujo("resume", "thrifty", "--limit-requests", "9", *STORE)
    assert (said.out.splitlines()[-1], said.code) == (
        "✓ completed  5 requests  ·  442 in, 146 out tokens  ·  0.004024 USD  ·  run thrifty",
        CLEAN,
    )


def test_a_run_by_another_pipeline_is_refused_with_the_way_out(flujo: Call) -> None:
    kept(flujo, "wordy")
    said = flujo("resume", "wordy", "--pipeline", f"{PRESS}:bare", *STORE)
    assert (said.err.count("\n"), said.code) == (1, USAGE)
    assert said.err.startswith("flujo: run 'wordy' was made by another pipeline: ")
    assert said.err.endswith("(here: flujo fork wordy --from write)\n")


def test_a_forked_run_keeps_what_came_before(flujo: Call) -> None:
    kept(flujo, "press")
    said = flujo("fork", "press", "--from", "review", "--json", *STORE)
    made = json.loads(said.out)["run_id"]
    listed = {run["run_id"]: run for run in map(json.loads, flujo("runs", "--json", *STORE).out.splitlines())}
    assert (listed[made]["status"], listed[made]["answers"], listed[made]["known_cost_usd"]) == (
        "interrupted",
        4,
        "0.00208",
    )
    went_on = flujo("resume", made[:9], *STORE)
    assert went_on.out.splitlines()[-1] == (
        f"✓ completed  4 requests  ·  322 in, 106 out tokens  ·  0.002984 USD  ·  run {made[:8]}"
    )
    wrong = flujo("fork", "press", "--from", "revue", *STORE)
    assert (wrong.err, wrong.code) == (
        "flujo: the run's pipeline has no step at 'revue'; its steps: 'write', 'review', "
        "'review/branch:legal/read', 'review/branch:tone/read'\n",
        USAGE,
    )


def test_a_fork_says_what_to_do_with_it(flujo: Call) -> None:
    kept(flujo, "press")
    made, told = flujo("fork", "press", "--from", "review", *STORE).out.splitlines()
    assert (len(made), told) == (32, f"next: flujo resume {made[:8]} --store sqlite:///runs.db")


def test_exported_runs_are_json_lines_the_run_first(flujo: Call) -> None:
    kept(flujo, "press")
    kept(flujo, "wordy")
    one = [json.loads(line) for line in flujo("export", "wordy", *STORE).out.splitlines()]
    everything = [json.loads(line) for line in flujo("export", "--all", *STORE).out.splitlines()]
    assert [line["run_id"] for line in everything if line["event"] == "run"] == ["press", "wordy"]
    assert [line["event"] for line in one] == [
        "run", "run_started", "step_started", "asked", "paid", "answered", "judged", "asked", "paid", "answered",
        "judged", "step_ended", "run_ended",
    ]  # fmt: skip
    assert everything[-len(one) :] == one
    for options in ([], ["wordy", "--all"]):
        said = flujo("export", *options, *STORE)
        assert (said.err, said.code) == ("flujo: name one run, or pass --all for every run of the store\n", USAGE)


def test_a_run_as_json_has_its_events_and_its_answers(flujo: Call) -> None:
    kept(flujo, "wordy")
    told = json.loads(flujo("show", "wordy", "--json", *STORE).out)
    assert [answer["path"] for answer in told["stored_answers"]] == [
        "write/attempt:1",
        "write/attempt:1/plugin:four_words",
        "write/attempt:2",
        "write/attempt:2/plugin:four_words",
    ]
    assert (told["status"], told["input"], told["limits"], len(told["events"])) == ("failed", "rain", None, 12)
    assert told["error"] == (
        "step 'write' failed after 2 attempts: plugin 'four_words' rejected the last draft: 6 words, at most 4"
    )


def test_who_watches_a_run_that_has_ended_sees_its_answers_and_its_end(flujo: Call) -> None:
    kept(flujo, "wordy")
    said = flujo("watch", "wordy", *STORE)
    assert (said.out, said.err, said.code) == (
        """\
write/attempt:1: "Rain falls, and falls, and falls"
write/attempt:1/plugin:four_words: rejects: 6 words, at most 4
write/attempt:2: "Rain falls, and falls, and falls"
write/attempt:2/plugin:four_words: rejects: 6 words, at most 4

✗ failed  2 requests  ·  240 in, 80 out tokens  ·  0.00208 USD  ·  run wordy
step 'write' failed after 2 attempts: plugin 'four_words' rejected the last draft: 6 words, at most 4
next: flujo resume wordy --store sqlite:///runs.db
""",
        "",
        FINDINGS,
    )
    told = [json.loads(line) for line in flujo("watch", "wordy", "--json", *STORE).out.splitlines()]
    assert [line["event"] for line in told] == ["stored_answer"] * 4 + ["run"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("zz", "there is no run 'zz' in the store; 'flujo runs' lists them"),
        ("prss", "there is no run 'prss' in the store; did you mean 'press'?"),
        ("pr", "2 runs begin with 'pr': proof, press"),
        ("", "there is no run '' in the store; 'flujo runs' lists them"),
    ],
)
def test_a_run_that_nobody_knows_is_refused_with_what_is_near(given: str, why: str, flujo: Call) -> None:
    kept(flujo, "thrifty", "press")
    kept(flujo, "thrifty", "proof")
    for command in ("show", "watch", "resume", "replay", "export"):
        said = flujo(command, given, *STORE)
        assert (said.err, said.out, said.code) == (f"flujo: {why}\n", "", USAGE)


def test_a_name_that_is_the_beginning_of_another_is_meant_itself(flujo: Call) -> None:
    kept(flujo, "thrifty", "press")
    kept(flujo, "thrifty", "press2")
    assert json.loads(flujo("show", "press", "--json", *STORE).out)["run_id"] == "press"


def test_the_store_is_named_by_the_environment_too(
    flujo: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = flujo("runs")
    assert (said.err, said.code) == (
        "flujo: no store is named: pass --store sqlite:///runs.db, or set FLUJO_STORE\n",
        USAGE,
    )
    monkeypatch.setenv("FLUJO_STORE", URL)
    said = flujo("runs")
    assert (said.err, said.code) == (
        "flujo: there is no store at sqlite:///runs.db: 'flujo run --store' makes one\n",
        USAGE,
    )
    assert list(tmp_path.iterdir()) == []
    flujo("run", f"{PRESS}:thrifty", "--run-id", "one")
    assert flujo("runs").out.splitlines()[1].split()[0] == "one"


def test_a_file_that_is_no_store_is_refused_in_one_line(flujo: Call, tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("no database, but long enough to be looked at" * 10)
    said = flujo("runs", *STORE)
    assert (said.err.count("\n"), said.err[: len("flujo: the store ")], said.code) == (1, "flujo: the store ", USAGE)


def test_a_run_of_a_name_that_has_ended_is_told_again_and_says_so(flujo: Call) -> None:
    kept(flujo, "press")
    again = kept(flujo, "press")
    assert (again.out, again.code) == (
        """\
nothing was run: the store tells again how the run of this name has ended
{"legal": "fine", "tone": "fine"}

✓ completed  4 requests  ·  322 in, 106 out tokens  ·  0.002984 USD  ·  run press
""",
        CLEAN,
    )
    other = flujo("run", f"{PRESS}:press", "--input", "snow", "--run-id", "press", *STORE)
    assert (other.err[: len("flujo: run 'press' was begun with another input;")], other.code) == (
        "flujo: run 'press' was begun with another input;",
        USAGE,
    )


@pytest.mark.parametrize(
    ("width", "head", "line"),
    [
        (
            78,
            "run    status       pipeline  started (UTC)         took  answers       USD",
            "press  ✓ completed  press     2026-03-01 12:00:00  3.4 s        6  0.002984",
        ),
        (
            70,
            "run    status       pipeline  started (UTC)         took       USD",
            "press  ✓ completed  press     2026-03-01 12:00:00  3.4 s  0.002984",
        ),
        (
            60,
            "run    status       pipeline  started (UTC)             USD",
            "press  ✓ completed  press     2026-03-01 12:00:00  0.002984",
        ),
        (40, "run    status       pipeline       USD", "press  ✓ completed  press     0.002984"),
        (30, "run    status            USD", "press  ✓ completed  0.002984"),
    ],
)
def test_a_narrow_terminal_loses_columns_and_no_figure_is_cut(
    width: int, head: str, line: str, flujo: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(flujo, "press")
    monkeypatch.setenv("COLUMNS", str(width))
    assert flujo("runs", *STORE).out.splitlines()[:2] == [head, line]
