"""Passes a test several times within one run of pytest, so that plugins and reports see one test.

``pass_first`` is the test as pytest runs it, but for fixtures of a wider scope, which live on. ``pass_again`` makes
one more pass with fresh function fixtures; nobody is told of it: not the reports, ``--pdb``, ``-x``, ``--lf``, nor
plugins that retry. Goldens are only read meanwhile. ``finish`` reports what was found and tears down the rest.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import pytest
from _pytest.capture import CaptureManager
from _pytest.runner import check_interactive_exception, runtestprotocol

from flujo_testing.agents import Pass
from flujo_testing.golden.readonly import goldens_read_only

Phase = Literal["setup", "call", "teardown"]
Output = tuple[tuple[str, str, str], ...]
"""(phase, name, text), as pytest keeps it."""

REACHES_PYTEST = (pytest.exit.Exception, KeyboardInterrupt)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a pass ended: what was raised first, if anything, and in which phase; ``output`` is what was captured.

    A test that skips itself has not failed.
    """

    error: BaseException | None = None
    phase: Phase | None = None
    output: Output = ()


def pass_first(item: pytest.Item) -> list[pytest.TestReport]:
    """Set up, call and tear down the test itself. The reports of the phases that were reached are not told yet."""
    return runtestprotocol(item, log=False, nextitem=_beside(item))


def passed(reports: list[pytest.TestReport]) -> bool:
    """Whether the test was called, and neither failed nor was expected to."""
    phases = [report.when for report in reports if report.passed and "wasxfail" not in vars(report)]
    return phases == ["setup", "call", "teardown"]


def pass_again(item: pytest.Function, is_excused: Callable[[], bool]) -> Outcome:
    """One more pass of a test that has passed. A golden is not compared if the pass ``is_excused`` at that time."""
    before = len(item._report_sections)
    with _unseen(item), goldens_read_only(item.config, is_excused), _scripts_afresh():
        outcomes = [_phase(item, "setup")]
        if outcomes[0].error is None:
            outcomes.append(_phase(item, "call"))
        outcomes.append(_phase(item, "teardown"))
        output = tuple(item._report_sections[before:])
    failed = (outcome for outcome in outcomes if outcome.error is not None)
    first = next((one for one in failed if not isinstance(one.error, pytest.skip.Exception)), Outcome())
    return replace(first, output=output)


def finish(
    item: pytest.Function,
    nextitem: pytest.Item | None,
    reports: list[pytest.TestReport],
    found: BaseException | None,
    output: Output = (),
) -> None:
    """Tell the reports of the first pass, failed if something was found, and tear down fixtures of a wider scope.

    ``output`` is that of the pass in which it was found.
    """
    item._initrequest()
    if found is not None:
        item._report_sections[:] = output
        _fail(item, reports, found)
    *before, teardown = reports
    for report in before:
        item.ihook.pytest_runtest_logreport(report=report)
    stopping = item.session.shouldfail or item.session.shouldstop
    failed = _tear_down_the_rest(item, None if stopping else nextitem)
    if teardown.failed or failed is None:
        item.ihook.pytest_runtest_logreport(report=teardown)
    if failed is not None:
        item.ihook.pytest_runtest_logreport(report=failed)
    _let_go(item)


def _fail(item: pytest.Function, reports: list[pytest.TestReport], found: BaseException) -> None:
    """Put a failed report in the place of the one that says the call has passed."""
    at = next(index for index, report in enumerate(reports) if report.when == "call")
    call = pytest.CallInfo.from_call(partial(_raise, found), when="call")
    call.start, call.stop, call.duration = reports[at].start, reports[at].stop, reports[at].duration
    report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
    reports[at] = report
    if check_interactive_exception(call, report):
        item.ihook.pytest_exception_interact(node=item, call=call, report=report)


def _tear_down_the_rest(item: pytest.Function, nextitem: pytest.Item | None) -> pytest.TestReport | None:
    """The report, if it failed. Without the hooks: plugins have seen the teardown of this test."""
    capture: CaptureManager | None = item.config.pluginmanager.get_plugin("capturemanager")
    with nullcontext() if capture is None else capture.item_capture("teardown", item):
        call = pytest.CallInfo.from_call(
            lambda: item.session._setupstate.teardown_exact(nextitem), when="teardown", reraise=REACHES_PYTEST
        )
    if call.excinfo is None:
        return None
    report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
    if check_interactive_exception(call, report):
        item.ihook.pytest_exception_interact(node=item, call=call, report=report)
    return report


def _raise(error: BaseException) -> None:
    raise error


def _phase(item: pytest.Function, phase: Phase) -> Outcome:
    """One phase with all hooks that belong to it, so that logs, output and warnings are the pass's own."""
    hooks: dict[str, Callable[[], object]] = {
        "setup": lambda: item.ihook.pytest_runtest_setup(item=item),
        "call": lambda: item.ihook.pytest_runtest_call(item=item),
        "teardown": lambda: item.ihook.pytest_runtest_teardown(item=item, nextitem=_beside(item)),
    }
    call = pytest.CallInfo.from_call(hooks[phase], when=phase, reraise=REACHES_PYTEST)
    error = None if call.excinfo is None else call.excinfo.value
    return Outcome(error or _error_of_case(item), phase)


def _error_of_case(item: pytest.Function) -> BaseException | None:
    """What a unittest.TestCase has raised: pytest keeps it until it reports."""
    kept: list[pytest.ExceptionInfo[BaseException]] = vars(item).get("_excinfo") or []
    errors = [excinfo.value for excinfo in kept]
    kept.clear()
    return errors[0] if errors else None


@contextmanager
def _unseen(item: pytest.Function) -> Iterator[None]:
    """Leave nothing of a pass on the item, nor warnings in the summary, nor anything for the lint to look at."""
    sections, properties = len(item._report_sections), len(item.user_properties)
    looked_at = len(_passes_for_lint(item.config))
    if isinstance(item.parent, pytest.Class):  # each pass has a fresh instance of a test class
        vars(item).pop("_instance", None)
        vars(item).pop("_obj", None)
    item._initrequest()
    with warnings.catch_warnings(record=True):
        try:
            yield
        finally:
            del item._report_sections[sections:], item.user_properties[properties:]
            del _passes_for_lint(item.config)[looked_at:]
            _let_go(item)


def _passes_for_lint(config: pytest.Config) -> list[Any]:
    """What the lint has kept of passes, if it is in use."""
    hooks: Any = config.pluginmanager.get_plugin("flujo-lint")
    return [] if hooks is None else hooks.passes


@contextmanager
def _scripts_afresh() -> Iterator[None]:
    """Those of fakes, also where the test takes no fixture that sees to it."""
    afresh = Pass()
    afresh.open()
    try:
        yield
    finally:
        afresh.close()


def _let_go(item: pytest.Function) -> None:
    """As pytest leaves a test that is over."""
    item._request = False  # type: ignore[assignment]
    item.funcargs = None  # type: ignore[assignment]


class _Beside:
    """Stands for a test beside another one: all that is above it is needed still, its own fixtures are not."""

    def __init__(self, item: pytest.Item) -> None:
        self._chain = item.listchain()[:-1]

    def listchain(self) -> list[Any]:
        return self._chain


def _beside(item: pytest.Item) -> Any:
    return _Beside(item)
