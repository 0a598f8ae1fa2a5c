"""Target tracking of the request rate: enough instances that each gets at most `rate_per_instance` requests a second.

wanted = ceil(offered rate / target), as in the Kubernetes HPA's `AverageValue` formula. A dead band below the target
(`tolerance`) keeps a rate that hovers at a boundary from adding and removing the same instance over and over. With
`drain_queue_s` the requests that wait in HAProxy count as a further rate, which serves them within so many seconds.

Example:

    instances: {min: 1, max: 20}
    limits: {stabilise_down_s: 10}
    policy:
      target: {rate_per_instance: 8}
"""

import math

from pydantic import Field

from controller.model import Decision, Observation
from controller.policies.base import Strict


class TargetConfig(Strict):
    """Options under `target:`."""

    rate_per_instance: float = Field(ge=0.001, le=100_000)
    """[requests/s] What each instance is to get at most."""
    tolerance: float = Field(default=0.1, ge=0, lt=1)
    """Share of `rate_per_instance` that must be left over after instances are removed."""
    drain_queue_s: float = Field(default=0, ge=0, le=3600)
    """Within this time the requests in HAProxy's queue are to be served; 0: they do not count."""


class Target:
    """The policy `target`."""

    Config = TargetConfig

    def __init__(self, config: TargetConfig) -> None:
        self._config = config

    def describe(self) -> list[str]:
        config = self._config
        queue = f", with the queue served within {config.drain_queue_s:g} s" if config.drain_queue_s else ""
        return [f"as many instances that each gets at most {config.rate_per_instance:g} requests/s{queue} "
                f"(fewer only when that leaves {config.tolerance:.0%} to spare)"]  # fmt: skip

    def decide(self, observation: Observation) -> Decision:
        wanted, offered_rps = observation.counts.wanted, observation.offered_rps
        if offered_rps is None:
            return Decision(wanted, "the offered rate is not known")
        target, queue = self._config.rate_per_instance, self._queue_rps(observation)
        load_rps = offered_rps + queue
        load = f"offered {offered_rps:.3g}/s" + (f" and {queue:.3g}/s of queue" if queue else "")
        enough = math.ceil(load_rps / target)
        spare = math.ceil(load_rps / (target * (1 - self._config.tolerance)))
        if enough > wanted:
            return Decision(enough, f"{load} needs {enough} at {target:g}/s each")
        if spare < wanted:
            return Decision(spare, f"{load} leaves {wanted - spare} to spare at {target:g}/s each")
        return Decision(wanted, f"{load} fits {wanted}")

    def _queue_rps(self, observation: Observation) -> float:
        if not self._config.drain_queue_s or not observation.queue_requests:
            return 0.0
        return observation.queue_requests / self._config.drain_queue_s
