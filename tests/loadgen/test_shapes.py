"""What all shapes have in common, and what each of them is."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen import shapes
from loadgen.shapes import PiecewiseLinear, Shape, arrival_count, constant, ramp, step
from tests.loadgen.building import ANY, SIMPLE, lines

SHARES = st.floats(0, 1)


def area(shape: Shape, end_s: float) -> float:
    """The area below the rate until `end_s`, from 64 points between each two edges."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    total = 0.0
    for start_s, stop_s in pairwise([edge_s for edge_s in shape.edges_s if edge_s < end_s] + [end_s]):
        half_s, middle_s = (stop_s - start_s) / 2, (stop_s + start_s) / 2
        total += half_s * sum(
            weight * shape.rate(middle_s + half_s * node) for node, weight in zip(nodes, weights, strict=True)
        )
    return total


@given(ANY, SHARES)
def test_the_integral_is_the_area_below_the_rate(shape: Shape, share: float) -> None:
    end_s = share * shape.duration_s
    assert shape.integral(end_s) == pytest.approx(area(shape, end_s), rel=1e-7, abs=1e-6)


@given(ANY, st.floats(-5, 200), st.floats(-5, 200))
def test_the_integral_never_falls(shape: Shape, one_s: float, other_s: float) -> None:
    earlier_s, later_s = sorted((one_s, other_s))
    assert shape.integral(earlier_s) <= shape.integral(later_s) + 1e-9


@given(ANY, SHARES)
def test_the_inverse_is_the_time_at_which_the_integral_is_reached(shape: Shape, share: float) -> None:
    expected = share * shape.total
    t_s = shape.inverse(expected)
    assert 0 <= t_s <= shape.duration_s + 1e-9
    assert shape.integral(t_s) == pytest.approx(expected, rel=1e-9, abs=2e-7)


@given(ANY, SHARES)
def test_the_inverse_is_the_earliest_such_time(shape: Shape, share: float) -> None:
    t_s = shape.inverse(share * shape.total)
    earlier_s = t_s - 1e-3
    assert shape.integral(earlier_s) < shape.integral(t_s) or shape.integral(t_s) - shape.integral(earlier_s) < 2e-7
    if shape.rate(t_s) == shape.rate(t_s - 1e-6) == shape.rate(earlier_s) == 0:
        assert t_s == pytest.approx(0, abs=1e-3)


@given(ANY, SHARES)
def test_no_rate_is_negative_or_above_the_highest_and_outside_it_is_zero(shape: Shape, share: float) -> None:
    assert 0 <= shape.rate(share * shape.duration_s) <= shape.highest_rps * 1.01 + 1e-9
    assert shape.rate(-1e-6) == shape.rate(shape.duration_s * 1.001) == 0


@given(ANY)
def test_edges_rise_from_zero_to_the_end(shape: Shape) -> None:
    assert shape.edges_s[0] == 0
    assert shape.edges_s[-1] == shape.duration_s
    assert all(earlier_s < later_s for earlier_s, later_s in pairwise(shape.edges_s))


@given(SIMPLE, SIMPLE, SHARES)
def test_a_sum_has_both_rates_and_lasts_as_long_as_the_longer(one: Shape, other: Shape, share: float) -> None:
    both = one + other
    t_s = share * both.duration_s
    assert both.duration_s == max(one.duration_s, other.duration_s)
    assert both.rate(t_s) == pytest.approx(one.rate(t_s) + other.rate(t_s))
    assert both.total == pytest.approx(one.total + other.total)
    assert both.total == pytest.approx((other + one).total)


@given(SIMPLE, SIMPLE, SHARES)
def test_a_chain_has_one_after_the_other(one: Shape, other: Shape, share: float) -> None:
    both = one.then(other)
    assert both.duration_s == pytest.approx(one.duration_s + other.duration_s)
    assert both.total == pytest.approx(one.total + other.total)
    assert both.integral(one.duration_s + share * other.duration_s) == pytest.approx(
        one.total + other.integral(share * other.duration_s), abs=1e-6
    )
    assert both.inverse(share * one.total) == pytest.approx(one.inverse(share * one.total), abs=1e-6)


