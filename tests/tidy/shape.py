"""How files look: short, with a docstring, named after what they are; and what no text here may say."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from tests.tidy.rule import Fault, Rule, each
from tests.tidy.source import Source, tree

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60
SAYS_NOTHING = re.compile(
    r"base|common|enhanced|helpers?|managers?|misc|new|old|optimi[sz]ed|ultra|utils?|utilities|v\d+"
)
LEFT_OVER = (".bak", ".orig", ".rej", ".swp", "~")

# The plain name is another product in the public index.
INSTALLS_ANOTHER_PRODUCT = re.compile(
    r"\b(?:pip[3x]?|pdm|poetry|uv)\b[^\n#&;|]*?\b(?:add|install)\b[^\n#&;|]*?[\s'\"]flujo(?![\w./-])"
)
REGISTRY_HOST = re.compile(r"\b(?:pypi|pythonhosted|npmjs|debian|anaconda)\.org\b|\bnpmjs\.com\b")
PATH_OF_A_MACHINE = re.compile(r"(?<![\w.~})\]>-])/(?:work|root|home/\w+|Users/\w+|opt/flujo)(?![\w-])")


def long_files(source: Source) -> Iterator[Fault]:
    lines = len(source.text.splitlines())
    if lines > LINES_OF_A_FILE:
        yield Fault(source.path, 0, f"has {lines} lines, at most {LINES_OF_A_FILE}")


def long_functions(source: Source) -> Iterator[Fault]:
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES_OF_A_FUNCTION:
                text = f"{node.name} has {lines} lines, at most {LINES_OF_A_FUNCTION}"
                yield Fault(source.path, node.lineno, text)


def missing_docstrings(source: Source) -> Iterator[Fault]:
    if source.text.strip() and ast.get_docstring(tree(source)) is None:
        yield Fault(source.path, 0, "has no docstring: say what the file is and what it is not")


def empty_names(source: Source) -> Iterator[Fault]:
    path = PurePosixPath(source.path)
    if path.name.endswith(LEFT_OVER):
        yield Fault(source.path, 0, "is a left-over copy: git remembers")
    words = [word for part in (*path.parent.parts, path.stem) for word in re.split(r"[_.-]", part)]
    for word in words if source.is_python else ():
        if SAYS_NOTHING.fullmatch(word):
            yield Fault(source.path, 0, f"'{word}' names nothing: name the file after what it holds")


def says(pattern: re.Pattern[str], why: str) -> Callable[[Source], Iterable[Fault]]:
    def judge(source: Source) -> Iterator[Fault]:
        for number, line in enumerate(source.text.splitlines(), start=1):
            for match in pattern.finditer(line):
                yield Fault(source.path, number, f"says '{match[0].strip()}': {why}")

    return judge


def python(source: Source) -> bool:
    return source.is_python


def anything(source: Source) -> bool:
    return True


RULES = (
    Rule(f"no file is longer than {LINES_OF_A_FILE} lines", python, each(long_files)),
    Rule(f"no function is longer than {LINES_OF_A_FUNCTION} lines", python, each(long_functions)),
    Rule("every module has a docstring", python, each(missing_docstrings)),
    Rule("files are named after what they are", anything, each(empty_names)),
    Rule(
        "nobody is told to install another product",
        anything,
        each(says(INSTALLS_ANOTHER_PRODUCT, "the distribution is flujo-pipelines")),
    ),
    Rule("no text names a package registry", anything, each(says(REGISTRY_HOST, "a registry is configured"))),
    Rule(
        "no text holds a path of one machine",
        anything,
        each(says(PATH_OF_A_MACHINE, "it exists nowhere else")),
    ),
)
