"""``flujo prices``: what it shows, pins and compares, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from flujo.cli.commands import GROUP, run
from flujo.cli.endings import CLEAN, FINDINGS, USAGE
from flujo.price_list import Snapshot
from flujo.price_list.genai import installed
from flujo.price_list.snapshot import Rate
from tests.flujo.price_list.lists import snapshot

ENTRY = EntryPoint("prices", "flujo.price_list.command:prices", GROUP)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def pinned(tmp_path: Path) -> str:
    snapshot().write(tmp_path / "prices.json")
    return str(tmp_path / "prices.json")


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> pytest.CaptureFixture[str]:
    monkeypatch.setenv("COLUMNS", "100")
    return capsys


def test_a_table_shows_prices_and_of_contexts_what_differs(pinned: str, said: pytest.CaptureFixture[str]) -> None:
    asked = ["acme:large", "acme:asker", "acme:unpriced"]
    assert run(["prices", "show", *asked, "--file", pinned, "--at", "2026-05-17"], [ENTRY]) == CLEAN
    out, err = said.readouterr()
    assert [line.rstrip() for line in out.splitlines()] == [
        "model, context                        unit                 USD",
        "acme:large                            input                3, above 1000: 5, above 200000: 7",
        "                                      cache_read           0.3",
        "                                      cache_write          3.7",
        "                                      cache_write_1h       5.9, above 1000: 6.1",
        "                                      output               17, above 200000: 19",
        "                                      output_reasoning     23",
        "                                      web_searches_kcount  11",
        "  processing=batch                    input                1.3",
        "  processing=batch+service_tier=flex  input                2",
        "                                      output               13",
        "  service_tier=default                                     the same",
        "  service_tier=fast                   output               31",
        "  service_tier=flex                   input                2",
        "                                      output               13",
        "  speed=fast                          output               37",
        "acme:asker                            input                3",
        "                                      output               17",
        "                                      requests_kcount      7",
        "acme:unpriced                                              no price",
        "3 models, USD per million tokens or per unit as named",
        f"a list, id {snapshot().id}, prices of 2026-05-17",
    ]
    assert err == ""


def test_json_shows_the_same_in_full(pinned: str, said: pytest.CaptureFixture[str]) -> None:
    assert run(["prices", "show", "acme:m*", "--file", pinned, "--at", "2025-12-31", "--json"], [ENTRY]) == CLEAN
    assert json.loads(said.readouterr().out) == {
        "source": "a list",
        "id": snapshot().id,
        "at": "2025-12-31",
        "prices": [{"model": "acme:moved", "context": None, "usd": {"input_mtok": "2", "output_mtok": "7"}}],
    }


def test_without_a_model_all_of_the_installed_list_is_shown(said: pytest.CaptureFixture[str]) -> None:
    assert run(["prices", "show", "--json", "--at", "2026-11-01"], [ENTRY]) == CLEAN
    shown = json.loads(said.readouterr().out)
    models = {f"{provider}:{model.id}" for provider, models in installed().providers.items() for model in models}
    assert {row["model"] for row in shown["prices"]} == models


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "acme:larg"], "no price for model 'acme:larg': of 'acme' there is large"),
        (["show", "nobody:*"], "no model of the list fits 'nobody:*': a list has 17"),
        (["show", "acme:late", "--at", "2025-01-01"],
         "no price for model 'acme:late' at 2025-01-01T12:00:00+00:00: the list has later ones only"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_one_line(
    pinned: str, arguments: list[str], told: str, said: pytest.CaptureFixture[str]
) -> None:
    assert run(["prices", *arguments, "--file", pinned], [ENTRY]) == USAGE
    assert said.readouterr() == ("", f"flujo: {told}\n")


def test_the_installed_list_is_pinned_in_a_file(tmp_path: Path, said: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pinned.json"
    assert run(["prices", "export", str(path)], [ENTRY]) == CLEAN
    whole = installed()
    count = sum(map(len, whole.providers.values()))
    assert said.readouterr().out == f"{path}: {count} models of {whole.source}, id {whole.id}\n"
    assert Snapshot.read(path).providers == whole.providers


def test_two_lists_are_compared_price_by_price(pinned: str, tmp_path: Path, said: pytest.CaptureFixture[str]) -> None:
    large, _, *others, last = snapshot().providers["acme"]
    (tariff,) = large.tariffs
    rates = {**dict(tariff.rates), "output_mtok": Rate(Decimal("17.5"))}
    del rates["web_searches_kcount"]
    changed = replace(large, tariffs=(replace(tariff, rates=tuple(rates.items())),))
    renamed = replace(last, match=others[0].match)
    acme = (changed, *others, renamed, replace(others[0], id="new"))
    Snapshot({**snapshot().providers, "acme": acme}, "a newer list").write(tmp_path / "new.json")
    new = Snapshot.read(tmp_path / "new.json")
    assert run(["prices", "diff", pinned, str(tmp_path / "new.json")], [ENTRY]) == FINDINGS
    lines = said.readouterr().out.splitlines()
    assert lines == [
        "acme:large output_mtok: 17, above 200000: 19 -> 17.5",
        "acme:large web_searches_kcount: 11 -> not listed",
        "acme:new prices: not listed -> input_mtok 2; output_mtok 7; input_mtok (from 2026-01-01) 3;"
        " output_mtok (from 2026-01-01) 7",
        "acme:not-by-id names: equals another -> equals moved",
        "acme:sound prices: cache_audio_read_mtok 5; cache_read_mtok 2; input_audio_mtok 29; input_mtok 3;"
        " output_audio_mtok 47; output_mtok 17 -> not listed",
        f"4 models differ: a list ({snapshot().id}) -> a newer list ({new.id})",
    ]
    assert run(["prices", "diff", pinned, str(tmp_path / "new.json"), "--json"], [ENTRY]) == FINDINGS
    shown = json.loads(said.readouterr().out)
    assert (shown["old"], shown["new"]) == (snapshot().id, new.id)
    assert shown["changes"][:2] == [
        {"model": "acme:large", "what": "output_mtok", "old": "17, above 200000: 19", "new": "17.5"},
        {"model": "acme:large", "what": "web_searches_kcount", "old": "11", "new": None},
    ]
    assert len(shown["changes"]) == len(lines) - 1


def test_equal_lists_differ_in_nothing(pinned: str, said: pytest.CaptureFixture[str]) -> None:
    assert run(["prices", "diff", pinned, pinned], [ENTRY]) == CLEAN
    assert said.readouterr().out == f"0 models differ: a list ({snapshot().id}) -> a list ({snapshot().id})\n"


def test_a_file_that_is_none_is_one_line(tmp_path: Path, pinned: str, said: pytest.CaptureFixture[str]) -> None:
    assert run(["prices", "diff", pinned, str(tmp_path / "nowhere")], [ENTRY]) == USAGE
    assert said.readouterr().err == f"flujo: [Errno 2] No such file or directory: '{tmp_path / 'nowhere'}'\n"


WITHOUT = """
import sys
sys.modules["genai_prices"] = None
from importlib.metadata import EntryPoint
from flujo.cli.commands import run
sys.exit(run(["prices", "show"], [EntryPoint("prices", "flujo.price_list.command:prices", "flujo.commands")]))
"""


def test_a_missing_extra_is_one_line_that_names_it() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, check=False)
    needs = "the public price list needs the package genai-prices: pip install 'flujo-pipelines[prices]'"
    assert (done.returncode, done.stdout, done.stderr) == (USAGE, "", f"flujo: {needs}\n")


def test_a_list_of_others_commands_neither_a_terminal_nor_a_ci(
    tmp_path: Path, said: pytest.CaptureFixture[str]
) -> None:
    """A name may hold any printable character: those of a command to a CI service, and of markup for a terminal."""
    large, *_ = snapshot().providers["acme"]
    evil = Snapshot({"": (replace(large, id=":error title=x::pwned"),)}, "[/red][bold]::error::pwned")
    Snapshot({}, "::error::pwned").write(tmp_path / "none.json")
    evil.write(tmp_path / "evil.json")
    assert run(["prices", "show", "--file", str(tmp_path / "evil.json")], [ENTRY]) == CLEAN
    shown = said.readouterr().out
    assert run(["prices", "diff", str(tmp_path / "none.json"), str(tmp_path / "evil.json")], [ENTRY]) == FINDINGS
    told = said.readouterr().out
    assert [line for line in (shown + told).splitlines() if line.strip().startswith("::")] == []
    assert ("[/red][bold]::error::pwned" in shown, "\\x3a:error title=x" in shown, "\\x3a:error title=x" in told) == (
        True,
        True,
        True,
    )
