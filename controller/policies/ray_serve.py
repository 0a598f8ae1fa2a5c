"""Ray Serve's default policy: as many replicas that each has so many requests in progress, after a delay each way.

Every `metrics_interval_s` the mean (or max, min) of the requests in progress within `look_back_period_s` is taken anew:

    desired = requests / target_ongoing_requests            (= running * requests / (target * running))
    scaled  = ceil(running + factor * (desired - running))  factor: upscaling_factor or downscaling_factor
    scaled  = running - 1    where the factor alone holds a shrinking fleet at `running`

`scaled` becomes the target only after it was on the same side of the present target for `upscale_delay_s` or
`downscale_delay_s`; the newest value counts then, and a value on the other side, or equal, starts the delay again.
Zero is reached only from one, after `downscale_to_zero_delay_s`. With nothing running the first request brings
max(ceil(upscaling_factor), target) replicas at once.

Source: Ray, python/ray/serve/autoscaling_policy.py (`_apply_scaling_factors`, `_apply_delay_logic`,
`_core_replica_queue_length_policy`) and `AutoscalingConfig` of ray/serve/config.py, 2026. Delays are measured in time,
as Ray does since its issue 62004; it counted rounds of its loop before.

Not as in Ray: an unknown metric holds the fleet and starts the delay again; Ray counts replicas that do not report as
idle. Rounding forgives 1e-9, so that 3 * (0.1 + 0.2) / 0.9 replicas are one and not two.

Example:

    instances: {min: 1, max: 20}
    policy:
      ray-serve: {target_ongoing_requests: 2, metrics_interval_s: 1, look_back_period_s: 5, upscale_delay_s: 3,
                  downscale_delay_s: 30}
"""

import math
from typing import Literal

from pydantic import Field

from controller.model import Decision, Observation, metric
from controller.policies.base import MetricName, Period, Strict
from controller.window import Window

ROUNDING = 1e-9
DELAY_ROUNDING_S = 1e-6  # as Ray's


class RayServeConfig(Strict):
    """Options under `ray-serve:`, named and preset as in Ray's `AutoscalingConfig`."""

    metric: MetricName = "in_flight_requests"
    """What is in progress."""
    target_ongoing_requests: float = Field(default=2, gt=0, le=1e6)
    """[requests] So many each replica is to have in progress."""
    metrics_interval_s: float = Field(default=10, gt=0, le=86400)
    """After this time the requests are counted again."""
    look_back_period_s: float = Field(default=30, ge=0.01, le=86400)
    """They are counted over so long."""
    aggregation_function: Literal["mean", "max", "min"] = "mean"
    """How the counts become one."""
    upscale_delay_s: float = Field(default=30, ge=0, le=86400)
    """More only when more were wanted for so long."""
    downscale_delay_s: float = Field(default=600, ge=0, le=86400)
    """Fewer only when fewer were wanted for so long."""
    downscale_to_zero_delay_s: float | None = Field(default=None, ge=0, le=86400)
    """The same from one to none; none: as `downscale_delay_s`."""
    upscaling_factor: float = Field(default=1, gt=0, le=1000)
    """Share of the difference that is added at once."""
    downscaling_factor: float = Field(default=1, gt=0, le=1000)
    """Share of the difference that is removed at once."""


class RayServe:
    """The policy `ray-serve`."""

    Config = RayServeConfig

    def __init__(self, config: RayServeConfig) -> None:
        self._config = config
        self._window = Window(config.look_back_period_s)
        self._report = Period(config.metrics_interval_s)
        self._requests = 0.0
        self._side = 0  # on which side of the target the last rounds were
        self._since_s = 0.0

    def describe(self) -> list[str]:
        config = self._config
        zero = config.downscale_to_zero_delay_s
        return [
            f"as many instances that each has {config.target_ongoing_requests:g} of {config.metric}, the "
            f"{config.aggregation_function} of {config.look_back_period_s:g} s, every {config.metrics_interval_s:g} s",
            f"up by {config.upscaling_factor:g} of the difference after {config.upscale_delay_s:g} s, "
            f"down by {config.downscaling_factor:g} of it after {config.downscale_delay_s:g} s"
            + ("" if zero is None else f", from one to none after {zero:g} s"),
        ]

    def decide(self, observation: Observation) -> Decision:
        counts, now_s = observation.counts, observation.t_s
        value = metric(observation, self._config.metric)
        if value is None or observation.missing:
            self._side = 0
            return Decision(counts.wanted, f"{self._config.metric} is not known")
        self._window.add(now_s, value)
        if self._report.due(now_s):
            self._requests = self._aggregate()
        if counts.in_service == 0:
            return self._cold_start(value, counts.wanted)
        scaled, words = self._scaled(counts.in_service)
        return self._delayed(scaled, counts.wanted, now_s, words)

    def _aggregate(self) -> float:
        values = self._window.values()
        if self._config.aggregation_function == "mean":
            return math.fsum(values) / len(values)
        return max(values) if self._config.aggregation_function == "max" else min(values)

    def _cold_start(self, requests: float, target: int) -> Decision:
        """With nothing running no delay applies."""
        first = math.ceil(self._config.upscaling_factor)
        if requests > 0 and first > target:
            return Decision(first, f"{requests:g} requests and nothing in service: {first} at once")
        return Decision(target, f"{requests:g} requests and nothing in service: {target} are on their way")

    def _scaled(self, running: int) -> tuple[int, str]:
        """How many replicas the requests ask for, and why."""
        config = self._config
        desired = self._requests / config.target_ongoing_requests
        factor = config.upscaling_factor if desired > running else config.downscaling_factor
        scaled = math.ceil(running + factor * (desired - running) - ROUNDING)
        if scaled == running and math.ceil(desired - ROUNDING) < running:
            scaled -= 1
        scaled = max(0, scaled)
        words = f"{self._requests:.3g} in progress at {config.target_ongoing_requests:g} each ask for {desired:.3g}"
        return scaled, words if factor == 1 else f"{words}, by the factor {factor:g} for {scaled}"

    def _delayed(self, scaled: int, target: int, now_s: float, words: str) -> Decision:
        """Only what lasts is done."""
        side = (scaled > target) - (scaled < target)
        if side == 0:
            self._side = 0
            return Decision(target, f"{words}: {target} fit")
        if side != self._side:
            self._side, self._since_s = side, now_s
        delay_s = self._delay_s(side, target)
        goal = max(1, scaled) if target > 1 else scaled
        left_s = delay_s - (now_s - self._since_s)
        if left_s > DELAY_ROUNDING_S:
            return Decision(target, f"{words}: {goal} in {left_s:.1f} s if it lasts",
                            (f"{goal} wanted now, without the delay of {delay_s:g} s",))  # fmt: skip
        self._side = 0
        return Decision(goal, f"{words} for {delay_s:g} s: {goal} wanted")

    def _delay_s(self, side: int, target: int) -> float:
        config = self._config
        if side > 0:
            return config.upscale_delay_s
        to_zero = config.downscale_to_zero_delay_s
        return to_zero if target == 1 and to_zero is not None else config.downscale_delay_s
