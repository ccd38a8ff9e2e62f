"""Finds secrets in bytes that are about to be written, and says where they are, never what they are.

A secret is the value of an environment variable with a telling name (plain, URL-encoded, in base64), or what
has the shape of a well-known key. The shapes are those that the providers document for their keys and tokens.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

from flujo_testing.golden.errors import SecretFound
from flujo_testing.golden.limits import Refused
from flujo_testing.golden.parsing import plain_data

MIN_LENGTH = 8
"""Shorter values are words that may stand anywhere."""

_TELLING = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SHAPES = {
    "an API key (sk-...)": r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}",
    "a GitHub token": r"(?<![A-Za-z0-9])(gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "an AWS access key": r"(?<![A-Za-z0-9])A(KIA|SIA)[0-9A-Z]{16}(?![A-Za-z0-9])",
    "a Slack token": r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a Google API key": r"(?<![A-Za-z0-9])AIza[0-9A-Za-z_-]{35}",
    "a JSON web token": r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    "a PEM block": r"-----BEGIN [A-Z0-9 ]{3,40}-----",
}
_SHAPE = re.compile("|".join(f"({shape})" for shape in _SHAPES.values()).encode("ascii"))
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class SecretScan:
    """``needles``: what must not be written, each with what it is called.

    ``fields`` finds the keys and texts of a file, each with its path, as an escape may hide a secret in the bytes;
    ``remedy`` says how a field is redacted.
    """

    needles: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    fields: Callable[[bytes], Iterable[tuple[str, bytes]]] = field(default=lambda data: _fields(data), repr=False)
    remedy: str = "golden.check(result, redact={...})"

    def refuse(self, data: bytes, shown: str) -> None:
        """Raise SecretFound if a secret is in the bytes of the file ``shown``."""
        found = self.find(data)
        if found is not None:
            raise SecretFound(
                shown,
                f"{found} holds a secret. Redact the field ({self.remedy}), or keep the secret out of the run",
            )

    def find(self, data: bytes) -> str | None:
        """Where the first secret is and what it is called; None if there is none."""
        for where, text in self.fields(data):
            if called := self._called(text):
                return f"the field {self._hidden(where)} ({called})"
        if called := self._called(data):
            return f"line {self._first_line(data)} ({called})"
        return None

    def masked(self, data: Any) -> Any:
        """Plain data with every secret in its texts hidden, to be shown."""
        if isinstance(data, str):
            return self._hidden(data) if self._called(data.encode("utf-8", "surrogatepass")) else data
        if isinstance(data, list):
            return [self.masked(item) for item in data]
        if isinstance(data, dict):
            return {self.masked(key): self.masked(item) for key, item in data.items()}
        return data

    def _called(self, data: bytes) -> str | None:
        for called, needle in self.needles:
            if needle in data:
                return called
        match = _SHAPE.search(data)
        return None if match is None else _name_of(match)

    def _hidden(self, where: str) -> str:
        """The path of a field, without a secret that is part of it."""
        data = where.encode("utf-8", "surrogatepass")
        for _, needle in self.needles:
            data = data.replace(needle, _HIDDEN.encode())
        return _SHAPE.sub(_HIDDEN.encode(), data).decode("utf-8", "replace")

    def _first_line(self, data: bytes) -> int:
        places = [at for _, needle in self.needles if (at := data.find(needle)) >= 0]
        places += [match.start() for match in _SHAPE.finditer(data)]
        return data.count(b"\n", 0, min(places)) + 1


def secrets_in(environ: Mapping[str, str]) -> SecretScan:
    """All that the environment calls a key, token, secret, password or credential, in its encodings."""
    needles = dict[bytes, str]()
    for name, value in sorted(environ.items()):
        if _TELLING.search(name) and len(value.strip()) >= MIN_LENGTH:
            for needle in _spellings(value.strip()):
                needles.setdefault(needle, f"the value of {name}")
    return SecretScan(tuple((called, needle) for needle, called in needles.items()))


def _spellings(value: str) -> Iterator[bytes]:
    data = value.encode("utf-8", "surrogateescape")
    yield data
    yield quote(data, safe="").encode()
    yield quote(data).encode()
    yield quote_plus(data).encode()
    yield json.dumps(value)[1:-1].encode("utf-8", "surrogateescape")
    yield json.dumps(value, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape")
    for before in range(3):
        # What stands before and after a secret shifts its base64: only whole groups of its own are searched
        # for.
        padded = b"\0" * before + data
        whole = len(padded) // 3 * 3
        for encoded in (base64.b64encode(padded[:whole]), base64.urlsafe_b64encode(padded[:whole])):
            yield encoded[4 if before else 0 :]


def _name_of(match: re.Match[bytes]) -> str:
    return next(name for name, pattern in _SHAPES.items() if re.fullmatch(pattern.encode(), match[0]))


def _fields(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Every key and text of a golden with its path."""
    try:
        story = plain_data(data.decode("utf-8"))
    except (UnicodeDecodeError, Refused):
        return
    yield from texts_of(story)


def texts_of(data: object) -> Iterator[tuple[str, bytes]]:
    """Every key and text within plain data with its path."""
    stack: list[tuple[str, object]] = [("", data)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, str):
            yield path or "(all)", value.encode("utf-8", "surrogatepass")
        elif isinstance(value, list):
            stack += [(f"{path}[{index}]", item) for index, item in reversed(list(enumerate(value)))]
        elif isinstance(value, dict):
            for key in value:
                yield f"{path}.{key}".lstrip("."), str(key).encode("utf-8", "surrogatepass")
            stack += [(f"{path}.{key}".lstrip("."), item) for key, item in reversed(list(value.items()))]
