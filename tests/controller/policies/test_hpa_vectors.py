"""The policy `hpa` against the tables of Kubernetes' replica_calculator_test.go and horizontal_test.go, by name."""

import itertools
from typing import Any

import pytest

from controller.model import Counts, Observation, Phase, Sample
from controller.policies.hpa import Hpa
from controller.policies.hpa_behavior import Behavior, BehaviorSettler, Bounds, Events, PlainSettler
from controller.policies.hpa_config import HpaConfig
from controller.policies.hpa_replicas import MOST

FREE: dict[str, dict[str, Any]] = {"scale_up": {"policies": [{"type": "Pods", "value": MOST, "period_s": 15}]},
        "scale_down": {"stabilization_window_s": 0}}  # fmt: skip
STATES = {"": Phase.IN_SERVICE, "hot": Phase.IN_SERVICE, "unready": Phase.BOOTING, "pending": Phase.BOOTING,
          "failed": Phase.FAILED, "deleted": Phase.DRAINING}  # fmt: skip
NAMES = (f"i-{number}" for number in itertools.count(1))

Pod = tuple[float | None, str]


def sample(level: float | None, state: str, in_flight: bool) -> Sample:
    """`hot` has just become ready, `unready` runs but never was, `pending` has not begun to run."""
    from_s = -30.0 if state == "hot" else -1000.0
    cpu_percent = None if level is None or state == "pending" else level
    phase = STATES[state]
    if in_flight:
        return Sample(next(NAMES), phase, from_s, from_s, 1.0, None if level is None else int(level))
    return Sample(next(NAMES), phase, from_s, from_s, cpu_percent)


def wanted(current: int, metric: dict[str, Any], pods: list[Pod], tolerances: tuple[float, float] = (0.1, 0.1),
           request: float = 100, **seen: Any) -> int:  # fmt: skip
    """What one evaluation wants of this metric alone, with no stabilisation and no limit of the rate."""
    behavior = {way: FREE[way] | {"tolerance": tolerance}
                for way, tolerance in zip(("scale_down", "scale_up"), tolerances, strict=True)}  # fmt: skip
    config = HpaConfig.model_validate({
        "metrics": [metric], "behavior": behavior, "cpu_window_s": 60, "cpu_initialization_period_s": 120,
        "initial_readiness_delay_s": 10, "cpu_request_percent": request,
    })  # fmt: skip
    in_flight = metric.get("metric") == "in_flight_requests"
    samples = tuple(sample(level, state, in_flight) for level, state in pods)
    phases = [each.phase for each in samples]
    counts = Counts(
        current, phases.count(Phase.BOOTING), 0, phases.count(Phase.IN_SERVICE), phases.count(Phase.DRAINING)
    )
    return Hpa(config).decide(Observation(0.0, counts, instances=samples, **seen)).wanted


def ready(*levels: float | None) -> list[Pod]:
    return [(level, "") for level in levels]


def but(state: str, *levels: float | None) -> list[Pod]:
    return [(level, state) for level in levels]


