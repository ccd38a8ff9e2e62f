"""The goldens of one run of the tests: who owns which path, what was compared, and what it means.

Reads and writes nothing: the bytes of a golden come in, and ``closing.py`` writes when the run is over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from flujo_testing.golden.errors import GoldenCorrupt, GoldenDisagreement, GoldenMisuse
from flujo_testing.golden.failure import told
from flujo_testing.golden.findings import Comparison, Findings, Verdict, digest
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.location import GoldenFolder, Place, same_on_some_disk
from flujo_testing.golden.mode import Mode
from flujo_testing.golden.parsing import read_data
from flujo_testing.golden.stories import Redactions, Storyteller, golden_text


def _never() -> bool:
    return False


@dataclass(slots=True, kw_only=True)
class GoldenSession:
    folder: GoldenFolder
    mode: Mode
    teller: Storyteller
    scan: SecretScan
    artifacts: Path | None
    findings: Findings = field(default_factory=Findings)
    is_excused: Callable[[], bool] = _never
    used: set[str] = field(default_factory=set)
    _owners: dict[str, dict[str, str]] = field(default_factory=dict)

    def claim(self, place: Place) -> None:
        """Remember who owns a path; it may have other owners until somebody uses it."""
        self._owners.setdefault(same_on_some_disk(place.path), {})[place.owner] = place.path

    def refuse_rivals(self, place: Place) -> None:
        """Raise GoldenMisuse, which names both, if another test owns this path, on this disk or another."""
        self.claim(place)
        owners = self._owners[same_on_some_disk(place.path)]
        for owner, path in owners.items():
            if owner != place.owner:
                raise GoldenMisuse(
                    f"{place.owner} and {owner} own one golden, {self.folder.shown(place.path)}"
                    + ("" if path == place.path else f" ({path} on a disk where case does not count)")
                    + ": rename one of the two tests"
                )

    def text_of(self, result: object, place: Place, redact: Redactions | None) -> str:
        return golden_text(self.teller, result, place, redact)

    def compare(self, place: Place, test: str, text: str, golden: str | None) -> Comparison:
        """Hold a story against its golden, and keep what was found.

        Raises GoldenCorrupt for a golden that cannot be compared or is another test's, GoldenDisagreement if
        another test told another story for this golden, SecretFound if a story that would be written or shown
        holds one.
        """
        shown = self.folder.shown(place.path)
        verdict = _verdict(text, golden)
        if verdict is Verdict.CHANGED and golden is not None:
            refuse_foreign(golden, place, shown)
        if verdict is not Verdict.EQUAL:
            self.scan.refuse(text.encode("utf-8"), shown)
        comparison = Comparison(
            path=place.path,
            owner=place.owner,
            name=place.name,
            test=test,
            verdict=verdict,
            digest=digest(text.encode("utf-8")),
            base=None if golden is None else digest(golden.encode("utf-8")),
            text=None if verdict is Verdict.EQUAL else text,
        )
        self.findings.add(comparison)
        self._refuse_disagreement(comparison, text, golden)
        return comparison

    def set_aside(self, is_excused: Callable[[], bool]) -> Findings:
        """Begin without findings, and compare only what is not excused, until they are put back."""
        aside, self.findings, self.is_excused = self.findings, Findings(), is_excused
        return aside

    def put_back(self, findings: Findings) -> None:
        """Forget what was found since. A golden that only such tests used is not unused."""
        self.findings, self.is_excused = findings, _never
        self.findings.partial |= not self.used <= findings.comparisons.keys()
        self.used = set(findings.comparisons)

    def differences(self, golden: str | None, text: str, shown: str) -> list[str]:
        """What has changed, in words; both are read back as data, so that they went the same way."""
        if golden is None:
            return []
        old, new = (read_data(version.encode("utf-8"), shown) for version in (golden, text))
        return list(self.teller.differences(old, new)) or ["only the way it is written has changed"]

    def _refuse_disagreement(self, comparison: Comparison, text: str, golden: str | None) -> None:
        shown = self.folder.shown(comparison.path)
        for other in self.findings.comparisons[comparison.path].values():
            if other.test != comparison.test and other.digest != comparison.digest:
                other_text = other.text if other.text is not None else golden or ""
                raise GoldenDisagreement(
                    told(
                        f"{comparison.test} ({comparison.verdict}) tells another story than {other.test} "
                        f"({other.verdict}), and both have one golden, {shown}",
                        self.differences(other_text, text, shown),
                        other_text,
                        text,
                        "next: make the two agree; a run that differs on purpose needs a golden of its own, "
                        "golden.check(result, name=...)",
                    )
                )


def refuse_foreign(golden: str, place: Place, shown: str) -> None:
    """Raise GoldenCorrupt unless the golden is one, and is owned by the test whose place it is in."""
    header = read_data(golden.encode("utf-8"), shown)
    if (header["owner"], header.get("name")) == (place.owner, place.name):
        return
    named = "" if header.get("name") == place.name else f" under the name {header.get('name')!r:.200}"
    line = next((at for at, text in enumerate(golden.split("\n"), 1) if text.startswith("owner:")), 1)
    raise GoldenCorrupt(
        shown,
        line,
        f"is owned by {header['owner']!r:.400}{named}, but {place.owner!r} looks for its golden here: "
        "correct the header if the test has moved, otherwise delete the file",
    )


def _verdict(text: str, golden: str | None) -> Verdict:
    if golden is None:
        return Verdict.MISSING
    return Verdict.EQUAL if golden == text else Verdict.CHANGED
