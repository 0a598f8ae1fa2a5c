from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from report import prices
from report.prices import Bill, Prices, Reign, finding, regrets, reigns
from report.study import Study, studies_of
from tests.report.synthetic import POLICY, write_experiment
from tests.report.test_report import build, needs_pdftotext, text_of

CHEAP, MIDDLE, SAFE = Bill(100.0, 50.0), Bill(120.0, 10.0), Bill(200.0, 0.0)
amounts = st.integers(0, 1000).map(float)
some_bills = st.dictionaries(st.sampled_from("abcdefg"), st.builds(Bill, amounts, amounts), min_size=1)


def compared(results: Path, source: Path) -> Study:
    """Two loads; cheap loses half of the requests."""
    arms = {
        f"{policy}/{load}": [{"instance_seconds": bill.instance_seconds + number, "offered": 100,
                              "served": 100 - bill.not_served} for number in (-1, 1)]
        for policy, bill in (("cheap", CHEAP), ("middle", MIDDLE), ("safe", SAFE)) for load in ("ramp", "step")
    }  # fmt: skip
    folders = write_experiment(results, source, "comparison", arms)
    for folder in folders:
        if "safe" in folder.name:
            (folder / "policy.yaml").write_text(yaml.safe_dump({**POLICY, "policy": {"static": {"wanted": 10}}}))
    (study,) = studies_of(results)
    return study


def test_each_policy_reigns_where_its_line_is_the_lowest() -> None:
    beaten = Bill(130.0, 30.0)
    found = reigns({"safe": SAFE, "beaten": beaten, "cheap": CHEAP, "middle": MIDDLE})
    assert found == [Reign("cheap", 0.0, 0.5), Reign("middle", 0.5, 8.0), Reign("safe", 8.0, np.inf)]


def test_of_the_equally_cheap_the_one_that_loses_less_reigns() -> None:
    assert reigns({"a": Bill(5.0, 3.0), "b": Bill(5.0, 1.0)}) == [Reign("b", 0.0, np.inf)]
    three = {"a": Bill(0.0, 4.0), "b": Bill(2.0, 2.0), "c": Bill(4.0, 0.0)}  # all meet at a price of 1
    assert reigns(three) == [Reign("a", 0.0, 1.0), Reign("c", 1.0, np.inf)]


@given(some_bills, st.floats(0, 2000))
def test_whoever_reigns_at_a_price_is_the_cheapest_there(bills: dict[str, Bill], price: float) -> None:
    found = reigns(bills)
    assert [each.from_price for each in found] == [0.0, *(each.to_price for each in found[:-1])]
    assert found[-1].to_price == np.inf
    reigning = next(each.policy for each in found if each.from_price <= price <= each.to_price)
    least = min(float(bill.total(np.array(price))) for bill in bills.values())
    assert float(bills[reigning].total(np.array(price))) == pytest.approx(least, rel=1e-9, abs=1e-9)


def test_a_regret_is_the_cost_over_the_cheapest_one_s() -> None:
    found = regrets({"cheap": CHEAP, "safe": SAFE}, np.array([0.0, 2.0, 10.0]))
    assert found["cheap"].tolist() == [1.0, 1.0, 3.0]
    assert found["safe"].tolist() == [2.0, 1.0, 1.0]


def test_bills_are_means_of_the_repeats_and_prices_begin_at_what_serving_costs(tmp_path: Path, source: Path) -> None:
    found = prices.prices_of(compared(tmp_path, source))
    assert found is not None
    assert found.bills["step"] == {"cheap": CHEAP, "middle": MIDDLE, "safe": SAFE}
    assert found.least == 0.1  # ten requests a second
    assert found.told == {"safe"}
    assert found.named == ["cheap", "middle", "safe"]


def test_a_short_reign_has_no_line_and_one_outside_of_the_prices_is_not_told() -> None:
    bills = {"a": Bill(0.0, 1000.0), "b": Bill(50.0, 20.0), "c": Bill(51.0, 15.0), "d": Bill(52.5, 10.0)}
    found = Prices({"ramp": bills}, 0.1, frozenset())
    assert [each.policy for each in found.reigns("ramp")] == ["b", "c", "d"]
    assert found.named == ["b", "d"]


def test_the_finding_tells_the_cheapest_and_the_safest_and_at_which_prices(tmp_path: Path, source: Path) -> None:
    found = prices.prices_of(compared(tmp_path, source))
    assert found is not None
    assert finding(found) == (
        "At prices from 0.1 to 100 instance-seconds the cheapest policy is under ramp cheap up to 0.5, middle up to 8 "
        "and safe beyond; under step cheap up to 0.5, middle up to 8 and safe beyond. Where the price may be any of "
        "these, middle is the safest: under none of these loads does it cost more than about 5.6 times the cheapest; "
        "safe, which was made for these loads, than 1.9 times. The 5.6 are at the highest of these prices; at higher "
        "ones it is still more."
    )
    alone = Prices({"ramp": {"cheap": CHEAP}}, 0.1, frozenset({"cheap"}))
    assert finding(alone) == (
        "At prices from 0.1 to 100 instance-seconds the cheapest policy is under ramp cheap at every one."
    )


def test_where_the_prices_end_matters_only_where_the_cost_still_rises() -> None:
    two = Prices({"ramp": {"cheap": CHEAP, "safe": SAFE}}, 0.1, frozenset())
    assert prices.beyond_words(two, "safe") == ""
    assert "at the highest of these prices; at higher ones it is still more" in prices.beyond_words(two, "cheap")


@given(some_bills)
def test_a_cost_over_the_cheapest_one_s_is_the_most_at_one_end_of_the_prices(bills: dict[str, Bill]) -> None:
    positive = {name: Bill(bill.instance_seconds + 1, bill.not_served) for name, bill in bills.items()}
    found = Prices({"ramp": positive}, 0.1, frozenset())
    for policy in positive:
        times = prices.worst_regrets(found, policy)
        assert float(times.max()) == pytest.approx(float(max(times[0], times[-1])))


@needs_pdftotext
def test_the_report_has_the_price_of_a_lost_request(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    compared(results, source)
    text = text_of(build(results))
    assert "If a lost request has a price. At prices from 0.1 to 100 instance-seconds the cheapest" in text
    assert "price of a lost request (instance-s)" in text
    assert "from 0.1, what an instance that is always busy costs a request, to 100" in text
    assert "more than 2.5 times the cheapest one" in text
