"""The rules of the Kubernetes HPA's `behavior`, from the Go source line by line; see hpa_reference.

kubernetes/kubernetes (Apache License 2.0):
pkg/controller/podautoscaler/horizontal.go and pkg/apis/autoscaling/v2/defaults.go.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from tests.controller.policies.hpa_reference_calculator import MAX_INT32

MIN_INT32 = -(2**31)
SCALE_UP_LIMIT_FACTOR = 2.0
SCALE_UP_LIMIT_MINIMUM = 4.0


@dataclass
class MetricSpec:
    type: str  # Resource, Pods, Object, External
    name: str = "cpu"
    average_utilization: int | None = None
    average_value: int | None = None  # thousandths, as MilliValue() gives them
    value: int | None = None


@dataclass
class HPAScalingPolicy:
    type: str
    value: int
    period_seconds: float


@dataclass
class HPAScalingRules:
    stabilization_window_seconds: float | None = None
    select_policy: str | None = None
    policies: list[HPAScalingPolicy] | None = None
    tolerance: float | None = None


@dataclass
class Behavior:
    scale_up: HPAScalingRules | None = None
    scale_down: HPAScalingRules | None = None


@dataclass
class Spec:
    max_replicas: int
    metrics: list[MetricSpec]
    min_replicas: int | None = None
    behavior: Behavior | None = None


def set_defaults_behavior(spec: Spec) -> None:
    if spec.behavior is not None:
        spec.behavior.scale_up = copy_hpa_scaling_rules(
            spec.behavior.scale_up,
            HPAScalingRules(0, "Max", [HPAScalingPolicy("Pods", 4, 15), HPAScalingPolicy("Percent", 100, 15)]),
        )
        spec.behavior.scale_down = copy_hpa_scaling_rules(
            spec.behavior.scale_down, HPAScalingRules(None, "Max", [HPAScalingPolicy("Percent", 100, 15)])
        )


def copy_hpa_scaling_rules(from_: HPAScalingRules | None, to: HPAScalingRules) -> HPAScalingRules:
    if from_ is None:
        return to
    if from_.select_policy is not None:
        to.select_policy = from_.select_policy
    if from_.stabilization_window_seconds is not None:
        to.stabilization_window_seconds = from_.stabilization_window_seconds
    if from_.policies is not None:
        to.policies = from_.policies
    if from_.tolerance is not None:
        to.tolerance = from_.tolerance
    return to


@dataclass
class TimestampedScaleEvent:
    replica_change: int
    timestamp: float
    outdated: bool = False


def convert_desired_replicas_with_rules(
    current_replicas: int, desired_replicas: int, hpa_min_replicas: int, hpa_max_replicas: int
) -> int:
    minimum_allowed_replicas = hpa_min_replicas
    scale_up_limit = int(max(SCALE_UP_LIMIT_FACTOR * float(current_replicas), SCALE_UP_LIMIT_MINIMUM))
    maximum_allowed_replicas = scale_up_limit if hpa_max_replicas > scale_up_limit else hpa_max_replicas
    if desired_replicas < minimum_allowed_replicas:
        return minimum_allowed_replicas
    if desired_replicas > maximum_allowed_replicas:
        return maximum_allowed_replicas
    return desired_replicas


def get_replicas_change_per_period(period_seconds: float, scale_events: list[TimestampedScaleEvent], now: float) -> int:
    cutoff = now - period_seconds
    replicas = 0
    for rec in scale_events:
        if rec.timestamp > cutoff:
            replicas += rec.replica_change
    return replicas


def mark_scale_events_outdated(
    scale_events: list[TimestampedScaleEvent], longest_policy_period: float, now: float
) -> None:
    cutoff = now - longest_policy_period
    for event in scale_events:
        if event.timestamp < cutoff:
            event.outdated = True


def get_longest_policy_period(scaling_rules: HPAScalingRules) -> float:
    longest_policy_period = 0.0
    for policy in scaling_rules.policies or []:
        if policy.period_seconds > longest_policy_period:
            longest_policy_period = policy.period_seconds
    return longest_policy_period


def calculate_scale_up_limit_with_scaling_rules(
    current_replicas: int,
    scale_up_events: list[TimestampedScaleEvent],
    scale_down_events: list[TimestampedScaleEvent],
    scaling_rules: HPAScalingRules,
    now: float,
) -> int:
    select_policy_fn: Callable[[int, int], int]
    if scaling_rules.select_policy == "Disabled":
        return current_replicas
    if scaling_rules.select_policy == "Min":
        result = MAX_INT32
        select_policy_fn = min
    else:
        result = MIN_INT32
        select_policy_fn = max
    for policy in scaling_rules.policies or []:
        replicas_added = get_replicas_change_per_period(policy.period_seconds, scale_up_events, now)
        replicas_deleted = get_replicas_change_per_period(policy.period_seconds, scale_down_events, now)
        period_start_replicas = current_replicas - replicas_added + replicas_deleted
        if policy.type == "Pods":
            proposed = period_start_replicas + policy.value
        else:
            proposed = math.ceil(float(period_start_replicas) * (1 + float(policy.value) / 100))
        result = select_policy_fn(result, proposed)
    return result


def calculate_scale_down_limit_with_behaviors(
    current_replicas: int,
    scale_up_events: list[TimestampedScaleEvent],
    scale_down_events: list[TimestampedScaleEvent],
    scaling_rules: HPAScalingRules,
    now: float,
) -> int:
    select_policy_fn: Callable[[int, int], int]
    if scaling_rules.select_policy == "Disabled":
        return current_replicas
    if scaling_rules.select_policy == "Min":
        result = MIN_INT32
        select_policy_fn = max
    else:
        result = MAX_INT32
        select_policy_fn = min
    for policy in scaling_rules.policies or []:
        replicas_added = get_replicas_change_per_period(policy.period_seconds, scale_up_events, now)
        replicas_deleted = get_replicas_change_per_period(policy.period_seconds, scale_down_events, now)
        period_start_replicas = current_replicas - replicas_added + replicas_deleted
        if policy.type == "Pods":
            proposed = period_start_replicas - policy.value
        else:
            proposed = int(float(period_start_replicas) * (1 - float(policy.value) / 100))
        result = select_policy_fn(result, proposed)
    return result
