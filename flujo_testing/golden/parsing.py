"""The bytes of a golden as plain data, or the line and the reason why they are none.

Not a YAML loader: the data is built from parser events, so there is nothing that could construct an object or
run code. Anchors, aliases, tags, directives and merge keys are refused, and so is what is too deep or too
much. Plain scalars mean what YAML 1.1 and 1.2 agree on (null, true, false, numbers); all others are text.
"""

from __future__ import annotations

import re

from flujo_testing.golden.errors import GoldenCorrupt
from flujo_testing.golden.limits import MAX_BYTES, Refused

FORMAT = "flujo-golden/1"
_CONFLICT = re.compile(r"^(<{7} |={7}$|>{7} |\|{7} )", re.MULTILINE)


def read_data(content: bytes, shown: str) -> dict[str, object]:
    """The data of a golden in a format that is known here. Raises GoldenCorrupt for the file ``shown``."""
    try:
        text = _text(content)
        data, line = _built(text)
        return _of_known_format(data, line)
    except Refused as refused:
        raise GoldenCorrupt(shown, refused.line, refused.reason) from None


def plain_data(text: str) -> object:
    """The data of any YAML text within the limits. Raises Refused."""
    return _built(text)[0]


def decoded(content: bytes, shown: str) -> str:
    """The bytes as text. Raises GoldenCorrupt where they are not UTF-8."""
    try:
        return _decoded(content)
    except Refused as refused:
        raise GoldenCorrupt(shown, refused.line, refused.reason) from None


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refused(line, f"is not UTF-8 ({error.reason}, byte {error.start})") from None


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise Refused(1, f"has {len(content)} bytes, at most {MAX_BYTES} are read")
    if content.startswith(b"\xef\xbb\xbf"):
        raise Refused(1, "begins with a byte order mark (BOM): save it as UTF-8 without one")
    text = _decoded(content)
    if (at := text.find("\r\n")) >= 0:
        raise Refused(
            text.count("\n", 0, at) + 1,
            "has CRLF line ends: keep git from converting it (.gitattributes: 'golden/** -text')",
        )
    if conflict := _CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        raise Refused(line, "holds the markers of an unresolved merge conflict: resolve it in git")
    return text


def _of_known_format(data: object, line: int) -> dict[str, object]:
    if not isinstance(data, dict):
        raise Refused(line, "is no golden: there is no 'format:' in it")
    told = data.get("format")
    known = isinstance(told, str) and re.fullmatch(r"flujo-golden/([1-9][0-9]{0,5})", told)
    if not known:
        raise Refused(line, f"is no golden: its format is {told!r:.60}, not '{FORMAT}'")
    if told != FORMAT:
        raise Refused(
            line, f"was written by a newer version ({told}; this one reads {FORMAT}): upgrade flujo-pipelines"
        )
    if not isinstance(data.get("owner"), str):
        raise Refused(line, "names no owner: the line 'owner: \"<test id>\"' is missing")
    return data


def _built(text: str) -> tuple[object, int]:
    """The one document in the text, and the line on which it begins."""
    from flujo_testing.golden.documents import built

    return built(text)