@given(SIMPLE, st.floats(0.01, 50), SHARES)
def test_a_product_with_a_number_scales_the_rate(shape: Shape, factor: float, share: float) -> None:
    scaled, t_s = factor * shape, share * shape.duration_s
    assert scaled.rate(t_s) == pytest.approx(factor * shape.rate(t_s))
    assert scaled.total == pytest.approx(factor * shape.total)
    assert scaled.highest_rps == pytest.approx(factor * shape.highest_rps)
    assert (shape * constant(factor, shape.duration_s)).total == pytest.approx(scaled.total, rel=1e-6, abs=1e-6)


@given(SIMPLE, SIMPLE, SHARES)
def test_a_product_has_the_product_of_the_rates_and_lasts_as_long_as_the_shorter(
    one: Shape, other: Shape, share: float
) -> None:
    both = one * other
    t_s = share * both.duration_s
    assert both.duration_s == min(one.duration_s, other.duration_s)
    assert both.rate(t_s) == pytest.approx(one.rate(t_s) * other.rate(t_s))


def test_a_factor_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        constant(1, 1) * 0


@given(lines(), SHARES)
def test_straight_lines_need_no_approximation(shape: PiecewiseLinear, share: float) -> None:
    expected = share * shape.total
    assert shape.integral(shape.inverse(expected)) == pytest.approx(expected, rel=1e-9, abs=1e-7)


def test_a_pause_has_no_arrivals_and_the_inverse_there_is_its_start() -> None:
    shape = PiecewiseLinear(((0, 10), (1, 10), (1, 0), (5, 0), (5, 10), (6, 10)))
    for same in (shape, shape + shape * 0.5, shape * 2, shape.then(shape), shape * constant(1, 6)):
        assert same.inverse(same.integral(1)) == pytest.approx(1.0)
    assert shape.rate(1) == 0
    assert shape.rate(5) == 10


def test_rounding_moves_no_arrival_over_a_pause() -> None:
    """Sums of 0.1/s end just below the whole number that is asked for."""
    shape = shapes.onoff(0.1, 10, 50, 3000)
    due_s = [shape.inverse(k) for k in range(1, arrival_count(shape) + 1)]
    assert due_s == pytest.approx([60 * k + 10 for k in range(50)])


def test_rounding_does_not_lose_the_last_arrival() -> None:
    assert arrival_count(PiecewiseLinear(((0, 0.1), (10, 0.1), (20, 0.1), (30, 0.1)))) == 3


def rates(shape: Shape, *times_s: float) -> list[float]:
    return [shape.rate(t_s) for t_s in times_s]


def test_a_ramp_goes_up_and_comes_down() -> None:
    assert rates(ramp(5, 100, 180), 0, 90, 180) == [5, 100, 5]
    assert arrival_count(ramp(5, 100, 180)) == 9450


def test_a_step_jumps_and_may_fall_back() -> None:
    assert rates(step(5, 100, 5, 20), 0, 4.999, 5, 20) == [5, 5, 100, 100]
    assert rates(step(5, 100, 5, 20, 3), 4.999, 5, 7.999, 8, 20) == [5, 100, 100, 5, 5]
    assert arrival_count(step(5, 100, 5, 20)) == 1525


def test_a_step_at_once_or_never_is_a_constant_rate() -> None:
    assert rates(step(1, 10, 0, 2), 0, 1, 2) == [10, 10, 10]
    assert step(5, 100, 2, 2) == constant(5, 2)


