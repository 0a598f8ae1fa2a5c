"""Sliding windows, rates over counter resets, and percentiles."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.window import Counter, Highest, Window, percentile

STEPS = st.lists(st.tuples(st.floats(0.01, 5), st.integers(0, 1000), st.booleans()), min_size=1, max_size=30)


def replay(counter: Counter, steps: list[tuple[float, int, bool]]) -> tuple[float, list[int]]:
    """Feed (pause, requests, restart first?) from a worker that stands at 7; the time passed and all requests."""
    now_s, worker, value, grown = 0.0, 1, 7, []
    counter.add(now_s, worker, value)
    for pause_s, requests, restart in steps:
        now_s += pause_s
        worker, value = (worker + 1, 0) if restart else (worker, value)
        value += requests
        grown.append(requests)
        counter.add(now_s, worker, value)
    return now_s, grown


def test_window_keeps_the_newest_and_forgets_what_is_as_old_as_its_length() -> None:
    window = Window(2.0)
    for now_s, value in ((0.0, 5.0), (1.0, 3.0), (1.5, 4.0)):
        window.add(now_s, value)
    assert (window.values(), window.sum(), len(window)) == ([5, 3, 4], 12, 3)
    window.trim(2.0)
    assert window.values() == [3, 4]


def test_empty_window_has_no_sum() -> None:
    window = Window(1.0)
    assert (window.sum(), len(window)) == (0, 0)


def test_window_of_no_length_holds_nothing() -> None:
    window = Window(0.0)
    window.add(1.0, 9.0)
    assert window.values() == []


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 9)), min_size=1, max_size=50), st.floats(0, 20))
def test_highest_is_that_of_the_window(steps: list[tuple[float, int]], length_s: float) -> None:
    window, highest, now_s = Window(length_s), Highest(length_s), 0.0
    for pause_s, value in steps:
        now_s += pause_s
        window.add(now_s, value)
        assert highest.add(now_s, value) == max(window.values(), default=None)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(-1e6, 1e6)), max_size=50), st.floats(0.1, 20))
def test_window_holds_exactly_the_samples_that_are_younger_than_its_length(
    steps: list[tuple[float, float]], length_s: float
) -> None:
    window, now_s, samples = Window(length_s), 0.0, []
    for pause_s, value in steps:
        now_s += pause_s
        samples.append((now_s, value))
        window.add(now_s, value)
    assert window.values() == [value for at_s, value in samples if at_s > now_s - length_s]


def test_rate_is_unknown_until_two_points_exist() -> None:
    counter = Counter(1.0)
    assert counter.rate() is None
    counter.add(0.0, "worker", 100)
    assert counter.rate() is None


def test_rate_is_unknown_when_no_time_has_passed() -> None:
    counter = Counter(1.0)
    counter.add(5.0, "worker", 100)
    counter.add(5.0, "worker", 200)
    assert counter.rate() is None


def test_what_was_counted_before_the_first_look_is_no_rate() -> None:
    counter = Counter(1.0)
    counter.add(0.0, "worker", 1_000_000)
    counter.add(1.0, "worker", 1_000_010)
    assert counter.rate() == 10


def test_rate_looks_back_over_the_window_only() -> None:
    counter = Counter(1.0)
    for now_s, total in ((0.0, 0), (0.5, 500), (1.0, 1000), (1.5, 1010), (2.0, 1020)):
        counter.add(now_s, "worker", total)
    assert counter.rate() == 20


def test_new_worker_counts_from_zero_and_its_first_requests_count() -> None:
    counter = Counter(10.0)
    counter.add(0.0, 1, 1000)
    counter.add(1.0, 2, 30)
    assert counter.rate() == 30


def test_new_worker_that_counted_more_than_the_old_one_is_still_a_new_worker() -> None:
    counter = Counter(10.0)
    counter.add(0.0, 1, 10)
    counter.add(1.0, 2, 30)
    assert counter.rate() == 30


def test_total_that_falls_within_one_worker_counts_from_zero() -> None:
    counter = Counter(10.0)
    counter.add(0.0, 1, 1000)
    counter.add(1.0, 1, 4)
    assert counter.rate() == 4


def test_after_a_gap_the_rate_is_the_mean_over_the_gap() -> None:
    counter = Counter(1.0)
    counter.add(0.0, 1, 0)
    counter.add(10.0, 1, 100)
    assert counter.rate() == 10


@given(STEPS, st.floats(0.1, 10))
def test_rate_is_never_negative_whatever_restarts(steps: list[tuple[float, int, bool]], length_s: float) -> None:
    counter = Counter(length_s)
    replay(counter, steps)
    rate = counter.rate()
    assert rate is not None
    assert rate >= 0


@given(STEPS)
def test_rate_over_everything_sums_up_all_requests_across_restarts(steps: list[tuple[float, int, bool]]) -> None:
    counter = Counter(math.inf)
    passed_s, grown = replay(counter, steps)
    assert counter.rate() == pytest.approx(sum(grown) / passed_s)


@given(STEPS, st.floats(0.1, 10))
def test_rate_lies_between_the_slowest_and_the_fastest_step(
    steps: list[tuple[float, int, bool]], length_s: float
) -> None:
    counter = Counter(length_s)
    replay(counter, steps)
    speeds = [requests / pause_s for pause_s, requests, _ in steps]
    rate = counter.rate()
    assert rate is not None
    assert min(speeds) * (1 - 1e-6) <= rate <= max(speeds) * (1 + 1e-6)


def test_percentile_of_nothing_is_unknown() -> None:
    assert percentile([], 0.5) is None


@pytest.mark.parametrize(("share", "value"), [(0.01, 1), (0.5, 5), (0.95, 10), (0.9, 9), (1.0, 10)])
def test_percentile_is_the_nearest_rank(share: float, value: float) -> None:
    assert percentile(range(1, 11), share) == value


@given(st.integers(1, 100_000), st.sampled_from(["0.50", "0.95", "0.99"]))
def test_percentile_rank_suffers_from_no_rounding(count: int, share: str) -> None:
    assert percentile(range(1, count + 1), float(share)) == math.ceil(Fraction(share) * count)
