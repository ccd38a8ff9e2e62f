"""What a command is given for a run: its input, context, limits and answers. Each wrong one is refused in a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import PydanticSchemaGenerationError, TypeAdapter

from flujo.binding import shown
from flujo.cli.endings import Refused
from flujo.execution.plugins import read_as
from flujo.pipeline import AnyPipeline
from flujo.usage import UsageLimits

STDIN = "-"


def input_of(text: str | None, data: str | None, file: Path | None) -> object:
    """The input of a run: a text, JSON data, or what a file holds (``.json``: data, anything else: text)."""
    given = [
        name for name, value in (("--input", text), ("--input-json", data), ("--input-file", file)) if value is not None
    ]
    if len(given) > 1:
        raise Refused(f"{' and '.join(given)} both give an input: pass one of them")
    if data is not None:
        return json_of(data, "--input-json")
    if file is None:
        return text
    if str(file) == STDIN:
        return sys.stdin.read()
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Refused(f"the input file {str(file)!r} cannot be read: {why}") from error
    return json_of(content, str(file)) if file.suffix == ".json" else content


def fitted(given: object, pipeline: AnyPipeline) -> object:
    """Data as the type that the first step declares to take, such as a model; as it is if it declares none."""
    declared: Any = pipeline.steps[0].accepts()
    if given is None or isinstance(given, str) or declared is None:
        return given
    try:
        schema: TypeAdapter[Any] = TypeAdapter(declared)
    except PydanticSchemaGenerationError:  # a class that only Python code can make
        return given
    value, why = read_as(schema, given)
    if why is not None:
        raise Refused(f"the input does not fit {shown(declared)}: {' '.join(why.split())}")
    return value


def json_of(text: str, what: str) -> Any:
    """Data from JSON text; ``what`` is where it was given."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        why = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deeply"
        raise Refused(f"{what} is not JSON: {why}{where}") from error


def context_of(text: str | None) -> dict[str, Any] | None:
    """The fields of a context from a JSON object."""
    if text is None:
        return None
    data = json_of(text, "--context")
    if not isinstance(data, dict):
        raise Refused(f"--context is {text}: pass a JSON object with fields of the context")
    return data


def answers_of(texts: Sequence[str], data: Sequence[str]) -> dict[str, object]:
    """Answers by path, of ``PATH=TEXT`` and ``PATH=JSON``."""
    answers: dict[str, object] = {}
    for option, given in (("--answer", texts), ("--answer-json", data)):
        for pair in given:
            path, equals, value = pair.partition("=")
            if not (path and equals):
                raise Refused(f"{option} {pair!r} has no path: write {option} PATH=VALUE")
            if path in answers:
                raise Refused(f"{path!r} is answered twice: pass one answer for each path")
            answers[path] = json_of(value, f"{option} {path}") if option == "--answer-json" else value
    return answers


def limits_of(
    known: UsageLimits | None, usd: str | None, requests: int | None, tokens: int | None
) -> UsageLimits | None:
    """The limits of a run: those given here, above those that the runner has."""
    if (usd, requests, tokens) == (None, None, None):
        return known
    given = {
        "total_cost_usd_limit": usd,
        "request_limit": requests,
        "total_tokens_limit": tokens,
    }
    kept = {} if known is None else {field.name: getattr(known, field.name) for field in fields(known)}
    try:
        return UsageLimits(**kept | {name: value for name, value in given.items() if value is not None})
    except (ValueError, TypeError) as error:
        raise Refused(str(error)) from error
