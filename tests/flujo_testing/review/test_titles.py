"""What a change is called: a new name is one change, and an item stands for all."""

from __future__ import annotations

from flujo.money import show_usd
from flujo_testing.review import Changed, grouped
from flujo_testing.transcript import render
from tests.flujo_testing.review.stories import paid, summed

OWNER = "tests/test_rain.py::test_1"
HEADER = {"format": "flujo-golden/1", "owner": OWNER}


def test_a_part_with_another_name_is_one_change_that_costs_nothing() -> None:
    """In a parallel step, where branches are parts of it, and in a run, where steps are."""

    def run(branch: str, step: str) -> str:
        drafted = {"attempt 1": {"input_from": "run", "output": "grey", "paid": paid("test:writer", 120, 40)}}
        both = {f"branch {branch}": {"step draft": drafted}, "branch right": {"step check": drafted}}
        checked = {"attempt 1": {"input_from": "both", "output": "fine"}}
        ending = {"status": "completed", "output": {branch: "grey", "right": "grey"}}
        return render(summed(HEADER | {"result": ending, "steps": {"both": both, step: checked}}))

    groups = grouped([Changed("a.yaml", OWNER, run("left", "check"), run("writing", "look"))])
    assert [(group.title, show_usd(group.usd), group.instances[0].texts) for group in groups] == [
        ("branch left is now writing", "0", ("both/branch:left is gone", "both/branch:writing is new")),
        (
            "step check is now look",
            "0",
            (
                "check is gone",
                "look is new",
                'output.left of the run: "grey" -> nothing',
                'output.writing of the run: nothing -> "grey"',
            ),
        ),
    ]
    others = [Changed("a.yaml", OWNER, run("left", "check"), run("left", "check").replace("branch left", "branch l"))]
    assert [group.title for group in grouped(others)] == ["branch left is now l"]


def test_in_a_title_an_item_stands_for_all() -> None:
    def run(model: str) -> str:
        items = {
            f"item {number}": {"step each": {"attempt 1": {"output": "fine", "paid": paid(model, 10, 2)}}}
            for number in range(1, 13)
        }
        return render(HEADER | {"steps": {"many": {"items_from": "run", **items}}})

    before = run("test:writer")
    groups = grouped([Changed("a.yaml", OWNER, before, before.replace("test:writer", "test:poet"))])
    assert [group.title for group in groups] == ["model in many/item:*/each: test:writer -> test:poet"]
