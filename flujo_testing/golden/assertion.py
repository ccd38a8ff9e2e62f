"""The object that the fixture ``golden`` gives to a test."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from syrupy.assertion import AssertionResult, SnapshotAssertion
from syrupy.location import PyTestLocation

from flujo_testing.golden.errors import (
    GoldenError,
    GoldenMismatch,
    GoldenMisuse,
)
from flujo_testing.golden.extension import extension_for
from flujo_testing.golden.failure import command_line, selection, told
from flujo_testing.golden.findings import Comparison, Verdict
from flujo_testing.golden.location import Place, place_of
from flujo_testing.golden.mode import Mode
from flujo_testing.golden.owner import owning_test
from flujo_testing.golden.session import GoldenSession


class Golden:
    """Compares the runs of one test with their goldens.

    ``golden.check(result)`` or ``assert result == golden``. Both raise ``GoldenMismatch`` (an
    AssertionError) that tells what has changed; if something swallows it, the test fails at its end.
    """

    def __init__(self, item: pytest.Function, snapshot: SnapshotAssertion, session: GoldenSession) -> None:
        self._item = item
        self._snapshot = snapshot
        self._session = session
        self._owner = owning_test(item, session.folder.anchor)
        self._names: set[str | None] = set()
        self._failed: list[Exception] = []

    def check(self, result: object, *, name: str | None = None, redact: Mapping[str, object] | None = None) -> None:
        """Compare a run with its golden; in the mode ``--golden=update``, write it when all tests are over.

        ``name`` tells a second run in one test from the first. ``redact`` replaces fields before anything is
        compared, shown or written: path pattern to a value, or to a function of the value that was there.
        Raises GoldenMismatch, or another GoldenError if the two cannot be compared.
        """
        __tracebackhide__ = True
        failure = self._failure(result, name, redact)
        if failure is not None:
            raise failure

    def __eq__(self, result: object) -> bool:
        """True if the run is as in its golden. Never False: it raises as ``check`` does."""
        __tracebackhide__ = True
        self.check(result)
        return True

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<golden of {self._owner.node_id}>"

    def refuse_leftovers(self) -> None:
        """Raise GoldenMismatch for comparisons that failed, although their test passed."""
        if self._failed:
            raise GoldenMismatch(
                f"{self._item.nodeid} passed, but {len(self._failed)} of its comparisons with a golden "
                f"failed and something swallowed the error. The first one: {self._failed[0]}"
            ) from self._failed[0]

    def _failure(self, result: object, name: str | None, redact: Mapping[str, object] | None) -> GoldenError | None:
        """Without its frames: pytest shows the arguments of each, and secrets may be among them."""
        try:
            self._compare(result, name, redact)
        except GoldenError as error:
            self._failed.append(error)
            return error.with_traceback(None)
        except Exception as error:  # functions of the user redact and serialise
            self._failed.append(error)
            raise
        return None

    def _compare(self, result: object, name: str | None, redact: Mapping[str, object] | None) -> None:
        __tracebackhide__ = True
        place = self._place(name)
        self._session.used.add(place.path)
        if self._session.is_excused():
            return
        text = self._session.text_of(result, place, redact)
        recalled = self._recall(place, text)
        golden = None if recalled.recalled_data is None else str(recalled.recalled_data)
        comparison = self._session.compare(place, self._item.nodeid, text, golden)
        if comparison.verdict is Verdict.EQUAL:
            return
        if self._session.mode is not Mode.UPDATE:
            raise GoldenMismatch(self._message(comparison, golden, text))
        recalled.success = True
        recalled.created, recalled.updated = golden is None, golden is not None

    def _place(self, name: str | None) -> Place:
        place = place_of(self._owner, name)
        if name in self._names:
            called = "without a name" if name is None else f"with the name {name!r}"
            raise GoldenMisuse(
                f"{self._owner.node_id} compares a second run {called}: give each further run its name, "
                "golden.check(result, name='resumed')"
            )
        self._session.refuse_rivals(place)
        self._names.add(name)
        return place

    def _recall(self, place: Place, text: str) -> AssertionResult:
        """What syrupy found; it keeps even our own errors to itself."""
        __tracebackhide__ = True
        self._snapshot(name=place.path).__eq__(text)
        recalled = self._snapshot.executions[self._snapshot.num_executions - 1]
        if recalled.exception is not None:
            raise recalled.exception
        return recalled

    def _message(self, comparison: Comparison, golden: str | None, text: str) -> str:
        session = self._session
        shown = session.folder.shown(comparison.path)
        head = f"{shown} does not exist yet" if golden is None else f"{shown} tells another story"
        command = command_line(session.mode, session.artifacts, selection(self._item))
        return told(head, session.differences(golden, text, shown), golden or "", text, command)


def golden_for(item: pytest.Function, session: GoldenSession) -> Golden:
    """The golden of a test, on a snapshot of syrupy that its own options do not reach."""
    snapshot = SnapshotAssertion(
        session=item.config._syrupy,  # type: ignore[attr-defined]
        extension_class=extension_for(session.folder),
        test_location=PyTestLocation(item),
        update_snapshots=False,
    )
    return Golden(item, snapshot, session)
