"""What a pipeline offers to a codec: the types that it declares, and where the agents are that plugins redirect to."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from flujo.entries import structural
from flujo.pipeline import AnyPipeline
from flujo.steps import HumanStep, Step
from flujo.stores.codec import Codec
from flujo.stores.writing import Names
from flujo.structure import MISSING


def codec_of(pipeline: AnyPipeline, context_model: type[BaseModel]) -> Codec:
    """What writes and reads the values of a pipeline's runs."""
    places = _Places(pipeline)
    return Codec(Names(_declared(pipeline, context_model), places.agent, places.name))


def _declared(pipeline: AnyPipeline, context_model: type[BaseModel]) -> set[type]:
    """The classes that the pipeline's signatures, schemas and its context name, and those that these name."""
    found: set[type] = set()
    annotations: list[Any] = [context_model]
    for _, step in pipeline.walk():
        if isinstance(step, Step):
            annotations += [step.bound.accepts, step.bound.returns]
        elif isinstance(step, HumanStep):
            annotations.append(step.input_schema)
    while annotations:
        annotation = annotations.pop()
        annotations += typing.get_args(annotation)
        kind = typing.get_origin(annotation) or annotation
        if isinstance(kind, type) and kind not in found and kind.__module__ != "builtins":
            found.add(kind)
            annotations += _inside(kind)
    return found


def _inside(kind: type) -> Iterable[Any]:
    """The annotations of a class's fields."""
    if issubclass(kind, BaseModel):
        return [field.annotation for field in kind.model_fields.values()]
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        try:
            return typing.get_type_hints(kind).values()
        except (NameError, TypeError, AttributeError):  # names that only type checkers see
            return ()
    return ()


class _Places:
    """Names of agents: ``step:PATH`` of the pipeline, ``plugin:PATH#ATTRIBUTE``, ``module:NAME:ATTRIBUTES``."""

    def __init__(self, pipeline: AnyPipeline) -> None:
        self._agents = dict(pipeline.agents())
        self._plugins = {
            f"{path}/plugin:{plugin.name}": plugin
            for path, step in pipeline.walk()
            if isinstance(step, Step)
            for plugin in step.plugins
        }

    def name(self, agent: object, path: str) -> str | None:
        """The name of an agent that the plugin asked at ``path`` redirects to; None if nothing leads to it."""
        for step, known in self._agents.items():
            if known is agent:
                return f"step:{step}"
        key = f"{structural(path)}/plugin:{path.rpartition('/plugin:')[2]}"
        plugin = self._plugins.get(key)
        for attribute, held in _held(plugin):
            if held is agent:
                return f"plugin:{key}#{attribute}"
        for module in dict.fromkeys(_modules_of(agent, plugin)):
            for attribute, held in list(vars(sys.modules.get(module, types)).items()):
                if held is agent and module in sys.modules:
                    return f"module:{module}:{attribute}"
        return None

    def agent(self, name: str) -> object:
        """The agent of this name; MISSING if it is gone."""
        kind, _, rest = name.partition(":")
        if kind == "step":
            return self._agents.get(rest, MISSING)
        if kind == "plugin":
            key, _, attribute = rest.rpartition("#")
            return dict(_held(self._plugins.get(key))).get(attribute, MISSING)
        module, _, attribute = rest.rpartition(":")
        return vars(sys.modules[module]).get(attribute, MISSING) if module in sys.modules else MISSING


def _held(plugin: object) -> Iterator[tuple[str, object]]:
    """The attributes of a plugin and of its class, its own last."""
    if plugin is None:
        return
    for cls in reversed(type(plugin).__mro__):
        yield from [(name, value) for name, value in vars(cls).items() if not name.startswith("__")]
        yield from [(name, getattr(plugin, name)) for name in getattr(cls, "__slots__", ()) if hasattr(plugin, name)]
    yield from getattr(plugin, "__dict__", {}).items()


def _modules_of(agent: object, plugin: object) -> Iterator[str]:
    """The modules in which an agent may have a name: those that it and the plugin are written in."""
    for written in (agent, type(agent), type(plugin), *(value for _, value in _held(plugin) if callable(value))):
        module = getattr(written, "__module__", None)
        if isinstance(module, str):
            yield module
