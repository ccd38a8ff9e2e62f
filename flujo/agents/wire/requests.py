"""From what a step is given to the arguments of an SDK call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from flujo.agents.wire.failures import not_asked
from flujo.canonical import NotRepresentable, to_data
from flujo.errors import MisuseError
from flujo.ports import Rejection

Body = dict[str, Any]


def conversation(value: object) -> list[Any] | str:
    """A list of the wire's items as it is; a text as it is; anything else as JSON text."""
    if isinstance(value, str):
        return value
    data = plain(value)
    if isinstance(data, list) and data and all(_is_item(item) for item in data):
        return data
    return as_json(data)


def as_json(value: object) -> str:
    return json.dumps(plain(value), ensure_ascii=False)


def plain(value: object) -> Any:
    """JSON data; an AgentError naming the place if it is none."""
    try:
        return to_data(value)
    except NotRepresentable as error:
        raise not_asked(f"the input of a model must be text or JSON data: {error}") from error


def _is_item(item: object) -> bool:
    return isinstance(item, dict) and ("role" in item or "type" in item)


def reasons_of(feedback: Iterable[Rejection]) -> str | None:
    """What was wrong with earlier answers, to be said in one more message; None if nothing was."""
    reasons = "\n".join(f"- {rejection.plugin}: {rejection.feedback}" for rejection in feedback)
    return f"Earlier answers were rejected:\n{reasons}\nAnswer again." if reasons else None


def arguments(body: Mapping[str, Any], known: frozenset[str]) -> Body:
    """Keyword arguments for an SDK method; what it does not know travels in ``extra_body``."""
    named = {key: value for key, value in body.items() if key in known}
    unknown = {key: value for key, value in body.items() if key not in known}
    if unknown:
        named["extra_body"] = {**(named.get("extra_body") or {}), **unknown}
    return named


def without_our_keys(body: Mapping[str, Any]) -> Body:
    """A request as it is sent where the address says which model is asked, and whether for a stream."""
    return {key: value for key, value in body.items() if key not in ("model", "stream")}


def check_model(body: Mapping[str, Any], name: str) -> None:
    """A request is metered by the model that its agent declares, so it cannot name another."""
    if body.get("model") != name:
        raise not_asked(
            f"the request asks for model {body.get('model')!r}, but its agent is declared as {name!r}: "
            "make an agent for that model"
        )


def check_output(body: Mapping[str, Any], caps: Sequence[str], declared: int | None) -> None:
    """A request may not ask for more than its agent declares: that is what a budget reserves."""
    if declared is None:
        return
    asked = largest_output(body, caps)
    if asked is None or asked > declared:
        raise not_asked(
            f"the request allows {'any number of' if asked is None else asked} output tokens, but its agent "
            f"declares max_output_tokens={declared}: ask for less or declare more"
        )


def largest_output(body: Mapping[str, Any], caps: Sequence[str]) -> int | None:
    """Output tokens that a request allows, over all its choices; None if it sets no limit."""
    limits = [limit for cap in caps if isinstance(limit := found(body, cap), int)]
    choices = body.get("n")
    return min(limits) * (choices if isinstance(choices, int) else 1) if limits else None


def found(body: Mapping[str, Any], path: str) -> Any:
    """What stands in a request at ``a.b``; None if nothing does."""
    outer, _, inner = path.rpartition(".")
    where = body.get(outer) if outer else body
    return where.get(inner) if isinstance(where, Mapping) else None


def says(body: Mapping[str, Any], path: str) -> bool:
    """Whether a request has anything to say at ``a.b``, None included."""
    outer, _, inner = path.rpartition(".")
    where = body.get(outer) if outer else body
    return isinstance(where, Mapping) and inner in where


def put(body: Body, path: str, value: object) -> None:
    """Set what stands in a request at ``a.b``, leaving alone what it was made of."""
    outer, _, inner = path.rpartition(".")
    if not outer:
        body[inner] = value
    else:
        body[outer] = {**(body.get(outer) or {}), inner: value}


def bytes_of(body: Mapping[str, Any]) -> int:
    """The size of a request as JSON, which bounds its input tokens: a token of text is at least one byte.

    That needs no tokenizer, and is some four times what English text comes to.
    """
    return len(json.dumps(body, ensure_ascii=False, default=str).encode(errors="surrogatepass"))


def schema_of(output_type: Any) -> Body | None:
    """The JSON schema to ask for an output type with; None for text. Providers need an object at the top."""
    if output_type is None or output_type is str:
        return None
    schema = TypeAdapter(output_type).json_schema()
    if schema.get("type") != "object":
        raise MisuseError(f"output_type {output_type!r} is no object in JSON: put it into a field of a model")
    return schema
