"""Every reader of files that others may have written, each with a folder, a file and the call that reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from flujo.price_list import Snapshot
from flujo_testing.audit.matrix import read_matrix
from flujo_testing.audit.waivers import waivers_of
from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.foreign import imported
from flujo_testing.cassette.library import scanned
from flujo_testing.cassette.lines import written
from flujo_testing.cassette.shelf import shelf_of
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.location import GoldenFolder
from flujo_testing.golden.parsing import read_data
from flujo_testing.golden.pending import read_pending
from flujo_testing.golden.reading import read_golden
from flujo_testing.golden.unused import read_unused
from flujo_testing.report.last_run import read_record
from flujo_testing.review.decision import begun
from flujo_testing.review.project import folder_of
from flujo_testing.review.proposals import waiting

OWNER = "tests/test_rain.py::test_it"
HERE = "<here>"
"""Stands for the fragment in an otherwise good file."""


@dataclass(frozen=True, slots=True)
class Reader:
    """``file`` lies below the folder that ``read`` is given; ``good`` is a file with a place for a fragment.

    ``line``: a file that is good but for its last line, which is the fragment. ``beside``: other files that a good
    one needs.
    """

    name: str
    file: str
    good: bytes
    read: Callable[[Path], object]
    line: bytes | None = None
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def files(self, fragment: bytes) -> dict[str, bytes]:
        files = {"alone": fragment, "in a good file": self.good.replace(HERE.encode(), fragment)}
        return files if self.line is None else {**files, "as a line": self.line.replace(HERE.encode(), fragment)}

    def put(self, root: Path, content: bytes) -> Path:
        for file, data in {**self.beside, self.file: content}.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_bytes(data)
        return root / self.file


def _golden(root: Path) -> object:
    folder = GoldenFolder(root, root / "golden")
    content = read_golden(folder, "rain/it.yaml")
    return None if content is None else read_data(content, folder.shown("rain/it.yaml"))


def _cassette(root: Path) -> object:
    return shelf_of(root, "cassettes", SecretScan()).load("rain/it.jsonl", OWNER)


def _scan(root: Path) -> object:
    """Reads all of a folder: what is wrong with a file is in the result."""
    corrupt = scanned(shelf_of(root, "cassettes", SecretScan()))[2]
    if corrupt:
        raise ScanFound("; ".join(corrupt))
    return None


class ScanFound(Exception):
    """What ``flujo cassette scan`` tells of a file."""


def _proposals(root: Path) -> object:
    problems = waiting(GoldenFolder(root, root / "golden"), root / "out").problems
    if problems:
        raise ProposalsFound("; ".join(problem.reason for problem in problems))
    return None


class ProposalsFound(Exception):
    """What ``flujo golden status --from`` tells of a file."""


class WaiversFound(Exception):
    """What is wrong with a file of waivers."""


def _waivers(root: Path) -> object:
    problems = waivers_of(root / "waivers.toml", {"a"}, date(2026, 1, 1)).problems
    if problems:
        raise WaiversFound("; ".join(problems))
    return None


PROPOSED = json.dumps(f'format: "flujo-golden/1"\nowner: "{OWNER}"\ninput: "rain"\n').encode()
"""The fragment of a good proposal."""
_DECISION = b"""{"format": "flujo-decision/1", "root": <here>, "entry": "", "page": null,
"rewrites": [], "keep": [], "drop": []}"""
_RECORD = b"""{"format": "flujo-suite/1", "cases": [], "causes": [], "changed": [], "audit": null,
"started_at": <here>, "seconds": 0.25}"""
_PRICES = f'''{{"format": "flujo-prices/1", "source": <here>, "id": "{Snapshot({}, "").id}",
"providers": {{}}}}'''
_LINES = written(OWNER, [Exchange("a", {"input": HERE}, {"output": "x"})])
_INSIDE = _LINES.replace(b'"<here>"', b"<here>")
_LAST = written(OWNER, []) + b"<here>\n"
_VCR = b"interactions:\n- request: {method: GET, uri: /, body: <here>}\n  response: {status: {code: 200}, body: a}\n"

READERS = (
    Reader(
        "golden", "golden/rain/it.yaml", f'format: "flujo-golden/1"\nowner: "{OWNER}"\na: {HERE}\n'.encode(), _golden
    ),
    Reader(
        "pending",
        "golden/.pending/rain/it.yaml.json",
        b'{"format": "flujo-pending/1", "golden": "rain/it.yaml", "owner": "o", "name": null, "test": "t",\n'
        b'"base": null, "text": <here>}\n',
        lambda root: read_pending(root / "golden/.pending", "rain/it.yaml"),
    ),
    Reader(
        "matrix",
        "golden/audit.yaml",
        b"format: flujo-audit/1\ntests:\n  a: <here>\n",
        lambda root: read_matrix(GoldenFolder(root, root / "golden")),
    ),
    Reader("cassette", "cassettes/rain/it.jsonl", _INSIDE, _cassette, _LAST),
    Reader("scan", "cassettes/rain/it.jsonl", _INSIDE, _scan),
    Reader("import", "rain.yaml", _VCR, lambda root: imported(root / "rain.yaml")),
    Reader(
        "decision",
        "golden/.pending/.decision.json",
        _DECISION,
        lambda root: begun(GoldenFolder(root, root / "golden")),
    ),
    Reader(
        "unused",
        "golden/.pending/.unused.json",
        b'{"format": "flujo-unused/1", "goldens": {"rain/it.yaml": <here>}}\n',
        lambda root: read_unused(root / "golden/.pending"),
    ),
    Reader(
        "proposals elsewhere",
        "out/rain/it.yaml.json",
        f'{{"format": "flujo-pending/1", "golden": "rain/it.yaml", "owner": "{OWNER}", "name": null, "test": "t",\n'
        f'"base": null, "text": {HERE}}}\n'.encode(),
        _proposals,
        beside={"tests/test_rain.py": b"def test_it(): ...\n"},
    ),
    Reader("last run", "out/last-run.json", _RECORD, lambda root: read_record(root / "out")),
    Reader("prices", "prices.json", _PRICES.encode(), lambda root: Snapshot.read(root / "prices.json")),
    Reader(
        "settings",
        "pyproject.toml",
        b"[tool.pytest.ini_options]\nflujo_golden_dir = <here>\n",
        lambda root: folder_of(root, None),
    ),
    Reader("waivers", "waivers.toml", b'[a]\nreason = "x"\nexpires = <here>\n', _waivers),
)
