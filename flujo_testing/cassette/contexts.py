"""What a call changed in its private context, as plain data, and how a recorded change is made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from flujo import PipelineContext
from flujo.canonical import NotRepresentable, canonical_json, to_data
from flujo_testing.cassette.errors import NotRecordable


def context_data(at: str, context: PipelineContext) -> dict[str, Any]:
    """Every field of a context, extras included. Raises NotRecordable."""
    try:
        return dict(to_data(context))
    except NotRepresentable as error:
        raise NotRecordable(at, error.path.replace("$", "its context", 1), error.reason) from None


def change_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that differ, with what they became; those that are gone under ``deleted``."""
    became = {
        name: value
        for name, value in after.items()
        if name not in before or canonical_json(before[name]) != canonical_json(value)
    }
    deleted = [name for name in before if name not in after]
    return {name: part for name, part in (("set", became), ("deleted", deleted)) if part}


def apply_change(context: PipelineContext, change: Mapping[str, Any]) -> None:
    """Change the context as the recorded call did. Raises ValidationError where its fields are others by now."""
    declared = type(context).model_fields
    for name, data in change.get("set", {}).items():
        field = declared.get(name)
        if field is None:
            setattr(context, name, data)
        else:
            declared_as: Any = field.annotation
            setattr(context, name, TypeAdapter(declared_as).validate_json(canonical_json(data)))
    for name in change.get("deleted", ()):
        delattr(context, name)
