"""SkyPilot Serve's request-rate autoscaler: the mean rate over a minute, and a long way to a decision.

Every `decision_interval_s` (`no_replica_interval_s` while none is wanted):

    desired = ceil(requests of the last qps_window_s / qps_window_s / target_qps_per_replica)

More than the present target in int(upscale_delay_s / decision_interval_s) decisions in a row takes `desired` over,
fewer in int(downscale_delay_s / decision_interval_s); one decision the other way, or for the same number, starts both
again. With a target of zero `desired` is taken over at once. `overprovision` replicas are kept above the target.

Source: SkyPilot, sky/serve/autoscalers.py (`_AutoscalerWithHysteresis`, `RequestRateAutoscaler`) and
sky/serve/constants.py, 2026. As there, requests before the start are not known and count as none, and `minimum` and
`maximum`, where given, bound `desired` before it is compared.

Not as in SkyPilot: an unknown rate holds the fleet and starts the decisions again, and the first rate after such a gap
counts for the gap too; nothing is removed before the window has been seen whole. SkyPilot keeps its window over
restarts instead. On-demand fallback, spot and per-accelerator rates have no counterpart here.

Example:

    instances: {min: 1, max: 20}
    time_scale: 20
    policy:
      skypilot: {target_qps_per_replica: 8, upscale_delay_s: 60, downscale_delay_s: 300}
"""

import math
from dataclasses import replace

from pydantic import Field

from controller.model import Decision, Observation
from controller.policies.base import Bounded
from controller.window import Window

ROUNDING = 1e-9


class SkyPilotConfig(Bounded):
    """Options under `skypilot:`; the intervals and the window are constants in SkyPilot."""

    target_qps_per_replica: float = Field(ge=0.001, le=100_000)
    """[requests/s] What each replica is to get."""
    upscale_delay_s: float = Field(default=300, ge=0, le=86400)
    """More only when more were wanted for so long."""
    downscale_delay_s: float = Field(default=1200, ge=0, le=86400)
    """Fewer only when fewer were wanted for so long."""
    overprovision: int = Field(default=0, ge=0, le=200)
    """[instances] So many more than needed."""
    qps_window_s: float = Field(default=60, ge=0.01, le=86400)
    """The rate is the mean of so long."""
    decision_interval_s: float = Field(default=20, gt=0, le=86400)
    """After this time it decides again."""
    no_replica_interval_s: float = Field(default=5, gt=0, le=86400)
    """The same while none is wanted."""


class SkyPilot:
    """The policy `skypilot`."""

    Config = SkyPilotConfig

    def __init__(self, config: SkyPilotConfig) -> None:
        self._config = config
        self._requests = Window(config.qps_window_s - ROUNDING)  # never one sample too many
        self._first_s: float | None = None
        self._last_s = 0.0
        self._decided_s = -math.inf
        self._ups = self._downs = 0
        self._ups_needed = int(config.upscale_delay_s / config.decision_interval_s)
        self._downs_needed = int(config.downscale_delay_s / config.decision_interval_s)

    def describe(self) -> list[str]:
        config = self._config
        extra = f", and {config.overprovision} more" if config.overprovision else ""
        return [
            f"as many instances that each gets {config.target_qps_per_replica:g} requests/s, "
            f"the mean of {config.qps_window_s:g} s{extra}",
            f"every {config.decision_interval_s:g} s ({config.no_replica_interval_s:g} s while none is wanted): up "
            f"after {max(1, self._ups_needed)} decisions in a row, down after {max(1, self._downs_needed)}",
        ]

    def decide(self, observation: Observation) -> Decision:
        wanted, now_s, rate = observation.counts.wanted, observation.t_s, observation.offered_rps
        if rate is None or observation.missing:
            self._ups = self._downs = 0
            return Decision(wanted, "the offered rate is not known")
        self._count(now_s, rate)
        interval_s = self._config.decision_interval_s if wanted else self._config.no_replica_interval_s
        left_s = self._decided_s + interval_s - now_s
        if left_s > ROUNDING:
            return Decision(wanted, f"{wanted} wanted, next decision in {left_s:.1f} s")
        self._decided_s = now_s
        target = max(self._config.minimum or 0, wanted - self._config.overprovision)
        desired, words = self._desired()
        made = self._hysteresis(target, desired, now_s, words)
        return replace(made, wanted=made.wanted + self._config.overprovision)

    def _count(self, now_s: float, rate: float) -> None:
        """Take the requests since the last known rate into the window."""
        if self._first_s is None:
            self._first_s = self._last_s = now_s
        self._requests.add(now_s, rate * min(now_s - self._last_s, self._config.qps_window_s))
        self._last_s = now_s

    def _desired(self) -> tuple[int, str]:
        config = self._config
        qps = self._requests.sum() / config.qps_window_s
        each = config.target_qps_per_replica
        desired = math.ceil(qps / each - ROUNDING)
        words = f"{qps:.3g}/s over {config.qps_window_s:g} s ask for {desired} at {each:g}/s each"
        if config.maximum is not None and desired > config.maximum:
            return config.maximum, f"{words}, at most {config.maximum}"
        if config.minimum is not None and desired < config.minimum:
            return config.minimum, f"{words}, at least {config.minimum}"
        return desired, words

    def _hysteresis(self, target: int, desired: int, now_s: float, words: str) -> Decision:
        if target == 0 and desired > 0:
            return Decision(desired, f"{words}: at once, for there is none")
        if desired > target:
            self._ups, self._downs = self._ups + 1, 0
            if self._ups < self._ups_needed:
                return _held(target, desired, f"{words}: decision {self._ups} of {self._ups_needed} for more")
        elif desired < target:
            self._ups, self._downs = 0, self._downs + 1
            if self._downs < self._downs_needed:
                return _held(target, desired, f"{words}: decision {self._downs} of {self._downs_needed} for fewer")
            if self._first_s is None or now_s - self._first_s < self._config.qps_window_s - ROUNDING:
                return _held(target, desired, f"{words}, but the window is not full yet")
        self._ups = self._downs = 0
        return Decision(desired, f"{words}: {desired} wanted")


def _held(target: int, desired: int, why: str) -> Decision:
    return Decision(target, why, (f"{desired} wanted by the rate alone",))
