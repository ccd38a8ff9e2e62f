"""Goldens of small runs, as text, and changes of them that have one cause each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

from flujo.money import show_usd
from flujo_testing.review.groups import Changed
from flujo_testing.transcript import render

Story = dict[str, Any]
PRICES = {"test:writer": (3, 17), "test:critic": (7, 29)}
"""USD per million input and output tokens."""


def paid(model: str, tokens: int, output: int, **other: object) -> Story:
    one, two = PRICES[model]
    usd = Decimal(tokens * one + output * two) / 1_000_000
    return {"model": model, "input": tokens, "output": output, "usd": show_usd(usd), **other}


def story(test: str, *, prompt: str = "rain", drafts: int = 1, tokens: int = 120, step: str = "write") -> Story:
    """A step whose last draft is accepted and all others rejected, and a step behind it that reviews."""
    attempts: Story = {}
    for number in range(1, drafts + 1):
        told = [{"from": "words", "text": f"{words} words"} for words in range(6, 5 + number)]
        last = number == drafts
        attempts[f"attempt {number}"] = {
            "input_from": "run",
            **({"feedback": told} if told else {}),
            "output": f"draft {number} on {prompt}",
            "paid": paid("test:writer", tokens + number, 40),
            "plugin words": "accepted" if last else {"rejected": f"{5 + number} words"},
        }
    review: Story = {"attempt 1": {"input_from": step, "output": "fine", "paid": paid("test:critic", 41, 13)}}
    ending: Story = {"status": "completed", "output": "fine"}
    steps: Story = {step: attempts, "review": review}
    return summed({"format": "flujo-golden/1", "owner": test, "input": prompt, "result": ending, "steps": steps})


def summed(told: Story) -> Story:
    """The story with what its payments add up to."""
    payments = list(payments_of(told["steps"]))
    total = sum((Decimal(one["usd"]) for one in payments), Decimal(0))
    spent: Story = {"usd": show_usd(total), "requests": len(payments)}
    for kind in ("input", "output"):
        spent[f"{kind}_tokens"] = sum(one[kind] for one in payments)
    return told | {
        "result": {name: value for name, value in told["result"].items() if name != "spent"} | {"spent": spent}
    }


def payments_of(section: Mapping[str, Any]) -> list[Story]:
    found: list[Story] = []
    for key, value in section.items():
        if key == "paid":
            found.append(value)
        elif isinstance(value, dict):
            found += payments_of(value)
    return found


def failed_attempts_unpaid(told: Story) -> Story:
    """A change of the engine: attempts whose draft was rejected are no longer booked."""
    changed = deepcopy(told)
    for step in changed["steps"].values():
        for attempt in step.values():
            if isinstance(attempt.get("plugin words"), dict):
                del attempt["paid"]
    return summed(changed)


def feedback_lost(told: Story) -> Story:
    """Another one: agents are not told why their drafts were rejected."""
    changed = deepcopy(told)
    for step in changed["steps"].values():
        for attempt in step.values():
            attempt.pop("feedback", None)
    return changed


def changed(before: Story, *changes: Callable[[Story], Story]) -> Changed:
    after = before
    for change in changes:
        after = change(after)
    owner = before["owner"]
    path = owner.removeprefix("tests/").replace(".py::", "/") + ".yaml"
    return Changed(path, owner, render(before), render(after))
