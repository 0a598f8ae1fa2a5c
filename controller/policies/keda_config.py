"""The options of the policy `keda`: those of a ScaledObject, and of the cluster's HPA.

Source: kedacore/keda (main branch, 2026), apis/keda/v1alpha1/scaledobject_types.go.
"""

from typing import Literal

from pydantic import Field, model_validator

from controller.model import Observation, metric
from controller.policies.base import MetricName, Strict
from controller.policies.hpa_behavior import Behavior
from controller.policies.hpa_config import HpaConfig, Metric
from controller.policies.hpa_replicas import MOST


class Trigger(Strict):
    """One trigger: its metric, the target in the metric's own unit, and from where on it is active."""

    name: str = ""
    type: Literal["external", "cpu"] = "external"
    metric: MetricName = "offered_rps"
    metric_type: Literal["AverageValue", "Value", "Utilization"] = "AverageValue"
    threshold: float = Field(ge=0.001, le=1e9)
    activation_threshold: float = 0
    push: bool = False

    @model_validator(mode="after")
    def _legal_type(self) -> "Trigger":
        legal = ("AverageValue", "Value") if self.type == "external" else ("Utilization", "AverageValue")
        if self.metric_type not in legal:
            raise ValueError(f"the metric_type of a trigger of type {self.type} is one of {', '.join(legal)}")
        if self.metric_type == "Utilization" and self.threshold != int(self.threshold):
            raise ValueError(f"the threshold {self.threshold:g} of a Utilization must be a whole percentage")
        return self

    def hpa_metric(self) -> Metric:
        if self.metric_type == "Utilization":
            return Metric(type="Resource", average_utilization_percent=int(self.threshold))
        if self.type == "cpu":
            return Metric(type="Resource", average_value=self.threshold)
        if self.metric_type == "Value":
            return Metric(type="External", metric=self.metric, value=self.threshold)
        return Metric(type="External", metric=self.metric, average_value=self.threshold)

    def active(self, observation: Observation) -> bool | None:
        """None where that is not known; a CPU trigger does not say."""
        value = metric(observation, self.metric)
        return value is not None and value > self.activation_threshold if self.type == "external" else False

    def failed(self, observation: Observation) -> bool:
        return self.type == "external" and metric(observation, self.metric) is None

    def __str__(self) -> str:
        return self.name or self.metric


class Fallback(Strict):
    """What counts for a trigger that has failed too often."""

    failure_threshold: int = Field(ge=0, le=MOST)
    replicas: int = Field(ge=0, le=MOST)
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"] = "static"

    def count(self, current: int) -> int:
        counts = {"currentReplicas": current, "currentReplicasIfHigher": max(current, self.replicas),
                  "currentReplicasIfLower": min(current, self.replicas)}  # fmt: skip
        return counts.get(self.behavior, self.replicas)


class KedaConfig(Strict):
    """Options under `keda:`; those from `sync_period_s` on are the cluster's HPA."""

    triggers: list[Trigger] = Field(min_length=1, max_length=100)
    polling_interval_s: float = Field(default=30, ge=0.05, le=86400)
    cooldown_period_s: float = Field(default=300, ge=0, le=86400)
    initial_cooldown_period_s: float = Field(default=0, ge=0, le=86400)
    idle_replica_count: int | None = Field(default=None, ge=0, le=MOST)
    min_replica_count: int = Field(default=0, ge=0, le=MOST)
    max_replica_count: int = Field(default=100, ge=1, le=MOST)
    fallback: Fallback | None = None
    behavior: Behavior | None = None
    paused: bool = False
    paused_replicas: int | None = Field(default=None, ge=0, le=MOST)
    paused_scale_in: bool = False
    paused_scale_out: bool = False
    force_activation: bool = False
    sync_period_s: float = Field(default=15, ge=0.05, le=3600)
    tolerance: float = Field(default=0.1, ge=0)
    downscale_stabilization_s: float = Field(default=300, ge=0, le=86400)
    cpu_request_percent: float = Field(default=100, ge=0.1, le=100_000)

    @model_validator(mode="after")
    def _fit(self) -> "KedaConfig":
        if self.least > self.max_replica_count:
            raise ValueError(f"min_replica_count {self.least} is above max_replica_count {self.max_replica_count}")
        if self.idle_replica_count is not None and self.idle_replica_count >= self.min_replica_count:
            raise ValueError(f"idle_replica_count {self.idle_replica_count} must be below min_replica_count "
                             f"{self.min_replica_count}")  # fmt: skip
        if self.fallback and not self.external:
            raise ValueError("fallback needs a trigger that is not cpu")
        return self

    @property
    def least(self) -> int:
        """The fewest while it is active."""
        return max(1, self.min_replica_count)

    @property
    def rest(self) -> int:
        """The count while it is inactive."""
        return self.min_replica_count if self.idle_replica_count is None else self.idle_replica_count

    @property
    def external(self) -> list[Trigger]:
        return [trigger for trigger in self.triggers if trigger.type == "external"]

    def hpa(self) -> HpaConfig:
        behavior, disabled = self.behavior, {"select_policy": "Disabled"}
        if self.paused_scale_in or self.paused_scale_out:
            behavior = behavior or Behavior()
            down = behavior.scale_down.model_copy(update=disabled if self.paused_scale_in else {})
            up = behavior.scale_up.model_copy(update=disabled if self.paused_scale_out else {})
            behavior = Behavior(scale_up=up, scale_down=down)
        return HpaConfig(
            metrics=[trigger.hpa_metric() for trigger in self.triggers], behavior=behavior,
            minimum=self.least, maximum=self.max_replica_count, sync_period_s=self.sync_period_s,
            tolerance=self.tolerance, downscale_stabilization_s=self.downscale_stabilization_s,
            cpu_request_percent=self.cpu_request_percent,
        )  # fmt: skip
