"""The demand for instances of given requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.metrics.capacity import RATE_LIMIT, Capacity
from experiments.metrics.demand import lasting
from experiments.oracle import demand

TEN = Capacity(RATE_LIMIT, (10.0,))
# Times are multiples of 1/64 s: sums and differences of them are exact.
ARRIVALS = st.lists(st.integers(0, 8 * 64).map(lambda tick: tick / 64), min_size=1, max_size=80)
CAPACITIES = st.lists(st.floats(0.5, 20), min_size=1, max_size=4).map(lambda rps: Capacity("measured", tuple(rps)))


def evenly(rate_rps: float, start_s: float, end_s: float) -> list[float]:
    return [start_s + k / rate_rps for k in range(int((end_s - start_s) * rate_rps))]


def test_demand_begins_with_the_load_and_ends_after_it() -> None:
    steps = lasting(demand(evenly(10.5, 0, 20), TEN), (-2.0, 25.0))
    assert [steps.at(t_s) for t_s in (-1.0, 0.5, 1.2, 19.9, 23.0)] == [0, 1, 2, 2, 0]


def test_demand_follows_a_step_within_a_second_and_leaves_it_within_two() -> None:
    steps = lasting(demand([*evenly(5, 0, 10), *evenly(95, 10, 20), *evenly(5, 20, 30)], TEN), (0.0, 30.0))
    assert steps.at(9.99) == 1
    assert steps.at(11.0) == steps.at(20.0) == 10
    assert steps.at(22.1) == 1


def test_demand_knows_that_two_instances_may_serve_less_than_twice_as_much() -> None:
    due_s = evenly(15.9, 0, 10)
    found = [lasting(demand(due_s, Capacity("measured", rps)), (0.0, 10.0)).at(5.0) for rps in ((8.0,), (8.0, 14.0))]
    assert found == [2, 3]


def test_without_requests_nothing_is_needed() -> None:
    steps = lasting(demand([], TEN), (0.0, 5.0))
    assert (steps.times_s, steps.counts, steps.end_s) == ((0.0,), (0,), 5.0)


@given(ARRIVALS, CAPACITIES)
def test_demand_is_the_most_that_was_needed_within_the_last_window(due_s: list[float], capacity: Capacity) -> None:
    needed = demand(due_s, capacity)
    held = lasting(needed, (-1.0, 20.0))
    for t_s in (number / 64 + 1 / 128 for number in range(-64, 20 * 64)):
        past_s = {t_s - 1.0, t_s, *(u_s for u_s in needed.times_s if t_s - 1.0 <= u_s <= t_s)}
        assert held.at(t_s) == max(needed.at(u_s) for u_s in past_s)


@pytest.mark.parametrize("rate_rps", [9.7, 10.5, 19.3, 30.0])
def test_demand_of_a_steady_load_does_not_flap(rate_rps: float) -> None:
    steps = lasting(demand(evenly(rate_rps, 0, 30), TEN), (0.0, 30.0))
    assert not [t_s for t_s in steps.times_s if 3.0 < t_s < 29.5]
