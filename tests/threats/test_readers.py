"""A hostile file is data or one clear error: no code runs, and time and memory are bounded."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flujo_testing.golden_project import REPOSITORY
from tests.threats.contents import CONTENTS
from tests.threats.readers import PROPOSED, READERS, Reader


def in_a_good_file(*names: str) -> set[str]:
    return {f"{name}, in a good file" for name in names}


HARMLESS = {
    "golden": in_a_good_file(
        "a float of 5,000 digits",
        "an exponent without end",
        "a number in base 60",
        "a text of 3 MiB",
        "3 MiB of spaces",
        "3 MiB of comments",
        "digits and letters",
        "bare digits and letters",
        "nothing",
    ),
    "pending": in_a_good_file("a text of 3 MiB", "digits and letters"),
    "import": in_a_good_file(
        "an exponent without end",
        "a text of 3 MiB",
        "3 MiB of spaces",
        "3 MiB of comments",
        "digits and letters",
        "bare digits and letters",
        "nothing",
    ),
    "decision": in_a_good_file("a text of 3 MiB", "digits and letters"),
    "unused": in_a_good_file("a text of 3 MiB", "digits and letters", "a lone surrogate"),
    "last run": in_a_good_file("a text of 3 MiB", "digits and letters", "a lone surrogate"),
    "prices": in_a_good_file("a text of 3 MiB", "digits and letters"),
    "settings": {
        *in_a_good_file("a text of 3 MiB", "digits and letters"),
        *("nothing, alone", "3 MiB of spaces, alone", "3 MiB of comments, alone"),
    },
    "waivers": {"nothing, alone"},
}
"""What is but a long text, or no more than nothing, in an otherwise good file."""
PLACE = {
    "golden": r"GoldenCorrupt: golden/rain/it\.yaml, line [1-9][0-9]*: .+",
    "pending": r"GoldenCorrupt: golden/\.pending/rain/it\.yaml\.json, line [1-9][0-9]*: .+",
    "matrix": r"GoldenCorrupt: golden/audit\.yaml, line [1-9][0-9]*: .+",
    "cassette": r"CassetteCorrupt: cassettes/rain/it\.jsonl, line [1-9][0-9]*: .+",
    "scan": r"ScanFound: cassettes/rain/it\.jsonl, line [1-9][0-9]*: .+",
    "import": r"RecordingError: rain\.yaml:[1-9][0-9]*: .+ Restore the file or record it again",
    "decision": r"GoldenCorrupt: golden/\.pending/\.decision\.json, line 1: holds no decision \(\w+\): look .+",
    "unused": r"GoldenCorrupt: golden/\.pending/\.unused\.json, line 1: .+",
    "proposals elsewhere": r"ProposalsFound: out/rain/it\.yaml\.json, line [1-9][0-9]*: .+",
    "last run": r"RecordUnreadable: out/last-run\.json is (not JSON: |no record of a run).+",
    "prices": r"ValueError: prices\.json is no price list: .+; 'flujo prices export' writes one",
    "settings": r"GoldenMisuse: (pyproject\.toml cannot be read: |flujo_golden_dir is no text in the ini file).+",
    "waivers": r"WaiversFound: waivers\.toml(: the waiver of 'a'| cannot be read:) .+",
}
"""An error names the file, the line and the reason, in one line."""


def read_apart(reader: Reader, folder: Path) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "tests.threats.reading", reader.name, str(folder)]
    run = subprocess.run(command, cwd=REPOSITORY, check=True, timeout=600, capture_output=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_hostile_file_runs_no_code_and_is_one_clear_error(tmp_path: Path, reader: Reader) -> None:
    rows = read_apart(reader, tmp_path)
    assert len(rows) == len(CONTENTS) * len(reader.files(b"")) + 1
    assert [row for row in rows if row["heard"]] == []
    assert [
        row for row in rows if row["told"] != "read" and not re.fullmatch(PLACE[reader.name], str(row["told"]))
    ] == []
    read = {str(row["file"]) for row in rows if row["told"] == "read"}
    assert read == HARMLESS.get(reader.name, set())


BELOW_A_FOLDER = [reader for reader in READERS if reader.name not in ("import", "waivers", "prices", "settings")]
"""The others read the one file that their user names, wherever it is."""


@pytest.mark.parametrize("reader", BELOW_A_FOLDER, ids=lambda reader: reader.name)
def test_a_symbolic_link_is_not_followed_out_of_the_folder(tmp_path: Path, reader: Reader) -> None:
    secret = tmp_path / "outside" / "secret"
    secret.parent.mkdir()
    secret.write_bytes(reader.good)
    linked = tmp_path / "project" / reader.file
    linked.parent.mkdir(parents=True)
    linked.symlink_to(secret)
    with pytest.raises(Exception, match=rf"line 1: is reached through the symbolic link '{linked.name}'"):
        reader.read(tmp_path / "project")


@pytest.mark.parametrize("reader", BELOW_A_FOLDER, ids=lambda reader: reader.name)
def test_a_folder_in_the_place_of_a_file_is_said_to_be_no_file(tmp_path: Path, reader: Reader) -> None:
    (tmp_path / reader.file).mkdir(parents=True)
    with pytest.raises(Exception, match=r"line 1: is no regular file$"):
        reader.read(tmp_path)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_good_file_is_read(tmp_path: Path, reader: Reader) -> None:
    fragment = {
        "matrix": b"{}",
        "waivers": b"2099-01-01",
        "cassette": b'"<here>"',
        "scan": b'"<here>"',
        "proposals elsewhere": PROPOSED,
    }
    reader.put(tmp_path, reader.files(fragment.get(reader.name, b'"x"'))["in a good file"])
    reader.read(tmp_path)
