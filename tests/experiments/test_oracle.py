"""The oracle: always enough, and never more than any fleet that is."""

import math
from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.metrics.capacity import RATE_LIMIT, Capacity
from experiments.oracle import Steps, demand, oracle, ordered_ahead

# Times are multiples of 1/64 s: sums and differences of them are exact.
TICKS = st.integers(0, 20 * 64)
ARRIVALS = st.lists(TICKS.map(lambda tick: tick / 64), min_size=1, max_size=120)
CAPACITY = st.integers(1, 12)
BOOT_S = st.integers(0, 128).map(lambda tick: tick / 64)
COUNTS = st.lists(st.tuples(st.integers(1, 64), st.integers(0, 9)), min_size=1, max_size=20)


def limit(requests_per_second: int) -> Capacity:
    return Capacity(RATE_LIMIT, (float(requests_per_second),))


def staircase(parts: list[tuple[int, int]]) -> Steps:
    """Consecutive (length in 1/64 s, count)."""
    times_s = [0.0]
    for length, _ in parts:
        times_s.append(times_s[-1] + length / 64)
    return Steps(tuple(times_s[:-1]), tuple(count for _, count in parts), times_s[-1])


def moments(*curves: Steps) -> list[float]:
    """Every time at which a curve changes, and one between each two."""
    times_s = sorted({t_s for curve in curves for t_s in (*curve.times_s, curve.end_s)})
    return times_s + [(earlier + later) / 2 for earlier, later in pairwise(times_s)]


def test_area_is_the_sum_over_the_steps() -> None:
    curve = Steps((0.0, 2.0, 5.0), (1, 3, 2), 6.0)
    assert curve.instance_seconds == 1 * 2 + 3 * 3 + 2 * 1
    assert [curve.at(t_s) for t_s in (-0.1, 0.0, 1.9, 2.0, 5.5, 6.0)] == [0, 1, 1, 3, 2, 0]


def test_demand_follows_the_requests_of_the_last_second() -> None:
    needed = demand([0.0] * 10 + [0.5], limit(10))
    assert [needed.at(t_s) for t_s in (0.0, 0.49, 0.5, 1.0, 1.01, 1.5, 1.51)] == [1, 1, 2, 2, 1, 1, 0]


def test_an_arrival_exactly_a_second_later_counts_beside_the_first() -> None:
    """As in the limiter, whose window holds both of its ends."""
    assert demand([0.0, 1.0], limit(1)).at(1.0) == 2


def test_instances_are_ordered_a_boot_ahead_and_kept_over_a_dip_shorter_than_a_boot() -> None:
    needed = Steps((10.0, 20.0, 20.5, 30.0, 35.0), (1, 0, 2, 0, 1), 40.0)
    fleet = ordered_ahead(needed, boot_s=1.0)
    assert list(zip(fleet.times_s, fleet.counts, strict=True)) == [(9.0, 1), (19.5, 2), (30.0, 0), (34.0, 1)]
    assert fleet.end_s == 40.0


def test_oracle_of_a_step_orders_once() -> None:
    """5/s until 20 s, then 100/s until 60 s, at 10/s each and a boot of 0.3 s; between two arrivals none is stopped."""
    due_s = [0.1 + 0.2 * k for k in range(100)] + [20.005 + 0.01 * k for k in range(3999)]
    fleet = oracle(due_s, limit(10), 0.3, (-5.0, 65.0), minimum=1)
    assert fleet.at(-5.0) == fleet.at(15.0) == fleet.at(64.9) == 1
    assert fleet.at(19.5) == 1
    assert fleet.at(22.0) == fleet.at(59.0) == 11  # 101 requests lie within a closed second
    assert fleet.instance_seconds == pytest.approx(70 + 10 * 40, rel=0.02)


def test_without_requests_there_is_the_minimum() -> None:
    assert oracle([], limit(10), 0.3, (0.0, 10.0), minimum=2).instance_seconds == 20


@given(ARRIVALS, CAPACITY, BOOT_S)
def test_each_moment_is_enough(due_s: list[float], capacity: int, boot_s: float) -> None:
    needed = demand(due_s, limit(capacity))
    fleet = ordered_ahead(needed, boot_s)
    for t_s in moments(needed, fleet):
        ordered = min(fleet.at(u_s) for u_s in (*(u for u in moments(fleet) if t_s - boot_s <= u <= t_s), t_s - boot_s))
        assert ordered >= needed.at(t_s)


@given(COUNTS, COUNTS, BOOT_S)
def test_no_fleet_that_is_always_enough_is_smaller_at_any_moment(
    need: list[tuple[int, int]], more: list[tuple[int, int]], boot_s: float
) -> None:
    """Another fleet: any staircase; what of it has been there for a boot serves. The oracle is for exactly that."""
    other = staircase(more)
    everywhere = moments(other)
    times_s = sorted({t_s + shift_s for t_s in everywhere for shift_s in (0.0, boot_s)} | {other.end_s})
    serves = [
        (t_s, min(other.at(u_s) for u_s in (*(u for u in everywhere if t_s - boot_s <= u <= t_s), t_s - boot_s)))
        for t_s in times_s
    ]
    capped = [(t_s, min(count, staircase(need).at(t_s))) for t_s, count in serves]
    needed = Steps(tuple(t_s for t_s, _ in capped), tuple(count for _, count in capped), times_s[-1] + 1.0)
    least = ordered_ahead(needed, boot_s)
    assert least.instance_seconds <= other.instance_seconds + 1e-9


@given(ARRIVALS, CAPACITY, BOOT_S)
def test_oracle_s_fleet_serves_every_request(due_s: list[float], capacity: int, boot_s: float) -> None:
    """Each request goes to a serving instance that has served fewer than its limit within the second before."""
    needed = demand(due_s, limit(capacity))
    fleet: list[deque[float]] = []
    for t_s in sorted(due_s):
        have = needed.at(t_s)
        while len(fleet) < have:
            fleet.append(deque())
        del fleet[have:]
        free = [served for served in fleet if sum(t_s - 1 <= each for each in served) < capacity]
        assert free, f"rejected at {t_s} with {have} instances"
        free[0].append(t_s)
    assert math.isclose(ordered_ahead(needed, 0.0).instance_seconds, needed.instance_seconds)
    assert ordered_ahead(needed, boot_s).instance_seconds >= needed.instance_seconds - 1e-9


@given(ARRIVALS, CAPACITY, st.integers(0, 3))
def test_oracle_covers_its_span_and_keeps_the_minimum(due_s: list[float], capacity: int, minimum: int) -> None:
    fleet = oracle(due_s, limit(capacity), 0.25, (-1.0, 30.0), minimum)
    assert (fleet.times_s[0], fleet.end_s) == (-1.0, 30.0)
    assert min(fleet.counts) >= minimum
    assert all(earlier < later for earlier, later in pairwise(fleet.times_s))
    assert all(earlier != later for earlier, later in pairwise(fleet.counts))
