"""Usage as providers report it, brought into our shape; what has no kind here is kept by its own name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from flujo.agents.wire.reading import table
from flujo.usage import OtherUsage, Usage, not_negative


@dataclass(frozen=True, slots=True)
class Report:
    """What an answer says it used: ``usage`` is None where it says nothing, or contradicts itself.

    ``others`` are its counts that are no kind of ours and are part of none, such as web searches.
    """

    usage: Usage | None = None
    others: OtherUsage = ()


def usage_of(counts: Mapping[str, object]) -> Usage | None:
    """A Usage of the counts that are given; None if they contradict each other: then nobody knows."""
    given = {kind: count for kind, count in counts.items() if count is not None}
    try:
        return Usage(**given)  # type: ignore[arg-type]  # Usage checks each of them, and that they fit together
    except (TypeError, ValueError):
        return None


def others_in(wire: object, known: Collection[str]) -> OtherUsage:
    """The numbers in a usage, but for zeros and those under a ``known`` path (``a.b``, or all of ``a``)."""
    return tuple(sorted((path, number) for path, number in _numbers(wire, "") if not _is_known(path, known)))


def _numbers(value: object, path: str) -> Iterator[tuple[str, Decimal]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield from _numbers(part, f"{path}.{key}" if path else str(key))
    if value and (amount := _amount(value)) is not None:
        yield path, amount


def _is_known(path: str, known: Collection[str]) -> bool:
    parts = path.split(".")
    return any(".".join(parts[:length]) in known for length in range(1, len(parts) + 1))


def sum_of(*counts: object) -> object:
    """Counts added up, a missing one as 0; what is no number is handed on for Usage to refuse."""
    given = [count for count in counts if count is not None]
    strange = [count for count in given if isinstance(count, bool) or not isinstance(count, int)]
    return strange[0] if strange else sum(count for count in given if isinstance(count, int))


def charged_usd(wire: object) -> Decimal | None:
    """``usage.cost``: USD, as OpenRouter reports it (https://openrouter.ai/docs/use-cases/usage-accounting)."""
    return _amount(table(wire).get("cost"))


def _amount(number: object) -> Decimal | None:
    """None for what is no number of at least 0, or none that can be kept exactly."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    try:
        return not_negative("usage", str(number))
    except ValueError:
        return None
