"""Where a golden lies: a path that every file system takes, and that no other test has."""

from __future__ import annotations

from pathlib import Path

import pytest

from flujo_testing.golden import GoldenMisuse
from flujo_testing.golden.location import (
    GoldenFolder,
    OwningTest,
    Place,
    golden_folder,
    place_of,
    portable,
    same_on_some_disk,
)

ANCHOR = Path("/project")


@pytest.mark.parametrize(
    ("file", "names", "name", "path"),
    [
        ("tests/test_rain.py", ("test_it",), None, "test_rain/test_it.yaml"),
        (
            "tests/sub/test_rain.py",
            ("TestA", "TestB", "test_it"),
            None,
            "sub/test_rain/TestA.TestB.test_it.yaml",
        ),
        ("test_rain.py", ("test_it[1-two]",), None, "test_rain/test_it[1-two].yaml"),
        ("checks/tests/test_rain.py", ("test_it",), None, "checks/tests/test_rain/test_it.yaml"),
        ("tests/test_rain.py", ("test_it",), "resumed", "test_rain/test_it@resumed.yaml"),
        ("tests/test_rain.py", ("test_it[a/b]",), None, "test_rain/test_it[a-b]~306b0382.yaml"),
    ],
)
def test_a_golden_lies_where_its_test_lies(file: str, names: tuple[str, ...], name: str | None, path: str) -> None:
    test = OwningTest(file, names)
    assert place_of(test, name) == Place(path, "::".join([file, *names]), name)


SHARED_BY_SYRUPY = ["a/b", "ab", "a:b", "a?b", 'a"b', "a\x00b", "a\u200bb"]


def test_names_that_syrupy_would_put_into_one_file_have_files_of_their_own() -> None:
    assert len({same_on_some_disk(portable(name)) for name in SHARED_BY_SYRUPY}) == len(SHARED_BY_SYRUPY)


def test_long_names_that_begin_alike_have_files_of_their_own() -> None:
    first, second = portable("x" * 400 + "1"), portable("x" * 400 + "2")
    assert (len(first), len(second)) == (120, 120)
    assert first != second


@pytest.mark.parametrize(
    "reserved",
    ["con", "CON", "nul.txt", "COM1", "lpt9.a.b", "..", ".hidden", "trailing.", "-option", "", "a b"],
)
def test_a_name_that_some_system_reserves_becomes_another_with_a_hash(reserved: str) -> None:
    name = portable(reserved)
    slug, mark, digest = name.partition("~")
    assert (mark, len(digest)) == ("~", 8)
    assert slug.strip(".-").lower() not in {"con", "nul.txt", "com1", "lpt9.a.b"}
    assert not name.startswith((".", "-"))


def test_composed_and_decomposed_letters_have_files_of_their_own() -> None:
    assert portable("caf\u00e9") != portable("cafe\u0301")
    assert portable("caf\u00e9").isascii()


def test_a_name_with_a_hash_is_no_name_of_another_test() -> None:
    hashed = portable("a/b")
    assert portable(hashed) != hashed


def test_paths_that_differ_in_case_are_one_on_some_disk() -> None:
    assert same_on_some_disk("test_rain/TestA.test_it.yaml") == same_on_some_disk("test_rain/testa.test_it.yaml")


def test_the_folder_is_anchored_at_the_project() -> None:
    folder = golden_folder(ANCHOR, "checks/golden", "__snapshots__")
    assert folder == GoldenFolder(ANCHOR, ANCHOR / "checks/golden")
    assert folder.shown("test_rain/test_it.yaml") == "checks/golden/test_rain/test_it.yaml"


@pytest.mark.parametrize("setting", ["__snapshots__", "tests/__snapshots__", "__snapshots__/golden"])
def test_a_folder_that_syrupy_cleans_up_is_refused(setting: str) -> None:
    with pytest.raises(GoldenMisuse, match=r"lies in syrupy's folder '__snapshots__'"):
        golden_folder(ANCHOR, setting, "__snapshots__")


def test_a_snapshot_folder_that_is_called_like_ours_is_refused() -> None:
    with pytest.raises(GoldenMisuse, match=r"lies in syrupy's folder 'x/golden'"):
        golden_folder(ANCHOR, "golden", "x/golden")


@pytest.mark.parametrize("setting", ["", ".", " "])
def test_the_project_itself_is_no_golden_folder(setting: str) -> None:
    with pytest.raises(GoldenMisuse, match=r"is no folder of its own"):
        golden_folder(ANCHOR, setting, "__snapshots__")
