"""The parts of the policy `kpa` against vectors of Knative's own tests, whose names are given."""

from typing import Any

import pytest

from controller.policies.kpa import Autoscaler, KpaConfig
from controller.policies.kpa_windows import Buckets, Latest


def autoscaler(
    target: float = 10, burst: float = 100, in_service: int = 1, start_s: float = 0, **more: Any
) -> Autoscaler:
    """As Knative's tests make theirs: 75 % utilization, rates of 10, a panic threshold of 2."""
    options: dict[str, Any] = {"max_scale_up_rate": 10, "max_scale_down_rate": 10, "target_utilization": 0.75}
    made = Autoscaler(KpaConfig(target=target / 0.75, target_burst_capacity=burst, **(options | more)))
    made.start(start_s, in_service)
    return made


# The windows. Vectors of bucketing_test.go and timewindow_test.go.


def test_mean_is_taken_over_the_seconds_that_count() -> None:
    """TestTimedFloat64BucketsWindowAverage."""
    buckets = Buckets(5)
    buckets.record(100, 1)
    assert buckets.average(100) == 1
    for second in range(1, 5):
        buckets.record(100 + second, second + 1)
    assert [buckets.average(100 + after) for after in (4, 6, 10)] == [15 / 5, (15 - 1 - 2) / (5 - 2), 0]
    buckets.record(106, 91)
    assert buckets.average(106) == (15 - 1 - 2 + 91) / 5
    buckets.record(160, 1984)
    assert buckets.average(160) == 1984


def test_hole_between_samples_counts_as_zero() -> None:
    """TestTimedFloat64BucketsHoles."""
    buckets = Buckets(5)
    for second in range(5):
        buckets.record(second, second + 1)
    buckets.record(8, 2)
    assert buckets.average(8) == (5 + 2) / 5


def test_mean_is_cut_to_six_decimals() -> None:
    """TestRoundToNDigits; a sum with a rounding error must not ask for one instance more."""
    buckets = Buckets(3)
    for second, value in enumerate((2, 1, 1)):
        buckets.record(second, value)
    assert buckets.average(2) == 1.333333


def test_several_samples_of_a_second_count_as_their_mean() -> None:
    buckets = Buckets(5)
    for second, value in ((0, 10), (1, 10), (1, 20), (1, 30)):
        buckets.record(second, value)
    assert buckets.average(1) == 15


def test_window_is_empty_one_second_after_its_length() -> None:
    buckets = Buckets(5)
    assert buckets.empty(0)
    buckets.record(0, 7)
    assert [(buckets.empty(now), buckets.average(now)) for now in (4, 5, 6)] == [(False, 7), (False, 0), (True, 0)]


def test_weighted_mean_favours_the_newest_seconds() -> None:
    """An example of Knative's scaling with WeightedFloat64Buckets, of windows of 10 and 3 seconds."""
    stable, panic = Buckets(10), Buckets(3)
    for second, value in enumerate((1, 3, 5, 4, 6, 7, 2, 8, 10, 20), start=1):
        stable.record(second, value)
        panic.record(second, value)
    assert (stable.weighted(10), panic.weighted(10)) == pytest.approx(
        (15.430728028666296, 19.530732247258655), abs=1e-9
    )
    assert Buckets(3).weighted(10) == 0


@pytest.mark.parametrize(
    ("samples", "most"), [([(0, 5)], 5), ([(0, 6), (0.5, 5)], 6), ([(0, 5), (1, 8)], 8), ([(0, 5), (6, 4)], 4)]
)
def test_most_of_late_decisions(samples: list[tuple[float, int]], most: int) -> None:
    """TestTimedWindowMax."""
    latest = Latest(5, 1)
    assert [latest.most(at_s, wanted) for at_s, wanted in samples][-1] == most


# The count from the averages. Vectors of autoscaler_test.go.


