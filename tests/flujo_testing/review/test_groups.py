"""Changes of goldens are sorted by what has changed: one cause, one group, in however many goldens it shows."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flujo.money import show_usd
from flujo_testing.faults import FAULTS
from flujo_testing.golden.errors import GoldenCorrupt
from flujo_testing.golden.parsing import read_data
from flujo_testing.review import Changed, Group, grouped
from flujo_testing.review.edits import applied, edits
from flujo_testing.review.groups import composed, sorting
from flujo_testing.transcript import differences, render, story_of
from flujo_testing.transcript.plain import same
from tests.flujo_testing.review.stories import (
    Story,
    changed,
    failed_attempts_unpaid,
    feedback_lost,
    paid,
    story,
    summed,
)
from tests.flujo_testing.test_transcript_words import STORIES
from tests.flujo_testing.transcript_runs import RUNS

# One cause, one group -----------------------------------------------------------------------------------


def told(groups: tuple[Group, ...]) -> list[tuple[str, int, str]]:
    return [(group.title, len(group.instances), show_usd(group.usd)) for group in groups]


def owner(number: int, file: str = "tests/test_rain.py") -> str:
    return f"{file}::test_{number}"


def another_prompt(before: Story) -> Story:
    """The example's prompt asks for something else: its input, its drafts and its tokens change."""
    after = deepcopy(before)
    after["input"] = before["input"].replace("rain", "rain in one line")
    for attempt in after["steps"]["write"].values():
        attempt["output"] += " in one line"
        attempt["paid"] = paid("test:writer", attempt["paid"]["input"] + 4, 40)
    return summed(after)


def test_an_engine_that_no_longer_books_failed_attempts_is_one_group() -> None:
    """In steps of many names and tests of many files, with one failed attempt or three."""
    goldens = [
        story(
            owner(number, f"tests/test_{number % 7}.py"),
            drafts=2 + number % 3,
            tokens=100 + number,
            step=f"s{number % 5}",
        )
        for number in range(40)
    ]
    assert told(grouped(changed(golden, failed_attempts_unpaid) for golden in goldens)) == [
        ("failed attempts are no longer paid", 40, "-0.082454")
    ]


def test_a_prompt_that_changed_is_one_group_with_all_that_follows_from_it() -> None:
    goldens = [story(owner(number), prompt=f"rain in {number}", drafts=1 + number % 3) for number in range(6)]
    groups = grouped(changed(golden, another_prompt) for golden in goldens)
    assert told(groups) == [("input of the run has changed", 6, "0.000144")]
    assert groups[0].instances[0].texts == (
        'input of the run: "rain in 0" -> "rain in one line in 0"',
        'output of write/attempt:1: "draft 1 on rain in 0" -> "draft 1 on rain in 0 in one line"',
        "paid input tokens of write/attempt:1: 121 -> 125",
        "paid usd of write/attempt:1: 0.001043 -> 0.001055",
        "spent usd: 0.001707 -> 0.001719",
        "spent input_tokens: 162 -> 166",
    )


def test_two_causes_at_once_are_two_groups_also_where_both_hit_one_golden() -> None:
    examples = [story(owner(number, "tests/test_example.py"), drafts=2) for number in range(5)]
    others = [story(owner(number), drafts=2, step=f"s{number}") for number in range(20)]
    both = [changed(golden, another_prompt, failed_attempts_unpaid) for golden in examples]
    groups = grouped([*both, *(changed(golden, failed_attempts_unpaid) for golden in others)])
    assert told(groups) == [
        ("failed attempts are no longer paid", 25, "-0.026075"),
        ("input of the run has changed", 5, "0.00006"),
    ]
    assert groups[0].goldens[:2] == ("test_example/test_0.yaml", "test_example/test_1.yaml")
    assert groups[1].instances[0].texts[-2:] == (
        "paid input tokens of write/attempt:2: 122 -> 126",
        "paid usd of write/attempt:2: 0.001046 -> 0.001058",
    )


def rewritten(before: Story, old: str, new: str) -> Story:
    """The drafts of the agent read otherwise."""
    after = deepcopy(before)
    for attempt in after["steps"][next(iter(after["steps"]))].values():
        attempt["output"] = attempt["output"].replace(old, new)
    return after


