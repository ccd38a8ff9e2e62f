"""A public price list as it was at one moment: frozen data with an id, kept in a file of its own.

Prices stand as the list has them, per unit, with the days and hours from which they hold. What a request costs by
them is said in ``cost_model.py``; nothing here has a clock or a network.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from flujo.money import show_usd
from flujo.price_list.names import Clause, Clauses, Match
from flujo.prices import content_id
from flujo.usage import count, not_negative

FORMAT = "flujo-prices/1"
MAX_BYTES = 32 * 1024 * 1024
"""Of a file that is read: some fifty times what a list of all public prices has."""
MAX_REASON = 200
"""Characters of why a file is none."""


@dataclass(frozen=True, slots=True)
class Rate:
    """USD for one unit: ``base``, or that of the last of ``tiers`` whose input tokens a request exceeds."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()

    def at(self, input_tokens: int) -> Decimal:
        reached = [price for above, price in self.tiers if input_tokens > above]
        return reached[-1] if reached else self.base


@dataclass(frozen=True, slots=True)
class Tariff:
    """Rates by the list's name of the unit (``input_mtok``), and when they hold: from a day on, or within hours (UTC).

    ``when`` are the terms of the request that they hold for, ``(("service_tier", "flex"),)``; empty: any.
    """

    rates: tuple[tuple[str, Rate], ...]
    starts: date | None = None
    hours: tuple[time, time] | None = None
    when: tuple[tuple[str, str], ...] = ()

    def holds(self, at: datetime) -> bool:
        moment = at.astimezone(UTC)
        if self.hours is not None:
            begin, end = self.hours
            now = moment.time()
            return begin <= now < end if begin <= end else now >= begin or now < end
        return self.starts is None or moment.date() >= self.starts


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of a provider. The last tariff that holds counts; ``variants`` override some of its rates."""

    id: str
    match: Match
    tariffs: tuple[Tariff, ...]
    variants: tuple[Tariff, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """All models by provider, in the list's order, which decides between models that match the same name.

    ``source`` says where it comes from, and is no part of ``id``.
    """

    providers: Mapping[str, tuple[Listed, ...]]
    source: str

    @cached_property
    def id(self) -> str:
        """16 hex digits of the SHA-256 of the content: another whenever a price or a name is."""
        return content_id(self._content)

    @property
    def _content(self) -> dict[str, object]:
        return {name: [_plain(model) for model in models] for name, models in self.providers.items()}

    def write(self, path: Path | str) -> None:
        """Write it as JSON, one model a line, so that version control shows what has changed.

        The file is the old one or the new one, never half. OSError names it.
        """
        lines = []
        for name, models in sorted(self.providers.items()):
            rows = ",\n".join(f"  {json.dumps(_plain(model))}" for model in models)
            lines.append(f"{json.dumps(name)}: [\n{rows}\n]")
        head = f'{{"format": "{FORMAT}",\n"source": {json.dumps(self.source)},\n"id": "{self.id}",\n"providers": {{\n'
        _write_whole(Path(path), (head + ",\n".join(lines) + "\n}}\n").encode("utf-8"))

    @classmethod
    def read(cls, path: Path | str) -> Snapshot:
        """What ``write`` has written. ValueError for anything else, and for content that is not what its id says."""
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        try:
            if len(content) > MAX_BYTES:
                raise ValueError(f"it has more than {MAX_BYTES} bytes")
            data = json.loads(content.decode("utf-8"))
            if data["format"] != FORMAT:
                raise ValueError(f"its format is {data['format']!r}, not {FORMAT!r}")
            listed = {_visible(name): tuple(map(_listed, models)) for name, models in data["providers"].items()}
            snapshot, said = cls(listed, _visible(data["source"])), _visible(data["id"])
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError, re.error) as problem:
            told = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
            told = told if len(told) <= MAX_REASON else f"{told[:MAX_REASON]}..."
            raise ValueError(f"{path} is no price list: {told}; 'flujo prices export' writes one") from problem
        if snapshot.id != said:
            changed = f"{path} has been changed: its id is '{said}', that of its content '{snapshot.id}'"
            raise ValueError(f"{changed}; 'flujo prices export' writes it anew")
        return snapshot


def _write_whole(path: Path, data: bytes) -> None:
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # a pipe or a terminal is not replaced
        return
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException as failure:
        beside.unlink(missing_ok=True)
        if isinstance(failure, OSError):
            raise OSError(failure.errno, failure.strerror, str(path)) from failure
        raise


def _plain(model: Listed) -> dict[str, object]:
    plain: dict[str, object] = {"id": model.id, "match": _plain_match(model.match)}
    plain["prices"] = [_plain_tariff(tariff) for tariff in model.tariffs]
    if model.variants:
        plain["variants"] = [_plain_tariff(tariff) for tariff in model.variants]
    return plain


def _plain_match(match: Match) -> dict[str, object]:
    if isinstance(match, Clause):
        return {match.how: match.text}
    return {match.how: [_plain_match(clause) for clause in match.clauses]}


def _plain_tariff(tariff: Tariff) -> dict[str, object]:
    plain: dict[str, object] = {}
    if tariff.when:
        plain["when"] = dict(tariff.when)
    if tariff.starts is not None:
        plain["starts"] = tariff.starts.isoformat()
    if tariff.hours is not None:
        plain["hours"] = [moment.isoformat() for moment in tariff.hours]
    return {**plain, "usd": {unit: _plain_rate(rate) for unit, rate in tariff.rates}}


def _plain_rate(rate: Rate) -> object:
    if not rate.tiers:
        return show_usd(rate.base)
    return [show_usd(rate.base), *([above, show_usd(price)] for above, price in rate.tiers)]


def _listed(plain: Mapping[str, Any]) -> Listed:
    tariffs, variants = (tuple(map(_tariff, plain.get(key, ()))) for key in ("prices", "variants"))
    return Listed(_visible(plain["id"]), _match(plain["match"]), tariffs, variants)


def _match(plain: Mapping[str, Any]) -> Match:
    ((how, what),) = plain.items()
    match how:
        case "any" | "all":
            return Clauses(how, tuple(map(_match, what)))
        case "equals" | "starts_with" | "ends_with" | "contains" | "regex":
            re.compile(what if how == "regex" else "")
            return Clause(how, _visible(what))
    raise ValueError(f"it compares names by {how!r}")


def _visible(name: str) -> str:
    """Names are shown in terminals, where others than printable characters are commands."""
    if not isinstance(name, str):
        raise TypeError(f"a {type(name).__name__} stands where a name should")
    if not name.isprintable():
        raise ValueError(f"it has the name {name!r}")
    return name


def _tariff(plain: Mapping[str, Any]) -> Tariff:
    starts, hours = plain.get("starts"), plain.get("hours")
    return Tariff(
        rates=tuple((_visible(unit), _rate(unit, rate)) for unit, rate in plain["usd"].items()),
        starts=None if starts is None else date.fromisoformat(starts),
        hours=None if hours is None else (time.fromisoformat(hours[0]), time.fromisoformat(hours[1])),
        when=tuple((_visible(term), _visible(value)) for term, value in plain.get("when", {}).items()),
    )


def _rate(unit: str, plain: Any) -> Rate:
    base, *tiers = [plain] if isinstance(plain, str) else plain
    return rate_of(unit, base, tiers)


def rate_of(unit: str, base: Any, tiers: Any) -> Rate:
    """A rate from exact amounts: TypeError for a float, ValueError for a negative one. ``tiers`` in any order."""
    what = f"the price of {unit}"
    steps = [(count(f"the threshold of {unit}", above), not_negative(what, price)) for above, price in tiers]
    return Rate(not_negative(what, base), tuple(sorted(steps)))
