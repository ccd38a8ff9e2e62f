"""``golden/CHANGES.md``: why goldens have changed, one section per decision, the newest first. Writes no file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from flujo.money import show_usd
from flujo_testing.golden.inert import inert
from flujo_testing.golden.leak import SecretScan

PAGE: Final = "CHANGES.md"
MAX_PAGE_BYTES: Final = 64 * 1024 * 1024
_HEAD: Final = (
    "# Changes of goldens\n\nWhy goldens have changed, the newest decision first. Written by `flujo golden`.\n"
)
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]<>#|])")


@dataclass(frozen=True, slots=True)
class Told:
    """One cause that was decided about. ``usd``: by how much what the runs spend changes because of it."""

    key: str
    title: str
    goldens: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision. ``verb``: accepted, rejected, pruned. ``partly``: goldens with changes that are still open."""

    at: datetime
    verb: str
    reason: str
    causes: Sequence[Told]
    goldens: Sequence[str]
    partly: frozenset[str] = frozenset()


def entry_text(entry: Entry) -> str:
    """The section, from its heading to its last line."""
    return "\n".join([*_lines(entry), ""])


def with_entry(page: str, entry: str) -> str:
    """The page with a section in front of all others."""
    head, found, rest = page.partition("\n## ")
    if not found:
        return f"{page.rstrip() or _HEAD.rstrip()}\n\n{entry}"
    return f"{head.rstrip()}\n\n{entry}\n## {rest}"


def scan_of_page(scan: SecretScan) -> SecretScan:
    """Finds secrets in the page, which has lines and no fields."""
    return replace(scan, fields=lambda data: (), remedy="write the reason without it")


def money(usd: Decimal) -> str:
    """With its sign, as a change."""
    return f"{'+' if usd > 0 else ''}{show_usd(usd)} USD"


def _lines(entry: Entry) -> Iterator[str]:
    what = entry.causes[0].title if len(entry.causes) == 1 else f"{len(entry.causes)} changes"
    if not entry.causes:
        what = _count(len(entry.goldens))
    yield f"## {entry.at:%Y-%m-%d %H:%M:%S} UTC: {entry.verb}: {_inline(what)}"
    yield ""
    yield from (f"> {_inline(line)}".rstrip() for line in entry.reason.strip().splitlines())
    yield ""
    for cause in entry.causes:
        paid = f", {money(cause.usd)}" if cause.usd else ""
        yield f"- {_inline(cause.title)} (`{cause.key}`): {_count(cause.goldens)}{paid}"
    if entry.causes:
        yield ""
    for golden in entry.goldens:
        yield f"- `{golden}`" + (" (other changes of it are still open)" if golden in entry.partly else "")


def _count(goldens: int) -> str:
    return "1 golden" if goldens == 1 else f"{goldens} goldens"


def _inline(text: str) -> str:
    """Text that reads as it is, whatever is in it."""
    return _MARKDOWN.sub(r"\\\1", inert(" ".join(text.split())))
