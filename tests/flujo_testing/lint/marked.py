"""Test files as text, with the rules that they break written behind the lines: ``assert x >= 0  #! FL102``."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from textwrap import dedent, indent

from flujo_testing.lint.finding import Report
from flujo_testing.lint.library import Library
from flujo_testing.lint.linter import lint_text

NOWHERE = Path("/nowhere/test_rain.py")
HEAD = """\
import contextlib
import unittest
from decimal import Decimal
from unittest.mock import ANY

import pytest

from flujo import Flujo, PipelineResult, Step, StepResult, Usage
from flujo_testing import EchoAgent, FlujoRun, ScriptedAgent

PIPELINE = Step("write", EchoAgent())


"""
_MARK = re.compile(r"#!((?: FL\d{3})+)$")


def test_of(body: str) -> str:
    """A file with one test, which has a result and then these lines."""
    lines = indent(dedent(body).strip("\n"), "    ")
    return f'{HEAD}async def test_rain(flujo_run):\n    result = await flujo_run(PIPELINE, "rain")\n{lines}\n'


test_of.__test__ = False  # type: ignore[attr-defined]


def file_of(text: str) -> str:
    """A file with these functions and classes."""
    return HEAD + dedent(text).strip("\n") + "\n"


def marks(text: str) -> list[tuple[int, str]]:
    """The lines that are marked, each with the rule."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _MARK.search(line):
            found += [(number, code) for code in match[1].split()]
    return sorted(found)


def report_of(text: str, path: Path = NOWHERE, ran: Collection[str] | None = None) -> Report:
    return lint_text(text, path, Library(), shown="test_rain.py", ran=ran)


def found_in(text: str) -> list[tuple[int, str]]:
    """The lines where something is found, each with the rule."""
    return sorted((finding.line, finding.code) for finding in report_of(text).findings)
