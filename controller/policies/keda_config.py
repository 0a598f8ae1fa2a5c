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
    """What it is called in reasons."""
    type: Literal["external", "cpu"] = "external"
    """`cpu`: a Resource metric of the HPA, which never activates."""
    metric: MetricName = "offered_rps"
    """What is looked at; for `cpu` it is the CPU."""
    metric_type: Literal["AverageValue", "Value", "Utilization"] = "AverageValue"
    """Target per instance, for all, or (for `cpu`) in percent of `cpu_request_percent`."""
    threshold: float = Field(ge=0.001, le=1e9)
    """[the metric's] The target."""
    activation_threshold: float = 0
    """[the metric's] The trigger is active above it."""
    push: bool = False
    """It activates at once, without waiting for the poll."""

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
    """After more failed evaluations in a row than these."""
    replicas: int = Field(ge=0, le=MOST)
    """[instances] As if so many were needed."""
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"] = "static"
    """Or as many as there are: always, where those are more, or where they are fewer."""

    def count(self, current: int) -> int:
        counts = {"currentReplicas": current, "currentReplicasIfHigher": max(current, self.replicas),
                  "currentReplicasIfLower": min(current, self.replicas)}  # fmt: skip
        return counts.get(self.behavior, self.replicas)


class KedaConfig(Strict):
    """Options under `keda:`; those from `sync_period_s` on are the cluster's HPA."""

    triggers: list[Trigger] = Field(min_length=1, max_length=100)
    """What activates, and what the HPA looks at."""
    polling_interval_s: float = Field(default=30, ge=0.05, le=86400)
    """After this time it looks again whether a trigger is active."""
    cooldown_period_s: float = Field(default=300, ge=0, le=86400)
    """So long nothing must have been active before it rests."""
    initial_cooldown_period_s: float = Field(default=0, ge=0, le=86400)
    """The same before the first activity, from the start."""
    idle_replica_count: int | None = Field(default=None, ge=0, le=MOST)
    """[instances] How many while it rests, fewer than the minimum; none: the minimum."""
    min_replica_count: int = Field(default=0, ge=0, le=MOST)
    """[instances] The fewest; 0: to zero and from zero."""
    max_replica_count: int = Field(default=100, ge=1, le=MOST)
    """[instances] The most."""
    fallback: Fallback | None = None
    """What counts for a trigger without a value; none: nothing shrinks then."""
    behavior: Behavior | None = None
    """As that of `hpa`; none: the API's older rules."""
    paused: bool = False
    """Nothing changes."""
    paused_replicas: int | None = Field(default=None, ge=0, le=MOST)
    """[instances] So many, whatever happens."""
    paused_scale_in: bool = False
    """Never fewer."""
    paused_scale_out: bool = False
    """Never more."""
    force_activation: bool = False
    """Active, whatever the triggers say."""
    sync_period_s: float = Field(default=15, ge=0.05, le=3600)
    """After this time the HPA decides again."""
    tolerance: float = Field(default=0.1, ge=0)
    """The HPA's: so far the ratio of metric and target may be from 1."""
    downscale_stabilization_s: float = Field(default=300, ge=0, le=86400)
    """The HPA's: down only to the most that was recommended in so long."""
    cpu_request_percent: float = Field(default=100, ge=0.1, le=100_000)
    """What an instance requests, of one core."""

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
