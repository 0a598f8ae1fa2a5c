"""Shapes of every kind, for properties that all of them have."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from loadgen import shapes
from loadgen.shapes import PiecewiseLinear, Shape

RATES = st.one_of(st.just(0.0), st.floats(0.01, 200))
HIGH = st.floats(0.5, 200)
SPANS = st.floats(0.1, 20)
STEPS = st.one_of(st.just(0.0), SPANS)
DURATIONS = st.floats(0.5, 60)


@st.composite
def lines(draw: st.DrawFn) -> PiecewiseLinear:
    """Any piecewise linear shape, with jumps and pauses."""
    steps = draw(st.lists(st.tuples(STEPS, RATES), min_size=1, max_size=6))
    t_s = 0.0
    points = [(0.0, draw(RATES))]
    for step_s, rate_rps in [*steps, (1.0, draw(RATES))]:
        t_s += step_s
        points.append((t_s, rate_rps))
    return PiecewiseLinear(tuple(points))


@st.composite
def low_and_peak(draw: st.DrawFn) -> tuple[float, float]:
    """Two rates, the lower one first."""
    low_rps, peak_rps = sorted((draw(RATES), draw(HIGH)))
    return low_rps, peak_rps


def between(make: Callable[..., Shape], *spans: st.SearchStrategy[float]) -> st.SearchStrategy[Shape]:
    """Shapes between a low and a peak rate, with further arguments."""
    return st.builds(lambda rates, *rest: make(*rates, *rest), low_and_peak(), *spans)


@st.composite
def noises(draw: st.DrawFn) -> Shape:
    """Noise of any spread that its mean allows."""
    spread_rps, mean_rps = draw(low_and_peak())
    return shapes.noise(mean_rps, spread_rps, draw(SPANS), draw(DURATIONS), str(draw(st.integers(0, 99))))


SIMPLE = st.one_of(
    lines(),
    st.builds(shapes.constant, HIGH, DURATIONS),
    between(shapes.ramp, DURATIONS),
    between(shapes.step, STEPS, DURATIONS, STEPS),
    between(shapes.spike, STEPS, STEPS, STEPS, STEPS, DURATIONS),
    between(shapes.square, SPANS, st.floats(0, 1), DURATIONS),
    between(shapes.triangle, SPANS, DURATIONS),
    between(shapes.Sine, SPANS, DURATIONS),
    between(lambda low_rps, peak_rps, end_s: shapes.DoubleWave(low_rps, peak_rps, peak_rps, end_s), DURATIONS),
    st.builds(shapes.onoff, HIGH, SPANS, SPANS, DURATIONS),
    noises(),
)


def _combined(parts: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
    return st.one_of(
        st.builds(lambda one, other: one + other, parts, parts),
        st.builds(lambda one, other: one.then(other), parts, parts),
        st.builds(lambda one, factor: one * factor, parts, st.floats(0.1, 3)),
        st.builds(lambda one, other: one * other, parts, SIMPLE),
    )


ANY: st.SearchStrategy[Shape] = st.recursive(SIMPLE, _combined, max_leaves=4)
