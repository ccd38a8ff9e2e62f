"""A line per cause for GitHub Actions, which shows it at the place in the code.

A workflow command is ``::error file=F,line=N,title=T::message``. ``%``, CR and LF are written as ``%25``, ``%0D`` and
``%0A``; in a property ``:`` as ``%3A`` and ``,`` as ``%2C``, too. Source: docs.github.com, "Workflow commands for
GitHub Actions", and ``packages/core/src/command.ts`` of actions/toolkit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from flujo_testing.golden.inert import inert
from flujo_testing.report.record import Cause, SuiteRecord
from flujo_testing.report.show import counted

MOST: Final = 10
"""GitHub shows no more annotations of one step."""


def is_asked(environ: Mapping[str, str]) -> bool:
    return environ.get("GITHUB_ACTIONS") == "true"


def folder_of(root: Path, environ: Mapping[str, str]) -> str:
    """Where the root of the tests lies in the repository that GitHub shows; "" if it is its root, or nobody knows."""
    repository = environ.get("GITHUB_WORKSPACE", "")
    if not repository or not root.is_relative_to(repository):
        return ""
    return root.relative_to(repository).as_posix().removeprefix(".")


def annotations_of(record: SuiteRecord, folder: str = "") -> Iterator[str]:
    """One for each of the largest causes, where the first of its tests failed; ``folder`` holds the tests."""
    places = {case.test: (case.file, case.line) for case in record.cases}
    for cause in record.causes[:MOST]:
        file, line = places.get(cause.tests[0], ("", 0)) if cause.tests else ("", 0)
        yield annotation_of(cause, f"{folder}/{file}" if folder and file else file, line)


def annotation_of(cause: Cause, file: str, line: int) -> str:
    """``file`` is relative to the root of the repository, "" for none; ``line`` counts from 1, 0 for none."""
    told = {"file": file, "line": str(line or ""), "title": f"{counted(len(cause.tests), 'test')}, {cause.kind}"}
    properties = ",".join(f"{name}={_property(value)}" for name, value in told.items() if value)
    lines = [cause.title, *([cause.tests[0]] if cause.tests else []), cause.example, cause.command]
    return f"::error {properties}::{_data(chr(10).join(map(inert, lines)))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(inert(text)).replace(":", "%3A").replace(",", "%2C")
