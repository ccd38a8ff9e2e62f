"""Reader of VCR recordings: ``interactions`` of a request and a response each.

Bodies stand as ``parsed_body`` (JSON data), as ``body`` (text), or as ``body: {string: ...}`` (text or
bytes); event streams are text. The layout is that of vcrpy's YAML serializer (https://vcrpy.readthedocs.io)
and of the variant with ``parsed_body`` that pydantic-ai's tests write. This reads; it neither records nor
matches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flujo.errors import FlujoError
from flujo_testing.recordings.encodings import NotDecoded, decoded
from flujo_testing.recordings.yaml_data import MAX_BYTES, Document, Refused, read_yaml

# Bodies are kept as they were before they were compressed and divided, so these do not hold for them.
_STALE = ("content-length", "transfer-encoding", "content-encoding")


class RecordingError(FlujoError):
    """A recording that cannot be read: which file, which line (from 1), and why."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}. Restore the file or record it again")
        self.path = path
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """What was asked; ``body`` is JSON data where the bytes are JSON, else text or bytes, or None."""

    method: str
    url: str
    body: object


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """What was answered; ``content`` is the body in bytes, ``headers`` only those that still hold for it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response, and where they stand: file, line and position (both from 1)."""

    request: RecordedRequest
    response: RecordedResponse
    path: Path
    line: int
    position: int


@dataclass(frozen=True, slots=True)
class Recording:
    """The exchanges of one file in recorded order."""

    path: Path
    exchanges: tuple[Exchange, ...]


def read_recording(path: str | Path) -> Recording:
    """Read a VCR file.

    Raises RecordingError for whatever is not a recording: no code runs, time and memory are bounded.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            document = read_yaml(file.read(MAX_BYTES + 1))
        return Recording(path, _exchanges(path, document))
    except OSError as error:
        raise RecordingError(path, 1, f"cannot be opened: {error.strerror}") from error
    except Refused as refused:
        raise RecordingError(path, refused.line, refused.reason) from None


def json_of(text: str) -> object:
    """The JSON object or array that a body holds.

    Raises ValueError if it is none, or one that names a key twice: then only the text says what was sent.
    """
    data = json.loads(text, object_pairs_hook=_unique)
    if not isinstance(data, (dict, list)):
        raise ValueError("neither an object nor an array")
    return data


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key stands twice")
    return data


def body_of(content: bytes | str) -> object:
    """The body of a request as it is compared: JSON data, else text, else bytes; None if empty."""
    if not content:
        return None
    try:
        text = content if isinstance(content, str) else content.decode()
    except UnicodeDecodeError:
        return content
    try:
        return json_of(text)
    except (ValueError, RecursionError):
        return text


def _exchanges(path: Path, document: Document) -> tuple[Exchange, ...]:
    root = _mapping(document.data, "the file", 1)
    interactions = root.get("interactions")
    if not isinstance(interactions, list) or not interactions:
        raise Refused(1, "'interactions' is not a list of exchanges: this is no VCR recording")
    return tuple(_exchange(path, document, entry, position) for position, entry in enumerate(interactions, start=1))


def _exchange(path: Path, document: Document, entry: object, position: int) -> Exchange:
    line = document.line_of(entry)
    where = f"interaction {position}"
    pair = _mapping(entry, where, line)
    request = _mapping(pair.get("request"), f"'request' of {where}", line)
    response = _mapping(pair.get("response"), f"'response' of {where}", line)
    return Exchange(_request(request, where, line), _response(response, where, line), path, line, position)


def _request(request: Mapping[str, object], where: str, line: int) -> RecordedRequest:
    method, url = request.get("method"), request.get("uri")
    if not isinstance(method, str) or not isinstance(url, str):
        raise Refused(line, f"'method' or 'uri' of {where} is missing")
    if "parsed_body" in request:
        return RecordedRequest(method, url, request["parsed_body"])
    return RecordedRequest(method, url, body_of(_body(request.get("body"), where, line)))


def _response(response: Mapping[str, object], where: str, line: int) -> RecordedResponse:
    status = _mapping(response.get("status"), f"'status' of {where}", line).get("code")
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        raise Refused(line, f"'status.code' of {where} is {status!r}")
    headers = _headers(_mapping(response.get("headers", {}), f"'headers' of {where}", line))
    if "parsed_body" in response:
        content = _json_bytes(response["parsed_body"], where, line)
    elif isinstance(body := _body(response.get("body"), where, line), bytes):
        content = _decoded(body, headers, where, line)
    else:  # written as text, so it was decompressed when it was recorded
        content = body.encode(errors="surrogatepass")
    return RecordedResponse(status, tuple(pair for pair in headers if pair[0] not in _STALE), content)


def _decoded(body: bytes, headers: list[tuple[str, str]], where: str, line: int) -> bytes:
    for name, encodings in headers:
        if name == "content-encoding":
            for encoding in reversed(encodings.split(",")):
                try:
                    body = decoded(body, encoding.strip().lower())
                except NotDecoded as error:
                    raise Refused(line, f"'body' of {where}: {error}") from None
    return body


def _json_bytes(data: object, where: str, line: int) -> bytes:
    try:
        return json.dumps(data).encode()
    except (TypeError, ValueError) as error:
        raise Refused(line, f"'parsed_body' of {where} is not JSON: {error}") from None


def _body(body: object, where: str, line: int) -> bytes | str:
    if isinstance(body, dict) and "string" in body:
        body = body["string"]
    if body is None:
        return b""
    if isinstance(body, (str, bytes)):
        return body
    raise Refused(line, f"'body' of {where} is neither text nor bytes")


def _headers(headers: Mapping[str, object]) -> list[tuple[str, str]]:
    return [
        (name.lower(), value if isinstance(value, str) else value.decode("latin-1"))
        for name, values in headers.items()
        for value in (values if isinstance(values, list) else [values])
        if isinstance(value, (str, bytes))
    ]


def _mapping(value: object, what: str, line: int) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Refused(line, f"{what} is not a mapping")
    return value
