"""The text of the test: it imports the pipeline by its reference, plays the cassette, checks the golden."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass, fields
from typing import Any

from flujo import UsageLimits
from flujo.cli.references import Named
from flujo.cli.wording import moment
from flujo_testing.from_run.errors import NotATest
from flujo_testing.from_run.literals import Literals, import_lines, quoted
from flujo_testing.from_run.rehearsal import Scene

TAKEN = frozenset(
    {"Decimal", "Flujo", "TypeAdapter", "UsageLimits", "anyio", "cassette", "flujo_run", "golden", "made", "offline"}
    | {"partial", "pytest", "result", "virtual_clock"}
)
"""Names that the test itself uses: a pipeline of such a name is imported under another one."""


@dataclass(frozen=True, slots=True)
class Source:
    """``file`` is its path below the project's folder, with ``/``; ``test`` the name of its function."""

    file: str
    test: str
    text: str


def written(named: Named, scene: Scene, file: str, test: str) -> Source:
    """The test of a scene. Raises NotATest for a name or an input that no source can hold."""
    if not test.isidentifier() or keyword.iskeyword(test) or not test.startswith("test"):
        raise NotATest(f"{test!r} is no name for a test function: pass --name test_something")
    literals = Literals({("flujo", "Flujo")})
    module, _, attribute = named.reference.partition(":")
    first, *rest = attribute.split(".")
    known = f"{first}_of_{module.rpartition('.')[2]}" if first in TAKEN else first
    literals.imports.add((module, first if known == first else f"{first} as {known}"))
    found = ".".join([known, *rest])
    lines = _runner(named, found, scene, literals)
    call = f"    result = flujo_run.sync(offline, {literals.of(scene.run.input, 'the input')}"
    if scene.run.context_data:
        call += f", context_data={literals.of(scene.run.context_data, 'the context')}"
    lines.append(f"{call})")
    for answers in scene.resumes:
        literals.imports |= {("functools", "partial")}
        lines.append(
            f"    result = anyio.run(partial(offline.resume_async, result, {literals.of(answers, 'an answer')}))"
        )
    uses_anyio = bool(scene.resumes)
    head = _imports(literals, uses_anyio=uses_anyio)
    patterns = ", ".join(quoted(pattern) for pattern in scene.recorded)
    summary = scene.run.summary
    made_at = moment(summary.started_at)
    text = "\n".join(
        [
            f'"""The run {summary.run_id} of {named.reference}, {made_at} UTC, once more: nobody is asked."""',
            "",
            *head,
            "",
            "",
            f"@pytest.mark.flujo_cassette(agents=[{patterns}])",
            f"def {test}(flujo_run, cassette, virtual_clock, golden):",
            *lines,
            "    golden.check(result)",
            "",
        ]
    )
    return Source(file, test, text)


def _imports(literals: Literals, *, uses_anyio: bool) -> list[str]:
    """Standard library, other libraries, then what the project has: a block each."""
    standard = {one for one in literals.imports if one[0].partition(".")[0] in sys.stdlib_module_names}
    libraries = {one for one in literals.imports if one[0].partition(".")[0] in ("pydantic", "flujo")}
    own = literals.imports - standard - libraries
    plain = ["import anyio"] if uses_anyio else []
    blocks = [
        list(import_lines(standard)),
        [*plain, "import pytest", *import_lines(libraries)],
        list(import_lines(own)),
    ]
    lines: list[str] = []
    for block in blocks:
        if block:
            lines += [*([""] if lines else []), *block]
    return lines


def _runner(named: Named, found: str, scene: Scene, literals: Literals) -> list[str]:
    """The runner of production without its store, listeners and clock; of a pipeline, the one that a command makes."""
    name = "made" if named.is_made else found
    lines = [f"    made = {found}()"] if named.is_made else []
    known = None if named.runner is None else named.runner.usage_limits
    limits = f"{name}.usage_limits" if scene.run.limits == known else _limits(scene, literals)
    if named.runner is None:
        return [
            *lines,
            f"    offline = Flujo({name})"
            if known == scene.run.limits
            else f"    offline = Flujo({name}, usage_limits={limits})",
        ]
    told = {
        "context_model": f"{name}.context_model",
        "resources": f"{name}.resources",
        "usage_limits": limits,
        "cost_model": f"{name}.cost_model",
        "strict_pricing": f"{name}.strict_pricing",
        "name": f"{name}.name",
    }
    options = [f"        {option}={value}," for option, value in told.items()]
    head = f"    offline = Flujo(  # {found} without its store, listeners and clock"
    return [*lines, head, f"        {name}.pipeline,", *options, "    )"]


def _limits(scene: Scene, literals: Literals) -> str:
    if scene.run.limits is None:
        return "None"
    literals.imports.add(("flujo", "UsageLimits"))
    told: dict[str, Any] = {field.name: getattr(scene.run.limits, field.name) for field in fields(UsageLimits)}
    given = [
        f"{key}={quoted(str(value)) if key == 'total_cost_usd_limit' else value}"
        for key, value in told.items()
        if value is not None
    ]
    return f"UsageLimits({', '.join(given)})"


def name_for(pipeline: str, run_id: str) -> str:
    """``test_press_3f2a9c81``."""
    words = re.sub(r"[^0-9a-zA-Z]+", "_", f"{pipeline}_{run_id}").strip("_").lower()
    return f"test_{words}"
