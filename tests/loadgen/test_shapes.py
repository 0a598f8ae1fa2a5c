"""Shapes and arrivals."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.arrivals import due_times, even_arrivals, poisson_arrivals
from loadgen.shapes import PiecewiseLinear, arrival_count, constant, ramp, step

RATES = st.one_of(st.just(0.0), st.floats(0.01, 200))
STEPS = st.one_of(st.just(0.0), st.floats(0.01, 20))


@st.composite
def shapes(draw: st.DrawFn) -> PiecewiseLinear:
    """Any piecewise linear shape, with jumps and pauses."""
    steps = draw(st.lists(st.tuples(STEPS, RATES), min_size=1, max_size=6))
    t_s = 0.0
    points = [(0.0, draw(RATES))]
    for step_s, rate_rps in [*steps, (1.0, draw(RATES))]:
        t_s += step_s
        points.append((t_s, rate_rps))
    return PiecewiseLinear(tuple(points))


@given(shapes(), st.floats(0, 1))
def test_the_integral_is_the_area_below_the_rate(shape: PiecewiseLinear, share: float) -> None:
    end_s = share * shape.duration_s
    edges_s = sorted({0.0, end_s, *(t_s for t_s, _ in shape.points if t_s < end_s)})
    area = sum((b - a) * shape.rate((a + b) / 2) for a, b in pairwise(edges_s))  # exact between corners
    assert shape.integral(end_s) == pytest.approx(area, rel=1e-9, abs=1e-6)


@given(shapes(), st.floats(-5, 200), st.floats(-5, 200))
def test_the_integral_never_falls(shape: PiecewiseLinear, one_s: float, other_s: float) -> None:
    earlier_s, later_s = sorted((one_s, other_s))
    assert shape.integral(earlier_s) <= shape.integral(later_s) + 1e-9


@given(shapes(), st.floats(0, 1))
def test_the_inverse_is_the_time_at_which_the_integral_is_reached(shape: PiecewiseLinear, share: float) -> None:
    expected = share * shape.integral(shape.duration_s)
    t_s = shape.inverse(expected)
    assert 0 <= t_s <= shape.duration_s
    assert shape.integral(t_s) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(shapes())
def test_even_arrivals_are_as_many_as_the_integral_rounded_down_and_in_order(shape: PiecewiseLinear) -> None:
    due_s = list(even_arrivals(shape))
    assert len(due_s) == math.floor(shape.integral(shape.duration_s) + 1e-9)
    assert due_s == sorted(due_s)
    assert all(0 <= each_s <= shape.duration_s for each_s in due_s)


def test_a_pause_has_no_arrivals_and_the_inverse_there_is_its_start() -> None:
    shape = PiecewiseLinear(((0, 10), (1, 10), (1, 0), (5, 0), (5, 10), (6, 10)))
    assert shape.inverse(10) == pytest.approx(1.0)
    assert not [t_s for t_s in even_arrivals(shape) if 1 < t_s <= 5]
    assert shape.rate(1) == 0
    assert shape.rate(5) == 10


def test_a_constant_rate_is_evenly_spaced() -> None:
    assert list(even_arrivals(constant(4, 1))) == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_rounding_does_not_lose_the_last_arrival() -> None:
    assert arrival_count(PiecewiseLinear(((0, 0.1), (10, 0.1), (20, 0.1), (30, 0.1)))) == 3


def test_a_ramp_goes_up_holds_and_comes_down() -> None:
    shape = ramp(5, 100, 180, hold_s=20)
    assert [shape.rate(t_s) for t_s in (0, 80, 90, 100, 180)] == [5, 100, 100, 100, 5]
    assert shape.rate(-1) == shape.rate(181) == 0
    assert arrival_count(ramp(5, 100, 180)) == 9450


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


def test_a_hold_longer_than_the_ramp_is_refused() -> None:
    with pytest.raises(ValueError, match="hold"):
        ramp(1, 2, 10, hold_s=11)


def test_the_inverse_of_what_is_never_reached_is_refused() -> None:
    with pytest.raises(ValueError, match="never to 11"):
        constant(1, 10).inverse(11)


@given(shapes(), st.integers(0, 2**32))
def test_poisson_arrivals_are_the_same_for_the_same_seed_and_in_order(shape: PiecewiseLinear, seed: int) -> None:
    due_s = list(poisson_arrivals(shape, seed))
    assert due_s == list(due_times(shape, "poisson", seed))
    assert due_s == sorted(due_s)


def test_poisson_arrivals_differ_with_the_seed() -> None:
    shape = constant(10, 10)
    assert list(poisson_arrivals(shape, 1)) != list(poisson_arrivals(shape, 2))


def test_poisson_arrivals_have_the_mean_and_the_variance_of_the_integral() -> None:
    shape = ramp(5, 15, 10)  # integral 100
    counts = [len(list(poisson_arrivals(shape, seed))) for seed in range(400)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
    assert mean == pytest.approx(100, abs=2.0)  # four standard errors
    assert variance == pytest.approx(100, rel=0.3)  # four standard errors


def test_unknown_arrivals_are_refused() -> None:
    with pytest.raises(ValueError, match="even and poisson"):
        due_times(constant(1, 1), "odd", 1)


def test_a_step_jumps_at_its_time() -> None:
    shape = step(5, 100, 5, 20)
    assert [shape.rate(t_s) for t_s in (0, 4.999, 5, 20)] == [5, 5, 100, 100]
    assert shape.integral(5) == pytest.approx(25)
    assert arrival_count(shape) == 1525
    due_s = list(even_arrivals(shape))
    assert sum(each_s <= 5 for each_s in due_s) == 25
    assert due_s[25] == pytest.approx(5.01)


def test_a_step_at_once_or_never_is_a_constant_rate() -> None:
    assert list(even_arrivals(step(1, 10, 0, 2))) == pytest.approx(list(even_arrivals(constant(10, 2))))
    assert list(even_arrivals(step(5, 100, 2, 2))) == pytest.approx(list(even_arrivals(constant(5, 2))))


def test_a_step_after_its_end_is_refused() -> None:
    with pytest.raises(ValueError, match="before the step"):
        step(1, 2, 11, 10)
