"""Fakes of those who judge: a plugin and a human, both with a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import anyio.lowlevel

from flujo import Draft, PluginOutcome, Usage
from flujo_testing.agents.errors import FakeError
from flujo_testing.agents.fake import Fake
from flujo_testing.agents.scripts import Scripts, is_error, shown


class ScriptedPlugin(Fake):
    """Gives the verdicts of its script: True, False, a reason to reject, a PluginOutcome, an exception
    (raised).

    ``usage`` and ``model`` are reported with every verdict that brings none of its own. ``calls`` holds the
    drafts.
    """

    def __init__(
        self,
        *outcomes: Any,
        name: str = "scripted_plugin",
        priority: int = 0,
        model: str | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(name, _of_verdicts(Scripts.in_order(outcomes)))
        self.name: str = name
        self.priority = priority
        self.model = model
        self.usage = usage

    @classmethod
    def by_path(cls, scripts: Mapping[str, Any], **options: Any) -> ScriptedPlugin:
        """Verdicts by the path of the step or of the ask, as with ``ScriptedAgent.by_path``."""
        plugin = cls(**options)
        plugin.scripts = _of_verdicts(Scripts.by_path(scripts))
        return plugin

    async def validate(self, draft: Draft) -> PluginOutcome:
        """The next verdict. Raises ScriptExhausted, and whatever the script says."""
        at = self._path()
        path = None if at is None else f"{at}/plugin:{self.name}"
        self._record(draft, {}, path)
        with self._taken(draft["output"], path) as verdict:
            await anyio.lowlevel.checkpoint()
            return self._outcome(verdict)

    def _outcome(self, verdict: Any) -> PluginOutcome:
        if is_error(verdict):
            raise verdict
        if isinstance(verdict, PluginOutcome):
            outcome = verdict
        else:
            outcome = PluginOutcome(verdict is True, verdict if isinstance(verdict, str) else None)
        if outcome.usage is None and outcome.model is None:
            outcome = replace(outcome, usage=self.usage, model=self.model)
        return outcome


class ScriptedHuman(Fake):
    """Answers questions from its script, in order or by the path of the question."""

    def __init__(self, *answers: Any, name: str | None = None) -> None:
        super().__init__(name, Scripts.in_order(answers))

    @classmethod
    def by_path(cls, scripts: Mapping[str, Any], *, name: str | None = None) -> ScriptedHuman:
        """Answers by the path of the question."""
        human = cls(name=name)
        human.scripts = Scripts.by_path(scripts)
        return human

    def answer(self, path: str, message: Any = None) -> Any:
        """The answer to the question at ``path``. Raises ScriptExhausted or ScriptUnmatched."""
        self._record(message, {}, path)
        with self._taken(message, path) as answer:
            return answer


def _of_verdicts(scripts: Scripts) -> Scripts:
    for _, items in scripts.tracks:
        for item in items:
            if not isinstance(item, bool | str | PluginOutcome) and not is_error(item):
                text = f"a ScriptedPlugin cannot answer {shown(item)}"
                raise FakeError(f"{text}: use True, False, a reason to reject, a PluginOutcome or an exception")
    return scripts
