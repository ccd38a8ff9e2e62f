"""What DBOS writes down for us: JSON, and never a pickle, which would run code of whoever can write to the database."""

from __future__ import annotations

import json
from typing import Any, Final

from dbos import Serializer

_ERROR: Final = "$error"


class ErrorElsewhere(Exception):
    """An exception of another process, by its name and its text: ``kind`` is ``module.Class``."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}" if text else kind)
        self.kind = kind
        self.text = text


class JsonSerializer(Serializer):
    """Plain data as JSON, exceptions as their name and text; anything else is a TypeError."""

    def name(self) -> str:
        return "flujo_json"

    def serialize(self, data: Any) -> str:
        if isinstance(data, ErrorElsewhere):
            data = {_ERROR: [data.kind, data.text]}
        elif isinstance(data, BaseException):
            kind = type(data)
            data = {_ERROR: [f"{kind.__module__}.{kind.__qualname__}", str(data)]}
        elif isinstance(data, dict) and data.keys() == {_ERROR}:
            raise TypeError(
                f"a table with the one key {_ERROR!r} is not JSON serializable here: it stands for an error"
            )
        return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        data = json.loads(serialized_data)
        if isinstance(data, dict) and data.keys() == {_ERROR}:
            kind, text = data[_ERROR]
            return ErrorElsewhere(kind, text)
        return data