def test_one_rewording_in_many_files_is_one_group_and_another_one_is_not() -> None:
    goldens = [
        story(owner(number, f"tests/test_{number}.py"), prompt=f"rain {number}", step=f"s{number}")
        for number in range(9)
    ]
    one = [changed(golden, partial(rewritten, old="draft", new="a draft")) for golden in goldens[:6]]
    other = [changed(golden, partial(rewritten, old="on", new="about")) for golden in goldens[6:]]
    assert told(grouped([*one, *other])) == [
        ("output of s0, s1, s2 and 3 more has changed", 6, "0"),
        ("output of s6, s7, s8 has changed", 3, "0"),
    ]


def test_values_without_a_word_in_common_are_grouped_by_step_and_file() -> None:
    goldens = [story(owner(number, f"tests/test_{number % 2}.py"), prompt=f"rain {number}") for number in range(6)]
    changes = [
        changed(golden, partial(rewritten, old=f"draft 1 on rain {at}", new="x" * (at + 1)))
        for at, golden in enumerate(goldens)
    ]
    groups = grouped(changes)
    assert [(group.title, group.goldens) for group in groups] == [
        (
            "output of write has changed, tests/test_0.py",
            ("test_0/test_0.yaml", "test_0/test_2.yaml", "test_0/test_4.yaml"),
        ),
        (
            "output of write has changed, tests/test_1.py",
            ("test_1/test_1.yaml", "test_1/test_3.yaml", "test_1/test_5.yaml"),
        ),
    ]
    assert len({group.key for group in groups}) == 2


def test_feedback_that_is_lost_is_one_group_whatever_it_says() -> None:
    goldens = [story(owner(number), drafts=2 + number % 2, step=f"s{number}") for number in range(4)]
    groups = grouped(changed(golden, feedback_lost) for golden in goldens)
    assert told(groups) == [("feedback no longer reaches the next attempt", 4, "0")]
    assert groups[0].steps == ("s0", "s1", "s2", "s3")
    assert groups[0].instances[1].texts == (
        'feedback "6 words" no longer reaches s1/attempt:2',
        'feedback "6 words" no longer reaches s1/attempt:3',
        'feedback "7 words" no longer reaches s1/attempt:3',
    )


def test_feedback_and_payments_that_are_lost_at_once_are_two_groups_over_the_same_goldens() -> None:
    goldens = [story(owner(number), drafts=2) for number in range(3)]
    groups = grouped(changed(golden, feedback_lost, failed_attempts_unpaid) for golden in goldens)
    assert told(groups) == [
        ("failed attempts are no longer paid", 3, "-0.003129"),
        ("feedback no longer reaches the next attempt", 3, "0"),
    ]


def price(before: Story, usd: str) -> Story:
    after = deepcopy(before)
    for attempt in after["steps"]["review"].values():
        attempt["paid"]["usd"] = usd
    return summed(after)


def test_requests_that_cost_more_are_one_group() -> None:
    goldens = [story(owner(number)) for number in range(3)]
    groups = grouped(changed(golden, partial(price, usd="0.01")) for golden in goldens)
    assert told(groups) == [("requests cost more", 3, "0.028008")]


def test_what_was_spent_without_a_payment_is_a_group_of_its_own() -> None:
    def lie(before: Story) -> Story:
        return before | {"result": before["result"] | {"spent": before["result"]["spent"] | {"usd": "1"}}}

    golden = story(owner(1), drafts=2)
    assert told(grouped([changed(golden, lie)])) == [
        ("what runs have spent is no longer what they paid", 1, "0.997247")
    ]
    both = grouped([changed(golden, failed_attempts_unpaid, lie)])
    assert told(both) == [
        ("what runs have spent is no longer what they paid", 1, "0.99829"),
        ("failed attempts are no longer paid", 1, "-0.001043"),
    ]


def test_branches_do_not_follow_from_each_other() -> None:
    def run(*outputs: str) -> Story:
        branches = {
            f"branch {name}": {"attempt 1": {"input_from": "run", "output": output}}
            for name, output in zip("ab", outputs, strict=True)
        }
        ending = {"status": "completed", "output": ",".join(outputs)}
        return {
            "format": "flujo-golden/1",
            "owner": owner(1),
            "input": "x",
            "result": ending,
            "steps": {"all": branches},
        }

    groups = grouped([Changed("a.yaml", owner(1), render(run("red", "blue")), render(run("tan", "grey")))])
    assert [(group.title, len(group.instances[0].texts)) for group in groups] == [
        ("output of all/branch:a/a has changed", 1),
        ("output of all/branch:b/b has changed", 2),
    ]


