"""The Kubernetes HPA once more, from the Go source line by line, to compare the policy with; it shares no code with it.

kubernetes/kubernetes (Apache License 2.0):
pkg/controller/podautoscaler/horizontal.go (releases 1.32 to 1.34); hpa_reference_rules and
hpa_reference_calculator hold the rest. The names are those of the source in snake case; the order of the statements and
the lists whose old elements are overwritten are kept too. Left out is what has no effect on the number: conditions,
events, selectors, locks, API calls. Time is an argument instead of time.Now().
"""

from dataclasses import dataclass

from tests.controller.policies.hpa_reference_calculator import Cluster, MetricError, ReplicaCalculator, Tolerances
from tests.controller.policies.hpa_reference_rules import (
    HPAScalingRules,
    MetricSpec,
    Spec,
    TimestampedScaleEvent,
    calculate_scale_down_limit_with_behaviors,
    calculate_scale_up_limit_with_scaling_rules,
    convert_desired_replicas_with_rules,
    get_longest_policy_period,
    mark_scale_events_outdated,
    set_defaults_behavior,
)


@dataclass
class TimestampedRecommendation:
    recommendation: int
    timestamp: float


@dataclass
class NormalizationArg:
    scale_up_behavior: HPAScalingRules
    scale_down_behavior: HPAScalingRules
    min_replicas: int
    max_replicas: int
    current_replicas: int
    desired_replicas: int


