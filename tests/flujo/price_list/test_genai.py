"""What the package genai-prices answers where it does not know, and that none of it comes through."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Context, Decimal, Inexact, localcontext
from pathlib import Path

import pytest
from genai_prices import data_snapshot
from genai_prices.data import providers as bundled
from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider, TieredPrices
from genai_prices.types import Tier as PackageTier
from genai_prices.types import Usage as PackageUsage

from flujo import Usage
from flujo.errors import MissingUnitPrice, UnknownModelPrice, UnknownPriceContext
from flujo.price_list import PriceList
from flujo.price_list.genai import installed, snapshot_of
from tests.flujo.price_list.lists import AT, named, price_list, providers

ROOT = Path(__file__).parents[3]
USAGE = Usage(input_tokens=100, output_tokens=10)
PACKAGE_USAGE = PackageUsage(input_tokens=100, output_tokens=10)


def by_the_package(
    model: str, provider: str | None = "acme", at: datetime | None = AT, context: dict[str, str] | None = None,
    usage: PackageUsage = PACKAGE_USAGE,
) -> Decimal:  # fmt: skip
    return DataSnapshot(providers(), False).calc(usage, model, provider, None, at, context).total_price


def test_without_a_provider_the_package_looks_for_one_and_we_refuse() -> None:
    assert DataSnapshot(bundled, False).find_provider_model("gpt-4o", None, None, None)[0].id == "openai"
    with pytest.raises(UnknownModelPrice, match=r"^no price for model 'gpt-4o': a model is named 'provider:model'$"):
        PriceList(installed()).quote("gpt-4o", USAGE, AT)


def test_a_provider_that_only_sounds_alike_is_taken_by_the_package_and_refused_by_us() -> None:
    assert by_the_package("large", "not-amazon-at-all") == Decimal("0.01113")
    with pytest.raises(UnknownModelPrice, match=r"no provider 'not-amazon-at-all' is listed, but acme, aws, reseller$"):
        price_list().quote("not-amazon-at-all:large", USAGE, AT)


def test_a_name_that_begins_alike_is_taken_by_the_package_and_refused_by_us() -> None:
    assert by_the_package("dated-but-another") == Decimal("0.00023")
    with pytest.raises(UnknownModelPrice) as caught:
        price_list().quote("acme:dated-but-another", USAGE, AT)
    assert str(caught.value) == (
        "no price for model 'acme:dated-but-another': the list takes any such name for 'acme:dated'; if it is one, say"
        " so: aliases={'acme:dated-but-another': 'acme:dated'}"
    )


def test_a_resold_model_is_priced_by_the_package_without_its_context_and_refused_by_us() -> None:
    batch = {"processing": "batch"}
    assert by_the_package("large", context=batch) == Decimal("0.0003")
    assert by_the_package("large", "reseller", context=batch) == by_the_package("large") == Decimal("0.00047")
    with pytest.raises(UnknownModelPrice, match=r"of 'reseller' there is nothing like it$"):
        price_list().quote("reseller:large", USAGE, AT, "batch")
    resold = PriceList(price_list().snapshot, aliases={"reseller:large": "acme:large"})
    assert resold.quote("reseller:large", USAGE, AT, "batch").cost == Decimal("0.0003")


def test_without_a_time_the_package_takes_the_present_and_we_demand_one_with_a_zone() -> None:
    assert by_the_package("moved", at=None) == by_the_package("moved") == Decimal("0.00037")
    with pytest.raises(ValueError, match=r"^the time of a request needs a time zone, not 2026-05-17T12:00:00$"):
        price_list().quote("acme:moved", USAGE, AT.replace(tzinfo=None))


def test_before_its_first_day_a_price_holds_for_the_package_and_not_for_us() -> None:
    early = datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert by_the_package("late", at=early) == Decimal("0.00037")
    with pytest.raises(UnknownModelPrice, match=r"at 2025-12-31T23:00:00[+]00:00: the list has later ones only$"):
        price_list().quote("acme:late", USAGE, early)
    assert price_list().quote("acme:late", USAGE, early + timedelta(hours=1)).cost == Decimal("0.00037")


def test_an_unknown_context_is_the_standard_price_to_the_package_and_an_error_to_us() -> None:
    assert by_the_package("large", context={"service_tier": "flxe"}) == by_the_package("large") == Decimal("0.00047")
    with pytest.raises(UnknownPriceContext, match="'flxe' nowhere among its contexts: processing=batch, processing"):
        price_list().quote("acme:large", USAGE, AT, "flxe")


def test_a_kind_without_a_price_costs_nothing_by_the_package_and_is_an_error_to_us() -> None:
    assert (by_the_package("vectors"), by_the_package("unpriced")) == (Decimal("0.0003"), Decimal(0))
    with pytest.raises(MissingUnitPrice, match=r"^model 'acme:vectors' has 10 output tokens and no price for output"):
        price_list().quote("acme:vectors", USAGE, AT)
    with pytest.raises(MissingUnitPrice, match=r"^model 'acme:unpriced' has 100 input tokens and no price for input"):
        price_list().quote("acme:unpriced", USAGE, AT)


def test_the_decimal_context_of_the_thread_decides_what_the_package_says_and_not_what_we_say() -> None:
    odd = Usage(input_tokens=123_457)
    with localcontext(prec=3):
        assert by_the_package("moved", usage=PackageUsage(input_tokens=123_457)) == Decimal("0.370")
        assert price_list().quote("acme:moved", odd, AT).cost == Decimal("0.370371")
    with localcontext(Context(prec=3, traps=[Inexact])):
        with pytest.raises(Inexact):
            by_the_package("moved", usage=PackageUsage(input_tokens=123_457))
        assert price_list().quote("acme:moved", odd, AT).cost == Decimal("0.370371")


def test_counts_as_floats_are_priced_by_the_package_and_cannot_be_told_to_us() -> None:
    assert by_the_package("moved", usage=PackageUsage(input_tokens=0.5)) == Decimal("0.0000015")
    with pytest.raises(TypeError, match="input_tokens"):
        price_list().quote("acme:moved", Usage(input_tokens=0.5), AT)  # type: ignore[arg-type]


def test_a_price_that_is_no_exact_amount_is_refused_when_the_list_is_read() -> None:
    for price, error, told in (
        (0.1, TypeError, "^the price of input_mtok must be a Decimal, a text or an int, not float 0.1"),
        (Decimal("-1"), ValueError, "^the price of input_mtok"),
        (Decimal("NaN"), ValueError, "^the price of input_mtok"),
    ):
        model = named("bad", ModelPrice(input_mtok=price))  # type: ignore[arg-type]
        with pytest.raises(error, match=told):
            snapshot_of([Provider(id="acme", name="", api_pattern="", models=[model])], "a list")


@pytest.mark.parametrize("start", [True, 1.5, -1])
def test_a_threshold_that_is_no_count_is_refused_when_the_list_is_read(start: int) -> None:
    prices = ModelPrice(input_mtok=TieredPrices(Decimal(2), [PackageTier(start, Decimal(3))]))
    with pytest.raises((TypeError, ValueError), match=r"^the threshold of input_mtok must"):
        snapshot_of([Provider(id="acme", name="", api_pattern="", models=[named("bad", prices)])], "a list")


def test_the_snapshot_of_the_process_and_changes_of_the_package_s_list_do_not_reach_a_price_list() -> None:
    mine = providers()
    prices = PriceList(snapshot_of(mine, "a list"))
    before = prices.quote("acme:moved", USAGE, AT)
    mine[0].models[2].prices = ModelPrice(input_mtok=Decimal(997))
    mine.clear()
    nothing = DataSnapshot([Provider(id="acme", name="", api_pattern="", models=[])], True)
    set_custom_snapshot(nothing)
    try:
        assert data_snapshot.get_snapshot() is nothing
        assert prices.quote("acme:moved", USAGE, AT) == before
        assert PriceList.installed().table_id == PriceList(installed()).table_id
        assert len(PriceList.installed().snapshot.providers) == len(bundled)
    finally:
        set_custom_snapshot(None)


def test_hours_are_those_of_utc_in_whichever_zone_the_request_is_told() -> None:
    costs = {}
    for hour in (5, 6, 21, 22):
        at = datetime(2026, 5, 17, hour, tzinfo=UTC).astimezone(timezone(timedelta(hours=-9)))
        costs[hour] = price_list().quote("acme:nightly", USAGE, at).cost
        assert costs[hour] == by_the_package("nightly", at=at)
    assert costs == {5: Decimal("0.00017"), 6: Decimal("0.00037"), 21: Decimal("0.00037"), 22: Decimal("0.00017")}


def test_a_condition_or_a_way_to_match_that_is_not_known_is_an_error() -> None:
    class Moon:
        def __repr__(self) -> str:
            return "Moon()"

    odd = ModelInfo("odd", Moon(), prices=ModelPrice())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^names are compared in a way that is not known here: Moon\(\)$"):
        snapshot_of([Provider(id="acme", name="", api_pattern="", models=[odd])], "a list")
    priced = named("odd", ModelPrice())
    priced.prices = [type("C", (), {"constraint": Moon(), "prices": ModelPrice()})()]
    with pytest.raises(ValueError, match=r"^prices under a condition that is not known here: Moon\(\)$"):
        snapshot_of([Provider(id="acme", name="", api_pattern="", models=[priced])], "a list")


OFFLINE = """
import sys
heard = []
sys.addaudithook(lambda event, args: heard.append(event) if event.startswith(("socket.", "_thread.start")) else None)
from datetime import UTC, datetime
from flujo import Usage
from flujo.price_list import PriceList
cost = PriceList.installed().quote("openai:gpt-4o", Usage(input_tokens=1, output_tokens=1), datetime.now(UTC)).cost
print(cost > 0, heard)
"""


def test_nothing_opens_a_socket_or_starts_a_thread() -> None:
    done = subprocess.run([sys.executable, "-c", OFFLINE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"


WITHOUT = """
import sys
sys.modules["genai_prices"] = None
from flujo.price_list import PriceList
try:
    PriceList.installed()
except ModuleNotFoundError as missing:
    print(missing)
print(PriceList.read(sys.argv[1]).table_id)
"""


def test_without_the_package_the_extra_is_named_and_a_file_is_read_all_the_same(tmp_path: Path) -> None:
    price_list().snapshot.write(tmp_path / "prices.json")
    command = [sys.executable, "-c", WITHOUT, str(tmp_path / "prices.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    missing = "the public price list needs the package genai-prices: pip install 'flujo-pipelines[prices]'"
    assert done.stdout.splitlines() == [missing, price_list().table_id]


def test_the_order_of_the_package_s_list_decides_between_models_of_the_same_name() -> None:
    twins = [named("twin", ModelPrice(input_mtok=Decimal(price))) for price in (2, 3)]
    twins[1].match = ClauseEquals("TWIN")
    prices = PriceList(snapshot_of([Provider(id="acme", name="", api_pattern="", models=twins)], "a list"))
    assert prices.quote("acme:Twin", Usage(input_tokens=1_000_000), AT).cost == 2
