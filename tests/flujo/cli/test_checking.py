"""``flujo validate`` and ``flujo graph``."""

from __future__ import annotations

import json
from pathlib import Path

from flujo.cli.endings import CLEAN, FINDINGS, USAGE
from tests.flujo.cli.conftest import PRESS, Call


def test_a_pipeline_without_problems_says_how_many_steps_were_looked_at(flujo: Call) -> None:
    said = flujo("validate", f"{PRESS}:press")
    assert (said.out, said.err, said.code) == (f"{PRESS}:press: 4 steps, no problems\n", "", CLEAN)


def test_all_problems_are_told_each_with_its_remedy(flujo: Call) -> None:
    said = flujo("validate", f"{PRESS}:two_problems")
    assert (said.out, said.err, said.code) == (
        """\
write: two steps of one sequence are named 'write' [name-duplicate]
  Rename one: step.named('write_2').
count: it takes int, but 'write' before it returns str [type-mismatch]
  Change one of the two, or put a step between them that converts.
tests.flujo.cli.press:two_problems: 2 problems
""",
        "",
        FINDINGS,
    )


def test_problems_as_json(flujo: Call) -> None:
    said = flujo("validate", f"{PRESS}:two_problems", "--json")
    told = json.loads(said.out)
    assert (told["reference"], told["steps"], said.code) == (f"{PRESS}:two_problems", 3, FINDINGS)
    assert told["problems"][0] == {
        "code": "name-duplicate",
        "path": "write",
        "text": "two steps of one sequence are named 'write'",
        "fix": "Rename one: step.named('write_2').",
    }


def test_a_module_that_cannot_even_build_its_pipeline_is_a_finding(flujo: Call, tmp_path: Path) -> None:
    (tmp_path / "tower.py").write_text("from flujo import Step\n\nflow = Step('a/b', None)\n")
    said = flujo("validate", "tower:flow")
    assert (said.out.splitlines()[-1], said.err, said.code) == ("tower:flow: 2 problems", "", FINDINGS)


def test_a_tree_of_the_steps(flujo: Call) -> None:
    said = flujo("graph", f"{PRESS}:approved")
    head, *tree = said.out.splitlines()
    assert (head.split()[0], len(head.split()[1]), said.code) == ("press", 16, CLEAN)
    assert tree == [
        "├── write",
        "├── review  parallel",
        "│   ├── branch legal",
        "│   │   └── read",
        "│   └── branch tone",
        "│       └── read",
        "└── approve  human",
    ]


def test_a_flowchart_of_the_steps(flujo: Call) -> None:
    said = flujo("graph", f"{PRESS}:bare", "--format", "mermaid")
    assert (said.out, said.code) == ('flowchart TD\n  n1["write"]\n', CLEAN)


def test_the_steps_as_json(flujo: Call) -> None:
    told = json.loads(flujo("graph", f"{PRESS}:approved", "--format", "json").out)
    read = [{"name": "read", "kind": "step"}]
    inside = [{"segment": "branch:legal", "steps": read}, {"segment": "branch:tone", "steps": read}]
    assert (told["pipeline"], len(told["fingerprint"])) == ("press", 16)
    assert told["steps"] == [
        {"name": "write", "kind": "step"},
        {"name": "review", "kind": "parallel", "inside": inside},
        {"name": "approve", "kind": "human"},
    ]


def test_a_format_that_nobody_knows_is_wrong_use(flujo: Call) -> None:
    assert flujo("graph", f"{PRESS}:press", "--format", "png").code == USAGE
