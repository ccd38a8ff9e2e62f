"""Answers, errors, and names that a journal must not mistake for one another, to try one with."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from flujo import PluginOutcome, Usage
from flujo.entries import Draw, LedgerEntry, entry_id
from flujo.errors import AgentError, MisbehavedError, told
from flujo.execution.signals import AskFailure
from flujo.ports import Intent, RecordedAnswer
from flujo.prices import LineItem
from flujo.structure import MISSING

USAGE: Final = Usage(input_tokens=120, cache_read_tokens=20, output_tokens=40, output_reasoning_tokens=7)
ASK: Final = "review/branch:legal/check/attempt:1"


def _entry(number: int, **changes: Any) -> LedgerEntry:
    told_by_all: dict[str, Any] = {
        "entry_id": entry_id("run-1", ASK, number),
        "path": ASK,
        "branch": "review/branch:legal",
        "attempt": 1,
        "provider": "test",
        "model": "test:writer",
        "requested_at": datetime(2026, 1, 1, 0, 0, 3, 500_001, tzinfo=UTC),
        "usage": USAGE,
        "usage_source": "provider",
        "table_id": "0f1e2d3c4b5a6978",
        "line_items": (LineItem("input", 120, Decimal("3.10"), Decimal("0.00037200")),),
        "cost_usd": Decimal("0.00037200"),
        "cost_source": "table",
        "provider_cost_usd": Decimal("1E-12"),
        "possible_usd": None,
        "outcome": "ok",
    }
    return LedgerEntry(**{**told_by_all, **changes})


ENTRIES: Final = (
    _entry(2, outcome="in_doubt", possible_usd=Decimal("0.0031870000000000000001")),
    _entry(
        1,
        provider=None,
        model=None,
        branch=None,
        usage=None,
        usage_source="absent",
        table_id=None,
        line_items=(),
        cost_usd=None,
        cost_source="unpriced",
        provider_cost_usd=None,
        outcome="error",
    ),
)
"""Not in the order of their numbers, with amounts that no float has, and with everything absent that may be."""

INTENT: Final = Intent(
    _entry(
        3,
        usage=None,
        usage_source="absent",
        line_items=(),
        cost_usd=None,
        cost_source="unpriced",
        provider_cost_usd=None,
        possible_usd=Decimal("0.0031870000000000000001"),
        outcome="in_doubt",
    ),
    (
        Draw("cost_usd", Decimal(0), Decimal("0.0031870000000000000001")),
        Draw("output_tokens", Decimal(0), Decimal(40), "review"),
    ),
)
"""Of a call that may cost so much, and that one budget alone counts all it has left for."""

VALUES: Final[tuple[Any, ...]] = (
    "Grey rain",
    "",
    "null",
    "line\r\nbreak\ttab \\ \"quote\" 'single' \u00e9 e\u0301 \u6f22 \U0001f327 \u2028",
    0,
    -1,
    2**80,
    0.1,
    1e300,
    -0.0,
    True,
    False,
    [],
    {},
    [None, [[]], {"": {}}],
    {"b": 1, "a": [1, 1.0, True, "1", None]},
    {"text": "x" * 100_000},
    PluginOutcome(False, "too grey", usage=USAGE, model="test:critic"),
    PluginOutcome(True, new_solution={"lines": ["bright"]}),
)
"""JSON-native values, each unlike its neighbours in type, and the outcomes of plugins."""

CHANGES: Final[tuple[tuple[str, Any], ...]] = (
    ("note", None),
    ("drafts", ["grey", {"lines": []}]),
    ("secret", MISSING),
    ("count", 0),
    ("about", {}),
)

ANSWER: Final = RecordedAnswer({"lines": ["grey"]}, ENTRIES, None, (("note", "kept"),), metadata={"cache_hit": False})

ERRORS: Final = (
    AskFailure("error", AgentError("overloaded")),
    AskFailure("timeout", MisbehavedError("no answer within 30 s", path=ASK), retryable=False),
    AskFailure("limited", ValueError("it raised \u201crain\u201d")),
)


def failure_of(error: BaseException | None) -> tuple[object, ...] | None:
    """What a replay needs of the failure of an ask; of any other error, how it is told."""
    if isinstance(error, AskFailure):
        return error.outcome, error.retryable, told(error.error)
    return None if error is None else (told(error),)


NAMES_ALIKE: Final = (
    ("run-1", "write/attempt:1"),
    ("run-2", "write/attempt:1"),
    ("Run-1", "write/attempt:1"),
    ("run-1", "write/attempt:11"),
    ("run-1", "Write/attempt:1"),
    ("run-1", "write/attempt:1/plugin:tone"),
    ("run-1/write", "attempt:1"),
    ("run-1/", "write/attempt:1"),
    ("run-1", "wr_te/attempt:1"),
    ("run-1", "wr%te/attempt:1"),
    ("run-1", "wr*te/attempt:1"),
    ("run-1", "wr?te/attempt:1"),
    ("run-1", "write%2Fattempt:1"),
    ("run-1", "write\\attempt:1"),
    ("run-1", "write /attempt:1"),
    ("run-1", " write/attempt:1"),
    ("run-1", "../write/attempt:1"),
    ("run-1", "write'; --/attempt:1"),
    ("run-1", 'write"/attempt:1'),
    ("run-1", "write\n/attempt:1"),
    ("run-1", unicodedata.normalize("NFC", "\u00e9cris/attempt:1")),
    ("run-1", unicodedata.normalize("NFD", "\u00e9cris/attempt:1")),
    ("run-1", "\U0001f327/attempt:1"),
    ("run-1", f"{'x' * 2000}a/attempt:1"),
    ("run-1", f"{'x' * 2000}b/attempt:1"),
    ("", "write/attempt:1"),
    ("run-1", ""),
)
"""Runs and paths that a store could take for one another: by case, wildcards, escapes, normal forms, length, joins."""