@pytest.mark.parametrize(
    ("current", "target", "pods", "after"),
    [   # TestReplicaCalcResourceScale
        (3, 30, ready(30, 50, 70), 5),
        (3, 30, but("unready", 30) + ready(50, 70), 4),
        (3, 30, but("hot", 30) + ready(50, 70), 4),
        (3, 30, ready(40) + but("unready", 50, 70), 3),
        (3, 30, ready(40) + but("hot", 50, 70), 3),
        (2, 30, ready(50, 70) + but("failed", None, None), 4),
        (2, 30, ready(50, 70) + but("deleted", None, None), 4),
        (5, 50, ready(10, 30, 50, 25, 25), 3),
        (5, 50, ready(10, 30, 50) + but("unready", 25, 25), 2),
        (5, 50, ready(10) + but("pending", None, None, None, None), 1),
        (5, 50, ready(10, 30, 50) + but("hot", 25, 25), 2),
        (5, 50, ready(10, 30, 50, 25, 25) + but("failed", None, None), 3),
        (5, 50, ready(10, 30, 50, 25, 25) + but("deleted", 90, 90), 3),
        # TestReplicaCalcTolerance, SuperfluousMetrics, MissingMetrics and those after them
        (3, 100, ready(101, 103, 102), 3),
        (4, 100, ready(400, 950, 300, 700), 24),
        (4, 100, ready(40, 9.5, None, None), 3),
        (4, 100, ready(None, None, None), 4),
        (2, 100, ready(100, None), 2),
        (2, 100, ready(190, None), 2),
        (2, 100, ready(60, None), 2),
        (3, 50, but("unready", 10) + ready(45, None), 3),
        (3, 50, but("hot", 10) + ready(45, None), 3),
        (3, 50, but("unready", 10) + ready(200, None), 4),
        (3, 50, but("hot", 10) + ready(200, None), 4),
        (4, 50, but("unready", 10) + ready(10, 10, None), 3),
        (2, 50, ready(10, 10, None), 2),  # DuringRollingUpdateWithMaxSurge
    ],
)  # fmt: skip
def test_utilization(current: int, target: int, pods: list[Pod], after: int) -> None:
    metric = {"type": "Resource", "average_utilization_percent": target}
    assert wanted(current, metric, pods) == after


def test_missing_instance_counts_as_at_its_target_when_that_is_above_the_request() -> None:
    """After ScaleDownTargetOver100, with equal requests: (20+10+10+300)/4 is 85% of the request, 0.28 of the target."""
    metric = {"type": "Resource", "average_utilization_percent": 300}
    assert wanted(4, metric, ready(20, 10, 10, None)) == 2


def test_more_instances_than_wanted_may_turn_a_ratio_below_one_into_growth() -> None:
    """As in the source, where only what is dampened is kept from it: 0.9 * 3 is 2.7, so 3 where 2 were wanted."""
    metric = {"type": "Resource", "average_utilization_percent": 100}
    assert wanted(2, metric, ready(90, 90, 90) + but("hot", 1), (0, 0)) == 3
    assert wanted(2, metric, ready(90, 90, 90, None), (0, 0)) == 2


@pytest.mark.parametrize(("target", "after"), [(56, 9), (55, 10)])
def test_change_that_just_exceeds_the_tolerance(target: int, after: int) -> None:
    """TestReplicaCalcComputedToleranceAlgImplementation: half of the request is 0.893 and 0.909 of the target."""
    metric = {"type": "Resource", "average_utilization_percent": target}
    assert wanted(10, metric, ready(*[15] * 10), request=30) == after


@pytest.mark.parametrize(
    ("tolerances", "levels", "after"),
    [((0, 0), (90.9, 101, 111.1), 4), ((0.1, 2), (189, 191, 190), 3), ((2, 0.08), (110, 108, 109), 4),
     ((0.36, 0.1), (66, 64, 65), 3), ((0.34, 0.1), (66, 64, 65), 2)],
)  # fmt: skip
def test_tolerance_of_each_direction(tolerances: tuple[float, float], levels: tuple[float, ...], after: int) -> None:
    """TestReplicaCalcConfigurableTolerance."""
    metric = {"type": "Resource", "average_utilization_percent": 100}
    assert wanted(3, metric, ready(*levels), tolerances) == after


@pytest.mark.parametrize(
    ("current", "target", "pods", "up", "after"),
    [   # TestReplicaCalcScaleUpCM, its unready ones, ScaleDownCM, ToleranceCM, ConfigurableToleranceCM
        (3, 15, ready(20, 10, 30), 0.1, 4),
        (3, 15, ready(50, 10) + but("unready", 30), 0.1, 6),
        (3, 15, but("unready", 50) + ready(15) + but("unready", 30), 0.1, 7),
        (5, 20, ready(12, 12, 12, 12, 12), 0.1, 3),
        (3, 20, ready(20, 21, 21), 0.1, 3),
        (3, 20, ready(20, 21, 21), 0.01, 4),
        (5, 20, ready(20, 19, 21, None, None), 0.1, 5),
        (2, 17, ready(10, 10, None), 0.1, 2),
    ],
)  # fmt: skip
def test_pods_metric(current: int, target: float, pods: list[Pod], up: float, after: int) -> None:
    metric = {"type": "Pods", "metric": "in_flight_requests", "average_value": target}
    assert wanted(current, metric, pods, (0.1, up)) == after


