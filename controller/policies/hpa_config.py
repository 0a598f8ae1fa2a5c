"""The options of the policy `hpa`: those of a HorizontalPodAutoscaler, and of kube-controller-manager.

Source: kubernetes/kubernetes, releases 1.32 to 1.34, pkg/apis/autoscaling/v2/defaults.go and
pkg/apis/autoscaling/validation/validation.go.
"""

from typing import Literal

from pydantic import Field, model_validator

from controller.policies.base import MetricName, Strict
from controller.policies.hpa_behavior import Behavior, Bounds
from controller.policies.hpa_replicas import MOST, Tolerances

TARGETS = {
    "Resource": ("average_utilization_percent", "average_value"),
    "Pods": ("average_value",),
    "Object": ("value", "average_value"),
    "External": ("value", "average_value"),
}


class Metric(Strict):
    """One metric and its target, in the metric's own unit. A Resource metric is the CPU."""

    type: Literal["Resource", "Pods", "Object", "External"]
    """The API's kind of metric; Resource is the CPU."""
    metric: MetricName | None = None
    """Which one; none: `cpu_percent` for Resource, else `offered_rps`."""
    average_utilization_percent: int | None = Field(default=None, ge=1, le=MOST)
    """Target of a Resource metric, of what an instance requests."""
    average_value: float | None = Field(default=None, ge=0.001, le=1e12)
    """[the metric's] Target per instance; for Resource percent of a core."""
    value: float | None = Field(default=None, ge=0.001, le=1e12)
    """[the metric's] Target for the whole service, for Object and External."""

    @model_validator(mode="after")
    def _one_target(self) -> "Metric":
        given = [name for name in ("average_utilization_percent", "average_value", "value") if getattr(self, name)]
        legal = TARGETS[self.type]
        if len(given) != 1 or given[0] not in legal:
            raise ValueError(f"a {self.type} metric needs {'exactly one of ' * (len(legal) > 1)}{', '.join(legal)}")
        if self.type == "Resource" and self.name != "cpu_percent":
            raise ValueError("a Resource metric is cpu_percent")
        return self

    @property
    def name(self) -> str:
        return self.metric or ("cpu_percent" if self.type == "Resource" else "offered_rps")

    def __str__(self) -> str:
        if self.average_utilization_percent:
            return f"{self.type} {self.name} at {self.average_utilization_percent}% of the request"
        if self.average_value:
            return f"{self.type} {self.name} at {self.average_value:g} per instance"
        return f"{self.type} {self.name} at {self.value:g}"


CPU_80 = Metric(type="Resource", average_utilization_percent=80)


class HpaConfig(Strict):
    """Options under `hpa:`; the defaults are those of the API and of kube-controller-manager."""

    metrics: list[Metric] = Field(default=[CPU_80], min_length=1, max_length=100)
    """The largest proposal counts."""
    behavior: Behavior | None = None
    """Limits of the rate and windows; none: the API's older rules."""
    minimum: int | None = Field(default=None, ge=0, le=MOST)
    """[instances] The fewest; not given: `instances.min`."""
    maximum: int | None = Field(default=None, ge=1, le=MOST)
    """[instances] The most; not given: `instances.max`."""
    sync_period_s: float = Field(default=15, ge=0.05, le=3600)
    """After this time it decides again."""
    tolerance: float = Field(default=0.1, ge=0)
    """So far the ratio of metric and target may be from 1 without an effect."""
    downscale_stabilization_s: float = Field(default=300, ge=0, le=86400)
    """Down only to the most that was recommended in so long, where `behavior` does not say."""
    cpu_initialization_period_s: float = Field(default=300, ge=0, le=86400)
    """So long after its order the CPU of an instance counts only when it was ready all the while it was measured."""
    initial_readiness_delay_s: float = Field(default=30, ge=0, le=86400)
    """After that, the CPU of one that became unready so soon after its order does not count."""
    cpu_window_s: float = Field(default=15, ge=0.05, le=3600)
    """CPU usage is the mean of so long."""
    cpu_request_percent: float = Field(default=100, ge=0.1, le=100_000)
    """What an instance requests, of one core."""

    @model_validator(mode="after")
    def _bounds(self) -> "HpaConfig":
        if self.bounds.minimum > self.bounds.maximum:
            raise ValueError(f"minimum {self.bounds.minimum} is above maximum {self.bounds.maximum}")
        if self.minimum == 0 and all(metric.type in ("Resource", "Pods") for metric in self.metrics):
            raise ValueError("minimum 0 needs an Object or External metric, which is known without an instance too")
        return self

    @property
    def bounds(self) -> Bounds:
        """Without a minimum it is 1, as in the API; without a maximum, which the API requires, there is none."""
        return Bounds(1 if self.minimum is None else self.minimum, MOST if self.maximum is None else self.maximum)

    @property
    def tolerances(self) -> Tolerances:
        behavior = self.behavior or Behavior()
        down, up = behavior.scale_down.tolerance, behavior.scale_up.tolerance
        return Tolerances(self.tolerance if down is None else down, self.tolerance if up is None else up)
