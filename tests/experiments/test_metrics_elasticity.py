"""The metrics of elasticity: BUNGEE's own example, and what holds for any two staircases."""

from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.metrics.elasticity import (
    contradictory_actions,
    elastic_speedup,
    elasticity,
    upsilon_percent,
    values,
)
from experiments.oracle import Steps, staircase

SPAN_S = (0.0, 20.0)
DEMAND = staircase([(0, 1), (7, 5), (16, 3), (17, 2), (19, 4)], 20)
SUPPLY = staircase([(0, 1), (2, 2), (3, 1), (5, 3), (9, 7), (11, 6), (12, 8), (14, 2)], 20)

# Times are multiples of 1/64 s: sums and differences of them are exact.
PARTS = st.lists(st.tuples(st.integers(1, 256), st.integers(0, 20)), min_size=1, max_size=20)
POSITIVE = st.lists(st.tuples(st.integers(1, 256), st.integers(1, 20)), min_size=1, max_size=20)
PERCENT = st.floats(0, 1000)


def stairs(parts: list[tuple[int, int]]) -> Steps:
    """Consecutive (length in 1/64 s, count)."""
    times_s = [0.0]
    for length, _ in parts:
        times_s.append(times_s[-1] + length / 64)
    return staircase([(t_s, count) for t_s, (_, count) in zip(times_s, parts, strict=False)], times_s[-1])


def span_of(*curves: Steps) -> tuple[float, float]:
    return 0.0, max(curve.end_s for curve in curves)


def test_bungee_s_example_gives_bungee_s_results() -> None:
    found = elasticity(DEMAND, SUPPLY, SPAN_S)
    assert found.accuracy_o_instances == pytest.approx(16 / 20)
    assert found.accuracy_u_instances == pytest.approx(13 / 20)
    assert found.tau_o_percent == pytest.approx(100 * 8 / 20)
    assert found.tau_u_percent == pytest.approx(100 * 6 / 20)
    assert found.jitter_per_min == pytest.approx(60 * (17 - 9) / 20)
    assert found.theta_o_percent == pytest.approx(100 / 20 * (1 / 1 + 2 * 2 / 1 + 2 * 2 / 5 + 1 / 5 + 2 * 3 / 5))
    assert found.mean_in_service_instances - found.mean_demand_instances == pytest.approx((16 - 13) / 20)


@pytest.mark.parametrize(("dt_s", "share"), [(1.0, 11 / 19), (0.5, 11 / 39), (2.0, 1.0)])
def test_upsilon_depends_on_the_sampling(dt_s: float, share: float) -> None:
    assert upsilon_percent(DEMAND, SUPPLY, SPAN_S, dt_s) == pytest.approx(100 * share)
    assert elasticity(DEMAND, SUPPLY, SPAN_S, dt_s).upsilon_percent == pytest.approx(100 * share)


def test_where_nothing_is_needed_each_instance_is_a_hundred_percent_too_much() -> None:
    found = elasticity(Steps((0.0,), (0,), 10.0), Steps((0.0, 5.0), (0, 2), 10.0), (0.0, 10.0))
    assert (found.theta_o_percent, found.theta_u_percent) == (100.0, 0.0)


def test_only_the_span_counts() -> None:
    found = elasticity(DEMAND, SUPPLY, (7.0, 11.0))
    assert found.accuracy_u_instances == pytest.approx(2 * 2 / 4)
    assert found.accuracy_o_instances == pytest.approx(2 * 2 / 4)
    assert found.jitter_per_min == pytest.approx(60 * 4 / 4)


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(ValueError, match="the span from 3 s to 3 s is empty"):
        elasticity(DEMAND, SUPPLY, (3.0, 3.0))


@given(PARTS)
def test_supply_that_is_the_demand_is_perfect(parts: list[tuple[int, int]]) -> None:
    curve = stairs(parts)
    found = elasticity(curve, curve, span_of(curve))
    means = {"mean_demand_instances", "mean_in_service_instances", "upsilon_dt_s"}
    assert {value for name, value in asdict(found).items() if name not in means} == {0.0}


