"""``--flujo-shard``: all shards together are the suite, each test is in one, and in every process in the same."""

from __future__ import annotations

import argparse
import re

import pytest

from flujo_testing.sharding import Shard, shard_of

pytest_plugins = ["pytester"]

SUITE = """
import pytest

@pytest.mark.parametrize("word", [f"w{n}" for n in range(23)])
def test_word(word):
    pass

@pytest.mark.parametrize("at", ["a@b", "a/b", "\\u00e9", "\\udc80"])
@pytest.mark.xdist_group("one")
def test_odd(at):
    pass

class TestIn:
    def test_class(self):
        pass
"""
ALL = 28


def ran(result: pytest.RunResult) -> list[str]:
    passed = [line.split("::", 1)[1] for line in result.outlines if "::" in line and "PASSED" in line]
    return sorted(re.sub(r"@one| PASSED.*", "", line).strip() for line in passed)


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\nmarkers = xdist_group(name): pytest-xdist's\n")
    pytester.makepyfile(test_words=SUITE)
    return pytester


def run(suite: pytest.Pytester, *arguments: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
    loaded = [part for name in ("flujo_testing.pytest_plugin", *plugins) for part in ("-p", name)]
    return suite.runpytest_subprocess(*loaded, "-v", "-p", "no:cacheprovider", *arguments)


def test_all_shards_together_are_the_suite_and_each_test_is_in_one(suite: pytest.Pytester) -> None:
    whole = ran(run(suite))
    shards = [run(suite, f"--flujo-shard={number}/3") for number in (1, 2, 3)]
    assert len(whole) == ALL
    assert sorted(name for shard in shards for name in ran(shard)) == whole
    for number, shard in enumerate(shards, start=1):
        count = len(ran(shard))
        shard.stdout.fnmatch_lines([f"shard {number}/3: {count} of {ALL} tests"])
        shard.assert_outcomes(passed=count, deselected=ALL - count)


@pytest.mark.parametrize("options", [("-n2",), ("-n2", "--dist=loadgroup")], ids=" ".join)
def test_the_processes_of_xdist_run_the_same_shard(suite: pytest.Pytester, options: tuple[str, ...]) -> None:
    alone = run(suite, "--flujo-shard=2/3")
    spread = run(suite, "--flujo-shard=2/3", *options, plugins=("xdist",))
    spread_names = sorted(re.sub(r"@one", "", name) for name in re.findall(r"PASSED \S+?::(\S+)", spread.stdout.str()))
    assert spread_names == ran(alone)
    spread.stdout.fnmatch_lines([f"shard 2/3: {len(spread_names)} of {ALL} tests"])


def test_a_selection_stays_in_its_shards(suite: pytest.Pytester) -> None:
    shards = [set(ran(run(suite, f"--flujo-shard={number}/2"))) for number in (1, 2)]
    selected = [ran(run(suite, f"--flujo-shard={number}/2", "-k", "test_odd")) for number in (1, 2)]
    assert [set(names) - shard for names, shard in zip(selected, shards, strict=True)] == [set(), set()]
    assert [len(names) for names in selected] == [sum("test_odd" in name for name in shard) for shard in shards]
    assert sum(map(len, selected)) == 4


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["alone", "xdist"])
def test_an_empty_shard_is_no_failure(pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
    pytester.makepyfile(test_one="def test_it():\n    pass\n")
    empty = next(n for n in (1, 2) if not Shard(n, 2).holds("test_one.py::test_it"))
    result = run(pytester, f"--flujo-shard={empty}/2", *options, plugins=("xdist",))
    result.stdout.fnmatch_lines([f"shard {empty}/2: 0 of 1 tests"])
    assert result.ret == pytest.ExitCode.OK


def test_no_test_at_all_stays_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_none="")
    assert run(pytester, "--flujo-shard=1/2").ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize("given", ["0/2", "3/2", "1/0", "-1/2", "1", "1/2/3", "a/b", "", "1.0/2", "1 / 2", "\u0661/2"])
def test_what_names_no_shard_is_refused(pytester: pytest.Pytester, given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="names no shard: write"):
        shard_of(given)
    result = run(pytester, f"--flujo-shard={given}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--flujo-shard: * names no shard: write *"])


def test_a_test_is_in_the_same_shard_for_ever() -> None:
    found = [next(n for n in range(1, 6) if Shard(n, 5).holds(f"tests/test_rain.py::test_{w}")) for w in "abcdefgh"]
    assert found == [1, 5, 1, 5, 3, 1, 3, 4]


def test_shards_are_of_about_one_size() -> None:
    sizes = [sum(Shard(n, 4).holds(f"tests/test_rain.py::test[{case}]") for case in range(2000)) for n in range(1, 5)]
    assert sizes == [471, 526, 508, 495]
