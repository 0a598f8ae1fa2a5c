"""The replica calculator of the Kubernetes HPA, from the Go source line by line; see hpa_reference.

kubernetes/kubernetes (Apache License 2.0):
pkg/controller/podautoscaler/replica_calculator.go and metrics/utilization.go.
"""

import math
from dataclasses import dataclass, field

MAX_INT32 = 2**31 - 1


class MetricError(Exception):
    """An `err != nil` of the source."""


@dataclass
class Pod:
    name: str
    phase: str  # Pending, Running, Failed
    ready: bool
    start_time: float
    last_transition_time: float
    deletion_timestamp: bool = False
    request: int = 1000


@dataclass
class PodMetric:
    value: int
    timestamp: float
    window: float


@dataclass
class Tolerances:
    scale_down: float
    scale_up: float

    def is_within(self, usage_ratio: float) -> bool:
        return (1.0 - self.scale_down) <= usage_ratio and usage_ratio <= (1.0 + self.scale_up)


@dataclass
class Cluster:
    """What the controller reads from the API. A metric that is not there is an error."""

    spec_replicas: int
    status_replicas: int
    pods: list[Pod]
    resource_metrics: dict[str, PodMetric] = field(default_factory=dict)
    pods_metrics: dict[str, dict[str, PodMetric]] = field(default_factory=dict)
    value_metrics: dict[str, int] = field(default_factory=dict)

    def get_resource_metric(self) -> dict[str, PodMetric]:
        if len(self.resource_metrics) == 0:
            raise MetricError("no metrics returned from resource metrics API")
        return dict(self.resource_metrics)

    def get_raw_metric(self, name: str) -> dict[str, PodMetric]:
        if len(self.pods_metrics.get(name, {})) == 0:
            raise MetricError("no metrics returned from custom metrics API")
        return dict(self.pods_metrics[name])

    def get_value_metric(self, name: str) -> int:
        if name not in self.value_metrics:
            raise MetricError("unable to get metric")
        return self.value_metrics[name]


def get_resource_utilization_ratio(
    metrics: dict[str, PodMetric], requests: dict[str, int], target_utilization: int
) -> float:
    metrics_total = 0
    requests_total = 0
    for pod_name, metric in metrics.items():
        if pod_name not in requests:
            continue
        metrics_total += metric.value
        requests_total += requests[pod_name]
    if requests_total == 0:
        raise MetricError("no metrics returned matched known pods")
    current_utilization = (metrics_total * 100) // requests_total
    return float(current_utilization) / float(target_utilization)


def get_metric_usage_ratio(metrics: dict[str, PodMetric], target_usage: int) -> float:
    metrics_total = 0
    for metric in metrics.values():
        metrics_total += metric.value
    current_usage = metrics_total // len(metrics)
    return float(current_usage) / float(target_usage)


