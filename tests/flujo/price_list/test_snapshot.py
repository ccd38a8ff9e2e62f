"""A snapshot in a file: the same prices under the same id, and nothing else is taken for one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flujo import Usage
from flujo.price_list import PriceList, Snapshot
from flujo.price_list.genai import installed
from flujo.price_list.snapshot import MAX_BYTES, _write_whole
from flujo.prices import content_id
from tests.flujo.price_list.lists import AT, snapshot


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    for whole in (snapshot(), installed()):
        whole.write(tmp_path / "prices.json")
        again = Snapshot.read(tmp_path / "prices.json")
        assert (again.providers, again.source, again.id) == (whole.providers, whole.source, whole.id)
        again.write(tmp_path / "again.json")
        assert (tmp_path / "again.json").read_bytes() == (tmp_path / "prices.json").read_bytes()


def test_a_file_prices_like_the_list_it_was_made_of(tmp_path: Path) -> None:
    snapshot().write(tmp_path / "prices.json")
    usage = Usage(input_tokens=1001, cache_read_tokens=7, output_tokens=10)
    pinned = PriceList.read(tmp_path / "prices.json", aliases={"mine:x": "acme:large"})
    assert pinned.quote("mine:x", usage, AT, "flex") == PriceList(snapshot()).quote("acme:large", usage, AT, "flex")


def test_a_model_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    snapshot().write(tmp_path / "prices.json")
    lines = (tmp_path / "prices.json").read_text(encoding="utf-8").splitlines()
    assert lines[:4] == [
        '{"format": "flujo-prices/1",',
        '"source": "a list",',
        f'"id": "{snapshot().id}",',
        '"providers": {',
    ]
    assert [line for line in lines if '"nightly"' in line] == [
        '  {"id": "nightly", "match": {"equals": "nightly"}, "prices": [{"usd": {"input_mtok": "3", "output_mtok": "7"'
        '}}, {"hours": ["22:00:00", "06:00:00"], "usd": {"input_mtok": "1", "output_mtok": "7"}}]},'
    ]


def change_a_price(data: dict[str, Any]) -> None:
    data["providers"]["acme"][0]["prices"][0]["usd"]["cache_read_mtok"] = "0.31"


def sealed(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def changed(data: dict[str, Any]) -> None:
        change(data)
        data["id"] = content_id(data["providers"])

    return changed


def make_a_price_a_float(data: dict[str, Any]) -> None:
    data["providers"]["acme"][0]["prices"][0]["usd"]["cache_read_mtok"] = [0.3]


def name_a_command(data: dict[str, Any]) -> None:
    data["providers"]["acme"][0]["id"] = "large\x1b[2J"


def match_by_chance(data: dict[str, Any]) -> None:
    data["providers"]["acme"][0]["match"] = {"chance": "0.5"}


def match_by_no_pattern(data: dict[str, Any]) -> None:
    data["providers"]["acme"][0]["match"] = {"regex": "["}


def leave_hours_out(data: dict[str, Any]) -> None:
    data["providers"]["acme"][0]["prices"][0]["hours"] = []


def name_a_provider(data: dict[str, Any]) -> None:
    data["providers"]["ac\u202eme"] = []


def name_a_unit(data: dict[str, Any]) -> None:
    data["providers"]["acme"][0]["prices"][0]["usd"]["input\n"] = "3"


def name_a_term(data: dict[str, Any]) -> None:
    data["providers"]["acme"][0]["prices"][0]["when"] = {"\x1b": "flex"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (change_a_price, f"has been changed: its id is '{snapshot().id}', that of its content '"),
        (sealed(make_a_price_a_float), "is no price list: TypeError: the price of cache_read_mtok must be a Decimal"),
        (sealed(name_a_command), r"is no price list: ValueError: it has the name 'large\x1b[2J'"),
        (sealed(match_by_chance), "is no price list: ValueError: it compares names by 'chance'"),
        (sealed(match_by_no_pattern), "is no price list: error: unterminated character set at position 0"),
        (sealed(leave_hours_out), "is no price list: IndexError: list index out of range"),
        (sealed(name_a_provider), r"is no price list: ValueError: it has the name 'ac\u202eme'"),
        (sealed(name_a_unit), r"is no price list: ValueError: it has the name 'input\n'"),
        (sealed(name_a_term), r"is no price list: ValueError: it has the name '\x1b'"),
        (lambda data: data.update(source="\x1b[2J"), r"is no price list: ValueError: it has the name '\x1b[2J'"),
        (lambda data: data.update(source=1), "is no price list: TypeError: a int stands where a name should"),
        (lambda data: data.pop("providers"), "is no price list: KeyError: 'providers'"),
        (
            lambda data: data.update(format="flujo-prices/2"),
            "is no price list: ValueError: its format is 'flujo-prices/2'",
        ),
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    path = tmp_path / "prices.json"
    snapshot().write(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole beginning of the message is compared
        Snapshot.read(path)
    assert str(caught.value)[: len(f"{path} {told}")] == f"{path} {told}"


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("rain", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"is no price list: JSONDecodeError: Expecting value: .*; 'flujo prices export'"
    ):
        Snapshot.read(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"\xff")
    with pytest.raises(
        ValueError, match=r"/x is no price list: UnicodeDecodeError: .*; 'flujo prices export' writes one$"
    ):
        Snapshot.read(tmp_path / "x")
    (tmp_path / "x").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(ValueError, match=r"/x is no price list: RecursionError: "):
        Snapshot.read(tmp_path / "x")
    (tmp_path / "x").write_text("[1]", encoding="utf-8")
    with pytest.raises(ValueError, match="is no price list: TypeError: list indices"):
        Snapshot.read(tmp_path / "x")


def test_the_source_is_no_part_of_the_id() -> None:
    assert Snapshot(snapshot().providers, "elsewhere").id == snapshot().id


def test_a_link_stays_one_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old", encoding="utf-8")
    (tmp_path / "here").symlink_to("there")
    snapshot().write(tmp_path / "here")
    assert ((tmp_path / "here").is_symlink(), Snapshot.read(tmp_path / "there")) == (True, snapshot())


def test_what_is_no_file_is_written_into(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    Snapshot({}, "a list").write(tmp_path / "pipe")
    written = os.read(reading, 1000)
    os.close(reading)
    (tmp_path / "file").write_bytes(written)
    assert Snapshot.read(tmp_path / "file") == Snapshot({}, "a list")
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_of_more_than_the_largest_list_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    with file.open("wb") as opened:
        opened.truncate(MAX_BYTES + 1)
    with pytest.raises(ValueError, match=f"is no price list: ValueError: it has more than {MAX_BYTES} bytes; "):
        Snapshot.read(file)


def test_what_cannot_be_put_in_its_place_leaves_nothing_and_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as caught:
        snapshot().write(tmp_path / "gone" / "prices.json")
    assert caught.value.filename == str(tmp_path / "gone" / "prices.json")

    with pytest.raises(TypeError, match="a bytes-like object is required"):
        _write_whole(tmp_path / "prices.json", "text")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