def test_a_budget_that_is_no_longer_spent_lets_the_run_go_on_and_all_that_is_one_cause() -> None:
    before = story(owner(1), drafts=2)
    before["steps"]["review"] = {
        "attempt 1": {"input_from": "write", "not_admitted": {"bound_usd": "0.001", "left_usd": "0"}},
        "status": "limited",
    }
    before["result"] = {"status": "limited", "error": "review/attempt:1 may cost 0.001 USD, 0 of 0.0021 left"}
    before = summed(before)
    after = failed_attempts_unpaid(story(owner(1), drafts=2))
    groups = grouped([Changed("a.yaml", owner(1), render(before), render(after))])
    assert told(groups) == [("failed attempts are no longer paid", 1, "-0.000379")]
    assert groups[0].instances[0].texts == (
        "write/attempt:1 is no longer paid: 0.001043 -> 0",
        'not_admitted of review/attempt:1: {bound_usd: "0.001", left_usd: "0"} -> nothing',
        'output of review/attempt:1: nothing -> "fine"',
        "review/attempt:1 is now paid: 0 -> 0.000664",
        "status of review: limited -> completed",
        "status limited -> completed",
        'error of the run: "review/attempt:1 may cost 0.001 USD, 0 of 0.0021 left" -> nothing',
        'output of the run: nothing -> "fine"',
        "spent usd: 0.002089 -> 0.00171",
        "spent input_tokens: 243 -> 163",
        "spent output_tokens: 80 -> 53",
    )


async def retold(fault: str) -> tuple[Group, ...]:
    """What changes in the goldens of seventeen real runs of all sorts under a fault of the engine."""
    changes = []
    for name, make in RUNS.items():
        test = f"tests/test_{name}.py::test_it"
        before = render(story_of(await make(), owner=test))
        with FAULTS[fault].in_force():
            after = render(story_of(await make(), owner=test))
        changes.append(Changed(f"{name}.yaml", test, before, after))
    return grouped(changes)


@pytest.mark.parametrize(
    ("fault", "groups"),
    [
        ("plugin_skipped", [("plugins no longer run", 6)]),
        ("retry_one_too_few", [("attempts are gone in count, write", 7)]),
        ("misprice_cached_tokens", [("requests cost more", 1)]),
        ("forget_redirected_call", [("redirected asks are no longer paid", 1)]),
        ("charge_fallback_twice", [("accepted attempts are paid for more requests", 1)]),
        ("redirect_ignored", [("plugin tone judges otherwise: redirect_to feedback -> rejected", 1)]),
    ],
)
async def test_a_fault_of_the_engine_is_one_group_over_real_runs(fault: str, groups: list[tuple[str, int]]) -> None:
    assert [(group.title, len(group.instances)) for group in await retold(fault)] == groups


# Goldens as a whole -------------------------------------------------------------------------------------


def test_goldens_that_are_new_or_gone_or_only_written_otherwise_are_groups() -> None:
    text = render(story(owner(1)))
    groups = grouped(
        [
            Changed("a.yaml", owner(1), None, text),
            Changed("b.yaml", owner(2), None, text),
            Changed("c.yaml", owner(3), text, None),
            Changed("d.yaml", owner(4), text.replace('"rain"', "'rain'"), text),
            Changed("e.yaml", owner(5), text, text),
        ]
    )
    assert [(group.title, group.kind, group.goldens, group.instances[0].texts) for group in groups] == [
        ("goldens are new", "golden_new", ("a.yaml", "b.yaml"), ("this golden is new",)),
        ("goldens are to be removed", "golden_gone", ("c.yaml",), ("this golden is to be removed",)),
        (
            "only the way goldens are written has changed",
            "layout",
            ("d.yaml",),
            ("only the way it is written has changed",),
        ),
    ]