@pytest.mark.parametrize(
    ("current", "serving", "value", "target", "up", "after"),
    [   # TestReplicaCalcScaleUpCMObject, the IgnoresUnreadyPods, ScaleDown, Tolerance and ConfigurableTolerance ones
        (3, 3, 20, 15, 0.1, 4), (3, 1, 50, 10, 0.1, 5), (3, 1, 8.6, 4.4, 0.1, 2), (5, 5, 12, 20, 0.1, 3),
        (5, 5, 8.6, 14.334, 0.1, 3), (3, 3, 20.666, 20, 0.1, 3), (3, 3, 8.6, 8.888, 0.1, 3),
        (3, 3, 20.666, 20, 0.01, 4), (3, 3, 8.9, 8.8, 0.01, 4), (3, 3, 1e18, 0.001, 0.1, MOST),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["Object", "External"])
def test_value(kind: str, current: int, serving: int, value: float, target: float, up: float, after: int) -> None:
    pods = ready(*[1] * serving) + but("unready", *[1] * (current - serving))
    assert wanted(current, {"type": kind, "value": target}, pods, (0.1, up), offered_rps=value) == after


@pytest.mark.parametrize(
    ("current", "value", "target", "up", "after"),
    [   # TestReplicaCalcScaleUpCMPerPodObject and the other PerPod ones
        (3, 20, 5, 0.1, 4), (3, 8.6, 2.15, 0.1, 4), (5, 6, 2, 0.1, 3), (5, 8.6, 2.867, 0.1, 3), (4, 20.166, 5, 0.1, 4),
        (3, 8.6, 2.9, 0.1, 3), (4, 20.208, 5, 0.01, 5), (3, 8.6, 2.8, 0.01, 4), (1, 1e18, 0.001, 0.1, MOST),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["Object", "External"])
def test_average_value_of_a_total(kind: str, current: int, value: float, target: float, up: float, after: int) -> None:
    metric = {"type": kind, "average_value": target}
    assert wanted(current, metric, ready(*[1] * current), (0.1, up), offered_rps=value) == after


@pytest.mark.parametrize(
    ("current", "desired", "minimum", "maximum", "after"),
    [
        (5, 7, 3, 8, 7),
        (3, 1, 2, 8, 2),
        (1, 0, 0, 10, 0),
        (20, 1000, 1, 10, 10),
        (3, 1000, 1, 2000, 6),
        (1, 9, 1, 99, 4),
    ],
)
def test_limits_without_behavior(current: int, desired: int, minimum: int, maximum: int, after: int) -> None:
    """TestConvertDesiredReplicasWithRules; the last is the fixed four."""
    assert PlainSettler(300, Bounds(minimum, maximum)).settle(0, current, desired).wanted == after


MINUTES = [(4, 2), (5, 1)]  # recommendations and how many minutes ago they were made


@pytest.mark.parametrize(
    ("recommended", "desired", "after"),
    [([], 5, 5), (MINUTES, 3, 5), ([(1, 2), (2, 1)], 3, 3), ([(10, 10), (9, 9)], 3, 3),
     ([(10, 10), (4, 1), (5, 2), (9, 9)], 3, 5)],
)  # fmt: skip
def test_stabilisation_without_behavior(recommended: list[tuple[int, int]], desired: int, after: int) -> None:
    """TestNormalizeDesiredReplicas."""
    settler = PlainSettler(300, Bounds(0, MOST))
    for replicas, minutes in recommended:
        settler.recommendations.add(-60.0 * minutes, replicas)
    assert settler.settle(0, 100, desired).wanted == after


@pytest.mark.parametrize(
    ("recommended", "current", "desired", "up_s", "down_s", "after"),
    [
        ([], 100, 5, 0, 0, 5), (MINUTES, 100, 3, 0, 180, 5), (MINUTES, 1, 7, 300, 0, 4),
        ([(1, 2), (2, 1)], 100, 3, 300, 0, 3), (MINUTES, 1, 3, 0, 300, 3), ([(10, 10), (9, 9)], 100, 3, 0, 0, 3),
        ([(10, 10), (9, 9)], 1, 100, 0, 0, 100), ([(10, 10), (4, 1), (5, 2), (9, 9)], 100, 3, 0, 180, 5),
        ([(10, 100), (6, 1), (5, 2), (9, 3)], 1, 100, 300, 0, 5), ([(2, 100), (3, 3)], 2, 1, 300, 300, 2),
        ([(2, 100), (1, 3)], 2, 3, 300, 300, 2),
    ],
)  # fmt: skip
def test_stabilisation_with_behavior(
    recommended: list[tuple[int, int]], current: int, desired: int, up_s: float, down_s: float, after: int
) -> None:
    """TestNormalizeDesiredReplicasWithBehavior."""
    behavior = FREE | {"scale_up": FREE["scale_up"] | {"stabilization_window_s": up_s},
                       "scale_down": {"stabilization_window_s": down_s}}  # fmt: skip
    settler = BehaviorSettler(Behavior.model_validate(behavior), 300, Bounds(0, MOST))
    for replicas, minutes in recommended:
        settler.recommendations.add(-60.0 * minutes, replicas)
    assert settler.settle(0, current, desired).wanted == after


def rules(pods: int, pods_s: float, percent: int, percent_s: float) -> dict[str, Any]:
    """generateScalingRules."""
    policies = [("Pods", pods, pods_s), ("Percent", percent, percent_s)]
    return {
        "policies": [
            {"type": kind, "value": value, "period_s": period_s} for kind, value, period_s in policies if value
        ]
    }


A, B, TENS = [1, 5, 9], [8, 12, 9, 11], [10, 10, 10]  # changes, oldest first


@pytest.mark.parametrize(
    ("current", "desired", "bounds", "rule", "ups", "downs", "after"),
    [   # TestScalingWithRules; events are spread evenly over the last 120 s
        (5, 7, (3, 8), None, [], [], 7), (3, 1, (2, 8), None, [], [], 2), (1, 0, (0, 10), None, [], [], 0),
        (20, 1000, (1, 10), None, [], [], 10), (100, 1000, (100, 150), None, [], [], 150),
        (3, 1000, (1, 2000), (0, 0, 1, 60), [], [], 4), (1000, 3, (3, 2000), (20, 60, 0, 0), [], [], 980),
        (10, 50, (1, 1000), None, [], [], 20), (10, 500, (1, 1000), (100, 60, 100, 60), [], [], 110),
        (10, 500, (1, 1000), (2, 60, 100, 60), [], [], 20), (10, 50, (1, 1000), (100, 60, 0, 0), [], [], 50),
        (10, 50, (1, 1000), (10000, 60, 0, 0), [], [], 50), (10, 50, (1, 1000), (30, 60, 0, 0), [], [], 40),
        (10, 50, (1, 1000), (0, 0, 200, 60), [], [], 30), (100, 2, (1, 1000), (20, 60, 1, 60), [], [], 80),
        (100, 2, (1, 1000), (2, 60, 1, 60), [], [], 98), (10, 0, (1, 1000), (100, 60, 0, 0), [], [], 1),
        (10, 2, (5, 1000), (0, 0, 100, 60), [], [], 5), (10, 2, (1, 1000), (5, 60, 0, 0), [], [], 5),
        (10, 5, (1, 1000), (0, 0, 50, 60), [], [], 5), (100, 500, (1, 200), (300, 60, 0, 0), A, [], 200),
        (100, 500, (1, 200), (0, 0, 10000, 60), A, [], 200), (100, 500, (1, 1000), (5, 120, 0, 0), A, [], 100),
        (100, 500, (1, 1000), (150, 120, 0, 0), A, [], 235), (100, 500, (1, 1000), (0, 0, 200, 120), A, [], 255),
        (6, 24, (1, 1000), (0, 0, 300, 300), [4], [2], 16), (10, 5, (1, 1000), None, [], A, 5),
        (100, 0, (1, 1000), (115, 120, 0, 0), [], A, 1), (100, 0, (5, 1000), (130, 120, 0, 0), [], A, 5),
        (100, 2, (5, 1000), (0, 0, 100, 120), [], A, 5), (100, 2, (1, 1000), (5, 120, 0, 0), [], A, 100),
        (100, 0, (1, 1000), (0, 0, 50, 120), [], [2, 4, 6], 56), (10, 1, (1, 1000), (0, 0, 50, 180), [2], [4], 6),
        (100, 0, (1, 1000), (0, 0, 10, 120), [], TENS, 100), (10, 5, (1, 1000), (0, 0, 1000, 120), [], TENS, 5),
        (100, 200, (1, 1000), (1000, 60, 0, 0), B, [], 200), (100, 200, (1, 1000), (1000, 120, 100, 60), B, [], 200),
        (100, 5, (1, 1000), (1000, 60, 0, 0), [], B, 5), (100, 5, (1, 1000), (1000, 30, 100, 60), [], B, 5),
    ],
)  # fmt: skip
def test_limits_of_the_rate(
    current: int, desired: int, bounds: tuple[int, int], rule: tuple[int, float, int, float] | None, ups: list[int],
    downs: list[int], after: int,
) -> None:  # fmt: skip
    way = "scale_up" if desired > current else "scale_down"
    settler = BehaviorSettler(Behavior.model_validate({way: rules(*rule)} if rule else {}), 300, Bounds(*bounds))
    for sign, changes in ((1, ups), (-1, downs)):
        for index, change in enumerate(changes):
            settler.changed(-120 + 120 / len(changes) * (index + 0.5), sign * change)
    assert settler.settle(0, current, desired).wanted == after


def test_percentage_is_computed_in_binary_fractions() -> None:
    """As in the source: 100 * (1 + 10/100) is a little above 110, and is rounded up."""
    settler = BehaviorSettler(Behavior.model_validate({"scale_up": rules(0, 0, 10, 60)}), 0, Bounds(0, MOST))
    assert settler.settle(0, 100, 500).wanted == 111


@pytest.mark.parametrize(("current", "desired", "after"), [(1, 99, 2), (5, 0, 3)])
def test_min_selects_the_smallest_change(current: int, desired: int, after: int) -> None:
    """TestCalculateScaleUpLimitWithScalingRules, TestCalculateScaleDownLimitWithBehaviors."""
    least = rules(2, 60, 50, 60) | {"select_policy": "Min"}
    settler = BehaviorSettler(Behavior.model_validate({"scale_up": least, "scale_down": least}), 0, Bounds(0, MOST))
    assert settler.settle(0, current, desired).wanted == after


@pytest.mark.parametrize(
    ("earlier", "kept"),
    [([], []), ([(7, 61)], []), ([(7, 58)], [7]), ([(7, 61), (6, 59)], [6]),
     ([(8, 29), (6, 59), (7, 61), (9, 61)], [8, 6, 7]), ([(7, 58), (6, 59)], [7, 6])],
)  # fmt: skip
def test_new_event_takes_the_place_of_the_last_outdated_one(earlier: list[tuple[int, float]], kept: list[int]) -> None:
    """TestStoreScaleEvents, with a longest period of 60 s."""
    events = Events(60)
    for change, age_s in earlier:
        events.add(-age_s, change)
    events.add(0, 5)
    assert events.within(0.5, 1000) == sum(kept) + 5