class HorizontalController:
    """The controller of one HPA object."""

    def __init__(
        self,
        spec: Spec,
        downscale_stabilisation_window: float = 300,
        tolerance: float = 0.1,
        cpu_initialization_period: float = 300,
        delay_of_initial_readiness_status: float = 30,
    ) -> None:
        self.spec = spec
        set_defaults_behavior(spec)
        self.downscale_stabilisation_window = downscale_stabilisation_window
        self.tolerance = tolerance
        self.replica_calc = ReplicaCalculator(cpu_initialization_period, delay_of_initial_readiness_status)
        self.recommendations: list[TimestampedRecommendation] | None = None
        self.scale_up_events: list[TimestampedScaleEvent] = []
        self.scale_down_events: list[TimestampedScaleEvent] = []

    def tolerances_for_hpa(self) -> Tolerances:
        t = Tolerances(self.tolerance, self.tolerance)
        behavior = self.spec.behavior
        if behavior is None:
            return t
        if behavior.scale_down is not None and behavior.scale_down.tolerance is not None:
            t.scale_down = behavior.scale_down.tolerance
        if behavior.scale_up is not None and behavior.scale_up.tolerance is not None:
            t.scale_up = behavior.scale_up.tolerance
        return t

    def compute_replicas_for_metrics(self, cluster: Cluster, now: float) -> int:
        replicas = 0
        invalid_metrics_count = 0
        for metric_spec in self.spec.metrics:
            try:
                replica_count_proposal = self.compute_replicas_for_metric(metric_spec, cluster, now)
            except MetricError:
                invalid_metrics_count += 1
                continue
            if replicas == 0 or replica_count_proposal > replicas:
                replicas = replica_count_proposal
        if invalid_metrics_count >= len(self.spec.metrics) or (
            invalid_metrics_count > 0 and replicas < cluster.spec_replicas
        ):
            return -1
        return replicas

    def compute_replicas_for_metric(self, spec: MetricSpec, cluster: Cluster, now: float) -> int:
        calc, tolerances, current = self.replica_calc, self.tolerances_for_hpa(), cluster.spec_replicas
        if spec.type in ("Object", "External"):
            if spec.average_value is not None:
                return calc.get_value_per_pod_metric_replicas(cluster, spec.average_value, spec.name, tolerances)
            assert spec.value is not None
            return calc.get_value_metric_replicas(cluster, current, spec.value, spec.name, tolerances)
        if spec.type == "Pods":
            assert spec.average_value is not None
            metrics = cluster.get_raw_metric(spec.name)
            return calc.calc_plain_metric_replicas(cluster, metrics, current, spec.average_value, tolerances, "", now)
        if spec.average_value is not None:
            metrics = cluster.get_resource_metric()
            return calc.calc_plain_metric_replicas(
                cluster, metrics, current, spec.average_value, tolerances, "cpu", now
            )
        assert spec.average_utilization is not None
        return calc.get_resource_replicas(cluster, current, spec.average_utilization, tolerances, now)

    def reconcile_autoscaler(self, cluster: Cluster, now: float) -> int:
        """The replicas that the scale is set to; those of before where it is left alone."""
        current_replicas = cluster.spec_replicas
        if self.recommendations is None:
            self.recommendations = [TimestampedRecommendation(current_replicas, now - 1e-9)]  # a moment earlier
        desired_replicas = 0
        min_replicas = self.spec.min_replicas if self.spec.min_replicas is not None else 1
        rescale = True
        if current_replicas == 0 and min_replicas != 0:
            desired_replicas = 0
            rescale = False
        elif current_replicas > self.spec.max_replicas:
            desired_replicas = self.spec.max_replicas
        elif current_replicas < min_replicas:
            desired_replicas = min_replicas
        else:
            metric_desired_replicas = self.compute_replicas_for_metrics(cluster, now)
            if metric_desired_replicas == -1:
                return current_replicas
            if metric_desired_replicas > desired_replicas:
                desired_replicas = metric_desired_replicas
            if self.spec.behavior is None:
                desired_replicas = self.normalize_desired_replicas(
                    current_replicas, desired_replicas, min_replicas, now
                )
            else:
                desired_replicas = self.normalize_desired_replicas_with_behaviors(
                    current_replicas, desired_replicas, min_replicas, now
                )
            rescale = desired_replicas != current_replicas
        if rescale:
            self.store_scale_event(current_replicas, desired_replicas, now)
            return desired_replicas
        return current_replicas

    def stabilize_recommendation(self, prenormalized_desired_replicas: int, now: float) -> int:
        assert self.recommendations is not None
        max_recommendation = prenormalized_desired_replicas
        found_old_sample = False
        old_sample_index = 0
        cutoff = now - self.downscale_stabilisation_window
        for i, rec in enumerate(self.recommendations):
            if rec.timestamp < cutoff:
                found_old_sample = True
                old_sample_index = i
            elif rec.recommendation > max_recommendation:
                max_recommendation = rec.recommendation
        new = TimestampedRecommendation(prenormalized_desired_replicas, now)
        if found_old_sample:
            self.recommendations[old_sample_index] = new
        else:
            self.recommendations.append(new)
        return max_recommendation

    def normalize_desired_replicas(
        self, current_replicas: int, prenormalized_desired_replicas: int, min_replicas: int, now: float
    ) -> int:
        stabilized_recommendation = self.stabilize_recommendation(prenormalized_desired_replicas, now)
        return convert_desired_replicas_with_rules(
            current_replicas, stabilized_recommendation, min_replicas, self.spec.max_replicas
        )

    def normalize_desired_replicas_with_behaviors(
        self, current_replicas: int, prenormalized_desired_replicas: int, min_replicas: int, now: float
    ) -> int:
        behavior = self.spec.behavior
        assert behavior is not None and behavior.scale_up is not None and behavior.scale_down is not None
        if behavior.scale_down.stabilization_window_seconds is None:  # maybeInitScaleDownStabilizationWindow
            behavior.scale_down.stabilization_window_seconds = self.downscale_stabilisation_window
        arg = NormalizationArg(
            behavior.scale_up, behavior.scale_down, min_replicas, self.spec.max_replicas, current_replicas,
            prenormalized_desired_replicas,
        )  # fmt: skip
        arg.desired_replicas = self.stabilize_recommendation_with_behaviors(arg, now)
        return self.convert_desired_replicas_with_behavior_rate(arg, now)

    def store_scale_event(self, prev_replicas: int, new_replicas: int, now: float) -> None:
        behavior = self.spec.behavior
        if behavior is None:
            return
        if new_replicas > prev_replicas:
            rules, events, replica_change = behavior.scale_up, self.scale_up_events, new_replicas - prev_replicas
        else:
            rules, events, replica_change = behavior.scale_down, self.scale_down_events, prev_replicas - new_replicas
        assert rules is not None
        old_sample_index = 0
        found_old_sample = False
        mark_scale_events_outdated(events, get_longest_policy_period(rules), now)
        for i, event in enumerate(events):
            if event.outdated:
                found_old_sample = True
                old_sample_index = i
        new_event = TimestampedScaleEvent(replica_change, now)
        if found_old_sample:
            events[old_sample_index] = new_event
        else:
            events.append(new_event)

    def stabilize_recommendation_with_behaviors(self, args: NormalizationArg, now: float) -> int:
        assert self.recommendations is not None
        found_old_sample = False
        old_sample_index = 0
        up_recommendation = args.desired_replicas
        assert args.scale_up_behavior.stabilization_window_seconds is not None
        up_cutoff = now - args.scale_up_behavior.stabilization_window_seconds
        down_recommendation = args.desired_replicas
        assert args.scale_down_behavior.stabilization_window_seconds is not None
        down_cutoff = now - args.scale_down_behavior.stabilization_window_seconds
        for i, rec in enumerate(self.recommendations):
            if rec.timestamp > up_cutoff:
                up_recommendation = min(rec.recommendation, up_recommendation)
            if rec.timestamp > down_cutoff:
                down_recommendation = max(rec.recommendation, down_recommendation)
            if rec.timestamp < up_cutoff and rec.timestamp < down_cutoff:
                found_old_sample = True
                old_sample_index = i
        recommendation = args.current_replicas
        if recommendation < up_recommendation:
            recommendation = up_recommendation
        if recommendation > down_recommendation:
            recommendation = down_recommendation
        new = TimestampedRecommendation(args.desired_replicas, now)
        if found_old_sample:
            self.recommendations[old_sample_index] = new
        else:
            self.recommendations.append(new)
        return recommendation

    def convert_desired_replicas_with_behavior_rate(self, args: NormalizationArg, now: float) -> int:
        if args.desired_replicas > args.current_replicas:
            scale_up_limit = calculate_scale_up_limit_with_scaling_rules(
                args.current_replicas, self.scale_up_events, self.scale_down_events, args.scale_up_behavior, now
            )
            if scale_up_limit < args.current_replicas:
                scale_up_limit = args.current_replicas
            maximum_allowed_replicas = args.max_replicas
            if maximum_allowed_replicas > scale_up_limit:
                maximum_allowed_replicas = scale_up_limit
            if args.desired_replicas > maximum_allowed_replicas:
                return maximum_allowed_replicas
        elif args.desired_replicas < args.current_replicas:
            scale_down_limit = calculate_scale_down_limit_with_behaviors(
                args.current_replicas, self.scale_up_events, self.scale_down_events, args.scale_down_behavior, now
            )
            if scale_down_limit > args.current_replicas:
                scale_down_limit = args.current_replicas
            minimum_allowed_replicas = args.min_replicas
            if minimum_allowed_replicas < scale_down_limit:
                minimum_allowed_replicas = scale_down_limit
            if args.desired_replicas < minimum_allowed_replicas:
                return minimum_allowed_replicas
        return args.desired_replicas