def test_a_text_that_is_no_golden_is_refused_by_its_name() -> None:
    with pytest.raises(GoldenCorrupt, match=r"^a\.yaml, line 1: is no golden: there is no 'format:' in it$"):
        grouped([Changed("a.yaml", owner(1), "[]\n", render(story(owner(1))))])


# Every difference is in one group -----------------------------------------------------------------------


def of_golden(groups: tuple[Group, ...], golden: str) -> Counter[str]:
    return Counter(text for group in groups for one in group.instances if one.golden == golden for text in one.texts)


@settings(deadline=None, max_examples=60)
@given(STORIES, STORIES, st.data())
def test_edits_are_made_each_for_itself_and_say_together_what_differs(
    one: dict[str, Any], other: dict[str, Any], data: st.DataObject
) -> None:
    found = edits(one, other)
    said = Counter(difference.text for edit in found for difference in edit.differences)
    assert said == Counter(difference.text for difference in differences(one, other))
    assert same(applied(one, other, [edit.place for edit in found]), other)
    assert same(applied(one, other, []), one)
    chosen = [edit.place for edit in found if data.draw(st.booleans())]
    between = applied(one, other, chosen)
    assert sorted(edit.place for edit in edits(between, other)) == sorted(
        edit.place for edit in found if edit.place not in chosen
    )


async def stories_of_runs() -> list[Story]:
    """Of real runs of all sorts, as goldens."""
    found = []
    for make in RUNS.values():
        result = await make()
        found.append(read_data(render(story_of(result, owner=owner(1))).encode(), "run"))
    return found


async def test_every_difference_is_in_one_group_and_accepting_all_causes_gives_the_proposals() -> None:
    """Between all pairs of seventeen real runs, cause by cause."""
    stories = await stories_of_runs()
    assert len(stories) == 17
    seen = 0
    for at, one in enumerate(stories):
        changes = [
            Changed(f"{number}.yaml", owner(number, f"tests/test_{number % 3}.py"), render(one), render(other))
            for number, other in enumerate(stories)
            if number != at
        ]
        seen += check_cause_by_cause(changes)
    assert seen == 272


def check_cause_by_cause(changes: list[Changed]) -> int:
    """How many goldens have come to what was proposed, one cause after the other, in as many steps as they have."""
    sorted_out = sorting(changes)
    for case in sorted_out.cases:
        said = Counter(difference.text for difference in differences(case.before, case.after))
        assert of_golden(sorted_out.groups, case.changed.golden) == said
        assert composed(case, lambda cause: False) == case.changed.before
        assert composed(case, lambda cause: True) == case.changed.after
    left = changes
    while left:
        sorted_out = sorting(left)
        key = sorted_out.groups[0].key
        texts = [(case, composed(case, key.__eq__)) for case in sorted_out.cases]
        left = [replace(case.changed, before=text) for case, text in texts if text != case.changed.after]
        assert {group.key for group in grouped(left)} == {group.key for group in sorted_out.groups} - {key}
    return len(changes)


HEADER = {"format": "flujo-golden/1", "owner": owner(1)}


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(STORIES, STORIES), min_size=1, max_size=3))
def test_whatever_goldens_hold_every_difference_is_in_one_group(pairs: list[tuple[Story, Story]]) -> None:
    changes = [
        Changed(
            f"{number}.yaml", owner(number, f"tests/test_{number % 2}.py"), render(HEADER | one), render(HEADER | two)
        )
        for number, (one, two) in enumerate(pairs)
    ]
    sorted_out = sorting(changes)
    for case in sorted_out.cases:
        said = Counter(difference.text for difference in differences(case.before, case.after))
        if case.found:
            assert of_golden(sorted_out.groups, case.changed.golden) == said
        assert composed(case, lambda cause: True) == case.changed.after
        assert composed(case, lambda cause: False) == case.changed.before


def test_steps_whose_names_look_like_a_value_and_its_source_are_two_steps() -> None:
    def run(text: str) -> str:
        steps = {
            name: {"attempt 1": {"input_from": "run", "output": f"{name} {text}"}} for name in ("input", "input_from")
        }
        added = {"input": 1} if text == "new" else {}
        return render(HEADER | {"steps": steps | added})

    groups = grouped([Changed("a.yaml", owner(1), run("old"), run("new"))])
    assert sum(len(group.instances[0].texts) for group in groups) == 2