@pytest.mark.parametrize(
    ("made", "in_service", "stable", "panic", "wanted", "excess"),
    [
        (autoscaler(10, 100), 1, 0, 0, 0, 13.333 - 100),
        (autoscaler(181, -1), 1, 21, 26, 1, -1),
        (autoscaler(10, 0), 1, 50, 49, 5, 0),
        (autoscaler(10, 100), 1, 50, 50, 5, 13.333 - 100 - 50),
        (autoscaler(10, 100), 5, 50, 50, 5, 66.667 - 100 - 50),
        (autoscaler(1, 1982, max_scale_up_rate=1.1), 2, 3, 3.1, 3, 2.667 - 1982 - 3.1),
        (autoscaler(10, 1982, max_scale_down_rate=1.1), 100, 1, 1, 90, 1333.333 - 1982 - 1),
        (autoscaler(10, 84), 1, 50, 100, 10, 13.333 - 84 - 100),
        (autoscaler(10, 101), 1, 50, 10, 5, 13.333 - 101 - 10),
        (autoscaler(10, 101), 1, 100, 10, 10, 13.333 - 101 - 10),
        (autoscaler(10, 75), 1, 1, 0, 1, 13.333 - 75),
        (autoscaler(10, 75, activation_scale=2), 1, 0, 0, 0, 13.333 - 75),
        (autoscaler(10, 75, activation_scale=2), 1, 1, 0, 2, 13.333 - 75),
        (autoscaler(10, 98), 8, 100, 100, 10, 106.667 - 98 - 100),
        (autoscaler(10, 81), 0, 1000, 888, 10, -81 - 888),
        (autoscaler(1, 100, in_service=5), 5, 50, 30, 50, 6.667 - 100 - 30),
        (autoscaler(1, 100, in_service=5), 5, 20, 30, 30, 6.667 - 100 - 30),
    ],
)
def test_vectors_of_knative(
    made: Autoscaler, in_service: int, stable: float, panic: float, wanted: int, excess: float
) -> None:
    """TestAutoscalerScale and its neighbours; the excess burst capacity within 1, as there."""
    decision = made.decide(5, in_service, stable, panic)
    assert decision.wanted == wanted
    (told,) = (line for line in decision.considered if line.startswith("excess burst capacity"))
    assert int(told.split()[3].rstrip(",")) == pytest.approx(excess, abs=1)


def test_rates_limit_each_step() -> None:
    """TestAutoscalerRateLimitScaleUp and -Down."""
    up, down = autoscaler(10, 61), autoscaler(10, 61)
    assert [up.decide(0, ready, 1000, 1001).wanted for ready in (1, 10)] == [10, 100]
    assert [down.decide(0, ready, 1, 1).wanted for ready in (100, 10)] == [10, 1]


def test_panic_follows_a_load_that_grows_without_end() -> None:
    """TestAutoscalerPanicModeExponentialTrackAndStabilize."""
    made = autoscaler(1, 101)
    assert [made.decide(0, ready, load, load).wanted for ready, load in ((1, 6), (6, 36), (36, 216), (216, 1296))] == [
        6, 36, 216, 1296,
    ]  # fmt: skip


def test_panic_ends_a_stable_window_after_the_surge() -> None:
    """TestAutoscalerPanicThenUnPanicScaleDown."""
    made = autoscaler(10, 93)
    assert made.decide(0, 1, 100, 100).wanted == 10
    assert made.decide(0, 10, 100, 1000).wanted == 100
    assert [made.decide(at_s, 10, 1, 1).wanted for at_s in (30, 60, 61)] == [100, 100, 1]


def test_panic_is_not_prolonged_by_a_slow_increase() -> None:
    """TestAutoscalerUnpanicAfterSlowIncrease: the last word is that of the stable window."""
    made = autoscaler(1, 98)
    steps = ((0, 10, 11, 25), (30, 40, 30, 41), (62, 55, 50, 56))
    assert [made.decide(*step).wanted for step in steps] == [25, 41, 50]


def test_panic_is_prolonged_by_a_further_surge() -> None:
    """TestAutoscalerExtendPanicWindow."""
    made = autoscaler(1, 98)
    steps = ((0, 10, 11, 25), (30, 40, 30, 80), (62, 80, 1, 1), (91, 80, 1, 1))
    assert [made.decide(*step).wanted for step in steps] == [25, 80, 80, 8]


def test_several_in_service_at_the_start_are_kept_in_panic() -> None:
    """TestStartInPanicMode: the load of the past is not known, so there is no shrinking for a stable window."""
    lone, several = autoscaler(10, in_service=1), autoscaler(10, in_service=8)
    assert [lone.decide(2, 1, 0, 0).wanted, several.decide(2, 8, 10, 10).wanted] == [0, 8]
    assert [several.decide(at_s, 8, 10, 10).wanted for at_s in (60, 60.1)] == [8, 1]


def test_scale_down_waits_for_the_delay() -> None:
    """TestAutoscalerScaleDownDelay, both parts."""
    made = autoscaler(10, scale_down_delay_s=300, panic_threshold_percentage=1000)
    simple = ((2, 40), (300, 0), (302, 0))
    assert [made.decide(at_s, 0, load, load).wanted for at_s, load in simple] == [4, 4, 0]
    gradual = ((540, 40), (600, 30), (660, 0), (840, 0), (900, 0))
    assert [made.decide(at_s, 0, load, load).wanted for at_s, load in gradual] == [4, 4, 4, 3, 0]


def test_without_a_delay_scale_down_is_immediate() -> None:
    """TestAutoscalerScaleDownDelayZero: two decisions in one step of time."""
    made = autoscaler(10, panic_threshold_percentage=1000)
    assert [made.decide(at_s, 0, load, load).wanted for at_s, load in ((0, 40), (0.5, 20))] == [4, 2]
