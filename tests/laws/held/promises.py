"""What a law is here: promises in plain words, each with the tests that hold it. Data; it looks at no test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence, and by path of the test file the names of its tests; ``*`` in a name stands for anything."""

    text: str
    tests: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Law:
    name: str
    title: str
    promises: tuple[Promise, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    title: str
    about: str
    laws: tuple[Law, ...]


def promise(text: str, tests: Mapping[str, str]) -> Promise:
    """``tests`` holds names by file, separated by spaces."""
    return Promise(text, tuple((path, tuple(names.split())) for path, names in tests.items()))


def law(name: str, title: str, *promises: Promise) -> Law:
    return Law(name, title, promises)
