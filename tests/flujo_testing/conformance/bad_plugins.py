"""Plugins that break the contract, one sentence each, and one that keeps it. They judge poems: at most two lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio.lowlevel

from flujo import Draft, PluginOutcome, Usage

USAGE = Usage(input_tokens=11, output_tokens=7)
MODEL = "test:critic"


class Fine:
    """Accepts up to two lines."""

    name = "short"
    priority = 0
    used: Usage | None = None
    number = 0

    def __repr__(self) -> str:
        return type(self).__name__

    async def validate(self, draft: Draft) -> PluginOutcome:
        return self.judge(draft["output"]["lines"])

    def judge(self, lines: list[str]) -> PluginOutcome:
        return PluginOutcome(True) if len(lines) <= 2 else PluginOutcome(False, "too long")


class TakesSettings(Fine):
    async def validate(self, draft: Draft, settings: Any) -> PluginOutcome:  # type: ignore[override]
        return self.judge(draft["output"]["lines"])


class IsNamedLikeAPath(Fine):
    name = "style/short"


class IsNamedLikeTheTypeCheck(Fine):
    name = "output_type"


class HasNoRealPriority(Fine):
    priority = True


class RenamesItself(Fine):
    async def validate(self, draft: Draft) -> PluginOutcome:
        self.name = f"short_{draft['attempt']}"
        return await super().validate(draft)


class LowersItsPriority(Fine):
    async def validate(self, draft: Draft) -> PluginOutcome:
        self.priority -= 1
        return await super().validate(draft)


class IsNamedApart(Fine):
    @property
    def name(self) -> str:  # type: ignore[override]
        return "short" if self.number % 2 else "short2"


class RaisesToReject(Fine):
    def judge(self, lines: list[str]) -> PluginOutcome:
        raise ValueError("too long")


class AnswersTrue(Fine):
    async def validate(self, draft: Draft) -> Any:
        return len(draft["output"]["lines"]) <= 2


class ForgetsToAwait(Fine):
    async def validate(self, draft: Draft) -> Any:
        return super().validate(draft)


class SucceedsWithAText(Fine):
    def judge(self, lines: list[str]) -> PluginOutcome:
        return PluginOutcome("yes" if len(lines) <= 2 else "", "too long")  # type: ignore[arg-type]


class GivesReasonsInAList(Fine):
    def judge(self, lines: list[str]) -> PluginOutcome:
        return replace(super().judge(lines), feedback=["too long"])  # type: ignore[arg-type]


class AcceptsEverything(Fine):
    def judge(self, lines: list[str]) -> PluginOutcome:
        return PluginOutcome(True)


class RejectsEverything(Fine):
    def judge(self, lines: list[str]) -> PluginOutcome:
        return PluginOutcome(False, "no")


class GivesNoReason(Fine):
    def judge(self, lines: list[str]) -> PluginOutcome:
        return PluginOutcome(len(lines) <= 2, " ")


class RejectsAndMends(Fine):
    def judge(self, lines: list[str]) -> PluginOutcome:
        return PluginOutcome(len(lines) <= 2, "too long", new_solution={"lines": lines[:2]})


class RedirectsToAName(Fine):
    def judge(self, lines: list[str]) -> PluginOutcome:
        return PluginOutcome(len(lines) <= 2, "too long", redirect_to=None if len(lines) <= 2 else "senior")


class MendsTheDraftItself(Fine):
    async def validate(self, draft: Draft) -> PluginOutcome:
        outcome = await super().validate(draft)
        del draft["output"]["lines"][2:]
        return outcome


class ChangesTheInput(Fine):
    async def validate(self, draft: Draft) -> PluginOutcome:
        draft["input"]["seen"] = True
        return await super().validate(draft)


class AcceptsWhatItHasSeen(Fine):
    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def judge(self, lines: list[str]) -> PluginOutcome:
        if lines in self.seen:
            return PluginOutcome(True)
        self.seen.append(lines)
        return super().judge(lines)


class KeepsTheDraftInItself(Fine):
    async def validate(self, draft: Draft) -> PluginOutcome:
        self.lines = draft["output"]["lines"]
        await anyio.lowlevel.checkpoint()
        return self.judge(self.lines)


class SharesItsSolution(Fine):
    def __init__(self) -> None:
        self.solution = {"lines": ["bright"]}

    def judge(self, lines: list[str]) -> PluginOutcome:
        return PluginOutcome(True, new_solution=self.solution) if len(lines) <= 2 else super().judge(lines)


class GrowsItsSolution(Fine):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def judge(self, lines: list[str]) -> PluginOutcome:
        if len(lines) > 2:
            return super().judge(lines)
        self.lines.append("bright")
        return PluginOutcome(True, new_solution={"lines": self.lines})


class ReportsZeros(Fine):
    def judge(self, lines: list[str]) -> PluginOutcome:
        return replace(super().judge(lines), usage=Usage(), model=MODEL)


class Roughly(Usage):
    """A usage of somebody's own."""


class ReportsAnotherUsage(Fine):
    def judge(self, lines: list[str]) -> PluginOutcome:
        return replace(super().judge(lines), usage=Roughly(), model=MODEL)


class ReportsLess(Fine):
    used = USAGE

    def judge(self, lines: list[str]) -> PluginOutcome:
        return replace(super().judge(lines), usage=Usage(input_tokens=11), model=MODEL)


class NamesNoModel(Fine):
    used = USAGE

    def judge(self, lines: list[str]) -> PluginOutcome:
        return replace(super().judge(lines), usage=USAGE)


class SwallowsCancellation(Fine):
    async def validate(self, draft: Draft) -> PluginOutcome:
        try:
            await anyio.lowlevel.checkpoint()
        except BaseException:
            return PluginOutcome(True)
        return await super().validate(draft)


class TurnsCancellationIntoAnError(Fine):
    async def validate(self, draft: Draft) -> PluginOutcome:
        try:
            await anyio.lowlevel.checkpoint()
        except BaseException as error:
            raise ConnectionError("lost") from error
        return await super().validate(draft)


class DeclaresText(Fine):
    model = MODEL
    max_output_tokens = "100"
