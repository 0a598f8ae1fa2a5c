import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.evidence import Estimate, estimate
from report import measures

SHARE, COST, JITTER, SPEEDUP = "not_served_share", "instance_seconds", "jitter_per_min", "elastic_speedup"
estimates = st.lists(st.floats(-100, 100).map(lambda value: round(value, 3)), min_size=2, max_size=5).map(estimate)


def around(mean: float, half: float) -> Estimate:
    return Estimate(mean, mean - half, mean + half, 3)


@pytest.mark.parametrize(
    ("figure", "mean", "text"),
    [
        (COST, around(1678.3, 12.4), "1,678 ± 12"),
        (COST, Estimate(1678.3, None, None, 1), "1,678"),
        (SHARE, around(0.000213, 0.00004), "0.0213 ± 0.0040"),
        (SHARE, around(0.0, 0.0), "0"),
        (JITTER, around(-3.25, 0.5), "−3.25 ± 0.50"),
        (JITTER, around(15.0, 0.0), "15"),
        (COST, around(2.0, 0.0001), "2.00"),
        (COST, None, "–"),
        (COST, Estimate(15.0, 12.0, 18.0, 2), "15.0 (12.0, 18.0)"),
        (COST, Estimate(15.0, 15.0, 15.0, 2), "15"),
    ],
)
def test_a_cell_has_the_unit_s_factor_and_the_digits_that_its_interval_leaves(
    figure: str, mean: Estimate | None, text: str
) -> None:
    assert measures.cell(figure, mean) == text


def test_a_narrow_cell_has_no_spaces_and_two_decimals_at_most() -> None:
    assert measures.cell(COST, around(0.5654, 0.0511), narrow=True) == "0.57±0.05"
    assert measures.cell(COST, around(7.463, 0.31), narrow=True, significant=2) == "7.5±0.3"
    assert measures.cell(COST, Estimate(1.5, 1.25, 1.75, 2), narrow=True) == "1.25–1.75"


@given(st.lists(st.one_of(st.none(), estimates), min_size=1, max_size=5), st.data())
def test_the_best_is_eligible_and_better_than_every_other_by_more_than_its_interval(
    means: list[Estimate | None], data: st.DataObject
) -> None:
    eligible = data.draw(st.lists(st.booleans(), min_size=len(means), max_size=len(means)))
    place = measures.best_of(COST, means, eligible)
    others = [mean for number, mean in enumerate(means) if mean is not None and eligible[number] and number != place]
    if place is not None:
        best = means[place]
        assert best is not None and best.high is not None and eligible[place]
        assert others
        assert all(other.half is not None and other.low is not None and best.high < other.low for other in others)


def test_jitter_is_best_at_zero_and_speedup_where_it_is_highest() -> None:
    far, near = around(-20.0, 1.0), around(4.0, 1.0)
    assert measures.best_of(JITTER, [far, near], [True, True]) == 1
    assert measures.best_of(SPEEDUP, [far, near], [True, True]) == 1
    assert measures.best_of(COST, [far, near], [True, True]) == 0


def test_no_mean_is_best_of_what_has_no_better_side() -> None:
    assert measures.best_of("in_service_max", [around(1, 0), around(9, 0)], [True, True]) is None


def test_a_figure_that_no_arm_tells_has_no_row() -> None:
    table = measures.rows([SHARE, COST], [{COST: around(5, 1)}, {}])
    assert table == [
        {"name": "cost (instance-seconds)", "cells": [{"text": "5.00 ± 1.00", "best": False},
                                                       {"text": "–", "best": False}]}
    ]  # fmt: skip
