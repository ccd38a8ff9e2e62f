"""How facts get into the sections of a story: none replaces another, whatever the engine wrote."""

from __future__ import annotations

from typing import Any

from flujo_testing.transcript.plain import plain

Section = dict[str, Any]


def put(section: Section, key: str, value: object) -> None:
    """Add a fact; one that is there already stays, and the new one is called ``<key> again``."""
    while key in section:
        key += " again"
    section[key] = value


def put_value(section: Section, key: str, source: str | None, value: object) -> None:
    """Where a value came from (``input_from``), or the value itself (``input``) if it came from nowhere."""
    if source is None:
        put(section, key, plain(value))
    else:
        put(section, f"{key}_from", source)


def put_before_paid(section: Section, key: str, value: object) -> None:
    """A request is booked before its answer is told; a reader wants the answer first."""
    keys = list(section)
    behind = {} if "paid" not in section else {name: section.pop(name) for name in keys[keys.index("paid") :]}
    put(section, key, value)
    section.update(behind)


def put_payment(section: Section, key: str, payment: Section) -> None:
    """One payment stands alone, several are a list."""
    if key not in section:
        section[key] = payment
    elif isinstance(section[key], list):
        section[key].append(payment)
    else:
        section[key] = [section[key], payment]


def unwrapped(section: Section, key: str) -> bool:
    """Put what ``key`` holds in the place of its section, if that holds nothing else; whether it was so."""
    if list(section) != [key]:
        return False
    section.update(section.pop(key))
    return True


def judging(section: Section, key: str) -> Section:
    """The section of a plugin that has paid and not spoken yet; a new one if there is none."""
    if not is_judging(section, key):
        put(section, key, {})
        key = list(section)[-1]
    inner: Section = section[key]
    return inner


def is_judging(section: Section, key: str) -> bool:
    return list(section.get(key, ())) == ["paid"]