@given(PARTS, PARTS)
def test_bounds(needed: list[tuple[int, int]], served: list[tuple[int, int]]) -> None:
    demand, supply = stairs(needed), stairs(served)
    found = elasticity(demand, supply, span_of(demand, supply))
    assert 0 <= found.theta_u_percent <= found.tau_u_percent + 1e-9
    assert 0 <= found.tau_u_percent + found.tau_o_percent <= 100 + 1e-9
    assert 0 <= found.upsilon_percent <= 100
    assert found.theta_o_percent <= 100 * found.accuracy_o_instances + 1e-9
    surplus = found.accuracy_o_instances - found.accuracy_u_instances
    assert surplus == pytest.approx(found.mean_in_service_instances - found.mean_demand_instances)


@given(PARTS, PARTS)
def test_with_the_roles_exchanged_too_few_becomes_too_many(
    needed: list[tuple[int, int]], served: list[tuple[int, int]]
) -> None:
    demand, supply = stairs(needed), stairs(served)
    span_s = span_of(demand, supply)
    one, other = elasticity(demand, supply, span_s), elasticity(supply, demand, span_s)
    assert one.accuracy_u_instances == pytest.approx(other.accuracy_o_instances)
    assert one.tau_u_percent == pytest.approx(other.tau_o_percent)
    assert one.jitter_per_min == pytest.approx(-other.jitter_per_min)
    assert one.upsilon_percent == pytest.approx(other.upsilon_percent)


@given(POSITIVE, POSITIVE, st.sampled_from([0.25, 2.0, 8.0]), st.integers(2, 5))
def test_scaling(needed: list[tuple[int, int]], served: list[tuple[int, int]], slower: float, larger: int) -> None:
    """What lasts longer has the same shares and less jitter; what is larger has the same percentages, more of all else.
    Within the time that both have: outside, the demand is zero, which is not divided by itself."""
    demand, supply = stairs(needed), stairs(served)
    end_s = min(demand.end_s, supply.end_s)
    found = elasticity(demand, supply, (0.0, end_s))

    def scaled(curve: Steps) -> Steps:
        times_s = tuple(t_s * slower for t_s in curve.times_s)
        return Steps(times_s, tuple(count * larger for count in curve.counts), curve.end_s * slower)

    expected = replace(
        found,
        accuracy_u_instances=found.accuracy_u_instances * larger,
        accuracy_o_instances=found.accuracy_o_instances * larger,
        mean_demand_instances=found.mean_demand_instances * larger,
        mean_in_service_instances=found.mean_in_service_instances * larger,
        jitter_per_min=found.jitter_per_min * larger / slower,
        upsilon_dt_s=found.upsilon_dt_s * slower,
    )
    again = elasticity(scaled(demand), scaled(supply), (0.0, end_s * slower), found.upsilon_dt_s * slower)
    assert asdict(again) == pytest.approx(asdict(expected))


@given(PARTS, st.lists(st.integers(-64, 6000), min_size=1, max_size=50))
def test_values_are_the_staircase_s(parts: list[tuple[int, int]], ticks: list[int]) -> None:
    curve, times_s = stairs(parts), [tick / 64 for tick in ticks]
    assert list(values(curve, np.array(times_s))) == [curve.at(t_s) for t_s in times_s]


def test_speedup_is_the_geometric_mean_of_how_many_times_better() -> None:
    assert elastic_speedup((0.9, 9.9, 1.9, 3.9), (9.9, 9.9, 3.9, 7.9)) == pytest.approx((10 * 1 * 2 * 2) ** 0.25)
    assert elastic_speedup((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)) == 1.0


@given(st.tuples(*[PERCENT] * 4), st.tuples(*[PERCENT] * 4))
def test_speedup_is_inverse_when_the_roles_are_exchanged(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    assert elastic_speedup(one, other) * elastic_speedup(other, one) == pytest.approx(1)


def test_contradictory_actions_turn_round_at_once() -> None:
    decisions = [(0.0, 2), (5.0, -1), (15.0, 1), (25.1, -1), (26.0, -1), (27.0, 3)]
    assert contradictory_actions(decisions, within_s=10) == 3
    assert contradictory_actions(decisions, within_s=0.5) == 0


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from([-2, -1, 1, 3])), max_size=30))
def test_contradictory_actions_are_at_most_the_turns(decisions: list[tuple[float, int]]) -> None:
    decisions = sorted(decisions, key=lambda decision: decision[0])
    turns = sum((one > 0) != (other > 0) for (_, one), (_, other) in pairwise(decisions))
    assert contradictory_actions(decisions) <= turns == contradictory_actions(decisions, within_s=100)