class ReplicaCalculator:
    def __init__(self, cpu_initialization_period: float, delay_of_initial_readiness_status: float) -> None:
        self.cpu_initialization_period = cpu_initialization_period
        self.delay_of_initial_readiness_status = delay_of_initial_readiness_status

    def get_resource_replicas(
        self, cluster: Cluster, current_replicas: int, target_utilization: int, tolerances: Tolerances, now: float
    ) -> int:
        metrics = cluster.get_resource_metric()
        if len(cluster.pods) == 0:
            raise MetricError("no pods returned by selector while calculating replica count")
        ready_pod_count, unready_pods, missing_pods, ignored_pods = self.group_pods(cluster.pods, metrics, "cpu", now)
        remove_metrics_for_pods(metrics, ignored_pods)
        remove_metrics_for_pods(metrics, unready_pods)
        if len(metrics) == 0:
            raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
        requests = {pod.name: pod.request for pod in cluster.pods}
        usage_ratio = get_resource_utilization_ratio(metrics, requests, target_utilization)

        scale_up_with_unready = len(unready_pods) > 0 and usage_ratio > 1.0
        if not scale_up_with_unready and len(missing_pods) == 0:
            if tolerances.is_within(usage_ratio):
                return current_replicas
            return math.ceil(usage_ratio * float(ready_pod_count))
        if len(missing_pods) > 0:
            if usage_ratio < 1.0:
                fallback_utilization = max(100, target_utilization)
                for pod_name in missing_pods:
                    metrics[pod_name] = PodMetric(requests[pod_name] * fallback_utilization // 100, 0, 0)
            elif usage_ratio > 1.0:
                for pod_name in missing_pods:
                    metrics[pod_name] = PodMetric(0, 0, 0)
        if scale_up_with_unready:
            for pod_name in unready_pods:
                metrics[pod_name] = PodMetric(0, 0, 0)
        new_usage_ratio = get_resource_utilization_ratio(metrics, requests, target_utilization)
        return self.dampened(metrics, usage_ratio, new_usage_ratio, current_replicas, tolerances)

    def dampened(
        self,
        metrics: dict[str, PodMetric],
        usage_ratio: float,
        new_usage_ratio: float,
        current_replicas: int,
        tolerances: Tolerances,
    ) -> int:
        """The last part of GetResourceReplicas and of calcPlainMetricReplicas, word for word the same there."""
        if (
            tolerances.is_within(new_usage_ratio)
            or (usage_ratio < 1.0 and new_usage_ratio > 1.0)
            or (usage_ratio > 1.0 and new_usage_ratio < 1.0)
        ):
            return current_replicas
        new_replicas = math.ceil(new_usage_ratio * float(len(metrics)))
        if (new_usage_ratio < 1.0 and new_replicas > current_replicas) or (
            new_usage_ratio > 1.0 and new_replicas < current_replicas
        ):
            return current_replicas
        return new_replicas

    def calc_plain_metric_replicas(
        self,
        cluster: Cluster,
        metrics: dict[str, PodMetric],
        current_replicas: int,
        target_usage: int,
        tolerances: Tolerances,
        resource: str,
        now: float,
    ) -> int:
        if len(cluster.pods) == 0:
            raise MetricError("no pods returned by selector while calculating replica count")
        ready_pod_count, unready_pods, missing_pods, ignored_pods = self.group_pods(
            cluster.pods, metrics, resource, now
        )
        remove_metrics_for_pods(metrics, ignored_pods)
        remove_metrics_for_pods(metrics, unready_pods)
        if len(metrics) == 0:
            raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
        usage_ratio = get_metric_usage_ratio(metrics, target_usage)

        scale_up_with_unready = len(unready_pods) > 0 and usage_ratio > 1.0
        if not scale_up_with_unready and len(missing_pods) == 0:
            if tolerances.is_within(usage_ratio):
                return current_replicas
            return math.ceil(usage_ratio * float(ready_pod_count))
        if len(missing_pods) > 0:
            if usage_ratio < 1.0:
                for pod_name in missing_pods:
                    metrics[pod_name] = PodMetric(target_usage, 0, 0)
            elif usage_ratio > 1.0:
                for pod_name in missing_pods:
                    metrics[pod_name] = PodMetric(0, 0, 0)
        if scale_up_with_unready:
            for pod_name in unready_pods:
                metrics[pod_name] = PodMetric(0, 0, 0)
        new_usage_ratio = get_metric_usage_ratio(metrics, target_usage)
        return self.dampened(metrics, usage_ratio, new_usage_ratio, current_replicas, tolerances)

    def get_value_metric_replicas(
        self, cluster: Cluster, current_replicas: int, target_usage: int, name: str, tolerances: Tolerances
    ) -> int:
        """GetObjectMetricReplicas and GetExternalMetricReplicas, with getUsageRatioReplicaCount."""
        usage = cluster.get_value_metric(name)
        usage_ratio = float(usage) / float(target_usage)
        if current_replicas != 0:
            if tolerances.is_within(usage_ratio):
                return current_replicas
            replica_count_float = usage_ratio * float(self.get_ready_pods_count(cluster.pods))
            if replica_count_float > MAX_INT32:
                return MAX_INT32
            return math.ceil(replica_count_float)
        return math.ceil(usage_ratio)

    def get_value_per_pod_metric_replicas(
        self, cluster: Cluster, target_usage_per_pod: int, name: str, tolerances: Tolerances
    ) -> int:
        """GetObjectPerPodMetricReplicas and GetExternalPerPodMetricReplicas."""
        usage = cluster.get_value_metric(name)
        replica_count = cluster.status_replicas
        divisor = float(target_usage_per_pod) * float(replica_count)
        usage_ratio = float(usage) / divisor if divisor else (math.inf if usage else math.nan)  # as in Go
        if not tolerances.is_within(usage_ratio):
            replica_count = min(math.ceil(float(usage) / float(target_usage_per_pod)), MAX_INT32)
        return replica_count

    def get_ready_pods_count(self, pods: list[Pod]) -> int:
        if len(pods) == 0:
            raise MetricError("no pods returned by selector while calculating replica count")
        ready_pod_count = 0
        for pod in pods:
            if pod.phase == "Running" and pod.ready:
                ready_pod_count += 1
        return ready_pod_count

    def group_pods(
        self, pods: list[Pod], metrics: dict[str, PodMetric], resource: str, now: float
    ) -> tuple[int, set[str], set[str], set[str]]:
        ready_pod_count = 0
        missing_pods: set[str] = set()
        unready_pods: set[str] = set()
        ignored_pods: set[str] = set()
        for pod in pods:
            if pod.deletion_timestamp or pod.phase == "Failed":
                ignored_pods.add(pod.name)
                continue
            if pod.phase == "Pending":
                unready_pods.add(pod.name)
                continue
            if pod.name not in metrics:
                missing_pods.add(pod.name)
                continue
            metric = metrics[pod.name]
            if resource == "cpu":
                if pod.start_time + self.cpu_initialization_period > now:
                    unready = not pod.ready or metric.timestamp < pod.last_transition_time + metric.window
                else:
                    unready = (
                        not pod.ready
                        and pod.start_time + self.delay_of_initial_readiness_status > pod.last_transition_time
                    )
                if unready:
                    unready_pods.add(pod.name)
                    continue
            ready_pod_count += 1
        return ready_pod_count, unready_pods, missing_pods, ignored_pods


def remove_metrics_for_pods(metrics: dict[str, PodMetric], pods: set[str]) -> None:
    for pod in pods:
        metrics.pop(pod, None)
