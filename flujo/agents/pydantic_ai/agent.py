"""Running a Pydantic AI agent within a step: https://ai.pydantic.dev/agents/."""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.messages import is_multi_modal_content
from pydantic_ai.models import Model

from flujo.agents.pydantic_ai.requests import Requests, named
from flujo.agents.wire.failures import not_asked
from flujo.agents.wire.requests import as_json, reasons_of
from flujo.errors import AgentError
from flujo.ports import AgentOutput, Rejection


class PydanticAgent:
    """Runs an agent of Pydantic AI: ``Step("write", PydanticAgent(agent))``.

    A text is the user's prompt, and so is a list that holds images or other files; any other data is sent as
    JSON text. Feedback goes behind it. The run's resources are the agent's ``deps``, unless ``deps`` are
    given here; the step's settings are its model settings. The output is the agent's, validated by it.

    Each model request of a run (those between its tools, and its own retries) is an entry of the ledger, also
    where the run fails: then that is an AgentError. Nobody can tell beforehand how many there will be, so
    under a budget a run holds all that is left; one that is cancelled is in doubt as a whole. It runs on
    asyncio, as Pydantic AI does.
    """

    def __init__(self, agent: Agent[Any, Any], *, deps: Any = None) -> None:
        self.name = agent.name or "agent"
        if (model := _declared(agent.model)) is not None:
            self.model = model
        if (output := _output_of(agent.output_type)) is not str:
            self.output_type = output
        self._agent = agent
        self._deps = deps

    async def run(
        self,
        input: Any,
        *,
        resources: Any = None,
        settings: Mapping[str, Any] | None = None,
        feedback: Sequence[Rejection] = (),
    ) -> AgentOutput[Any]:
        self._check_backend()
        requests = Requests()
        try:
            result = await self._agent.run(
                _prompt(input, feedback),
                deps=resources if self._deps is None else self._deps,
                model_settings=dict(settings) if settings else None,  # type: ignore[arg-type]  # as the user has it
                capabilities=[requests],
            )
        except Exception as error:  # of tools, too: what was paid until then is booked
            if isinstance(error, AgentError) and not requests.made:
                raise  # it was kept from asking
            raise AgentError(
                f"'{self.name}' failed: {type(error).__name__}: {error}",
                requests=requests.made,
                price_context=requests.price_context,
            ) from error
        return AgentOutput(result.output, requests=requests.made, price_context=requests.price_context)

    def _check_backend(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError as error:
            raise not_asked(f"'{self.name}' is an agent of Pydantic AI, which runs on asyncio only") from error


def _declared(model: Model | str | None) -> str | None:
    if isinstance(model, Model):
        return named(model.system, model.model_name)
    return model


def _output_of(declared: Any) -> Any:
    """The type of the outputs of an agent; None where functions make them, whose types nobody checks."""
    if isinstance(declared, type) or typing.get_origin(declared) is not None:
        return declared
    if isinstance(declared, ToolOutput):
        return _output_of(declared.output)
    if isinstance(declared, NativeOutput | PromptedOutput):
        return _output_of(declared.outputs)
    if isinstance(declared, Sequence):
        types = [_output_of(one) for one in declared]
        return None if None in types else typing.Union[tuple(types)]  # noqa: UP007  # of as many as there are
    return None


def _prompt(input: Any, feedback: Sequence[Rejection]) -> Any:
    with_files = isinstance(input, list | tuple) and any(is_multi_modal_content(part) for part in input)
    prompt = list(input) if with_files else input if isinstance(input, str) else as_json(input)
    reasons = reasons_of(feedback)
    if reasons is None:
        return prompt
    return [*prompt, reasons] if isinstance(prompt, list) else f"{prompt}\n\n{reasons}"