def test_a_spike_goes_up_holds_and_comes_down() -> None:
    shape = shapes.spike(10, 100, before_s=20, up_s=10, hold_s=30, down_s=20, duration_s=120)
    assert rates(shape, 0, 20, 25, 30, 60, 70, 80, 120) == [10, 10, 55, 100, 100, 55, 10, 10]
    assert rates(shapes.spike(10, 100, 20, 0, 5, 0, 50), 19.999, 20, 24.999, 25) == [10, 100, 100, 10]


def test_square_and_triangle_repeat_and_end_where_they_are_cut() -> None:
    square = shapes.square(1, 9, period_s=10, high_share=0.2, duration_s=29)
    assert rates(square, 0, 7.999, 8, 9.999, 10, 18, 28.5) == [1, 1, 9, 9, 1, 9, 9]
    triangle = shapes.triangle(0, 10, period_s=4, duration_s=5)
    assert rates(triangle, 0, 1, 2, 3, 4, 5) == [0, 5, 10, 5, 0, 5]


def test_a_sine_swings_between_its_rates() -> None:
    shape = shapes.Sine(10, 30, 8, 20)
    assert rates(shape, 0, 2, 4, 6, 8, 20) == pytest.approx([10, 20, 30, 20, 10, 30])
    assert shape.integral(16) == pytest.approx(16 * 20)


def test_a_double_wave_is_that_of_locust() -> None:
    shape = shapes.DoubleWave(20, 60, 40, 600)
    for t_s in (0, 100, 200, 250, 300, 400, 500, 600):
        place = t_s / (600 / 10 * 2 / 3)
        locusts = (60 - 20) * math.e ** -((place - 5) ** 2) + (40 - 20) * math.e ** -((place - 10) ** 2) + 20
        assert shape.rate(t_s) == pytest.approx(locusts)


def test_onoff_begins_with_on() -> None:
    assert rates(shapes.onoff(5, 2, 3, 12), 0, 1.999, 2, 4.999, 5, 7, 10) == [5, 5, 0, 0, 5, 0, 5]


@given(st.integers(0, 1000))
def test_noise_is_the_same_for_the_same_key_and_stays_around_its_mean(key: int) -> None:
    one, same, other = (shapes.noise(50, 20, 2, 100, str(name)) for name in (key, key, key + 1))
    assert one == same
    assert one != other
    assert all(30 <= rate_rps <= 70 for _, rate_rps in one.points)
    assert [t_s for t_s, _ in one.points] == [2.0 * number for number in range(51)]
    assert one.total / 100 == pytest.approx(50, abs=8)


def test_noise_that_would_be_negative_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        shapes.noise(5, 6, 1, 10, "")


@pytest.mark.parametrize(
    "points",
    [
        (),
        ((0, 1),),
        ((1, 1), (2, 1)),
        ((0, 1), (0, 2)),
        ((0, 1), (2, 1), (1, 1)),
        ((0, -1), (1, 1)),
        ((0, 1), (1, math.inf)),
    ],
)
def test_points_that_are_no_shape_are_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        PiecewiseLinear(points)


@pytest.mark.parametrize(
    "shape", [constant(1, 10), shapes.Sine(1, 1, 1, 10), constant(1, 10) * 1, constant(1, 5).then(constant(1, 5))]
)
def test_the_inverse_of_what_is_never_reached_is_refused(shape: Shape) -> None:
    for never in (-1, 11):
        with pytest.raises(ValueError, match=f"never to {never}"):
            shape.inverse(never)


def test_the_inverse_of_a_smooth_shape_takes_few_looks_at_its_integral(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    integral = shapes.Sine.integral

    def counted(shape: shapes.Sine, t_s: float) -> float:
        nonlocal looks
        looks += 1
        return integral(shape, t_s)

    shape = shapes.Sine(5, 100, 60, 600)
    table = len(shape.edges_s) + 1
    monkeypatch.setattr(shapes.Sine, "integral", counted)
    count = arrival_count(shape)
    for k in range(1, count + 1):
        shape.inverse(k)
    assert (looks - table) / count < 5
