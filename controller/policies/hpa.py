"""The Kubernetes HorizontalPodAutoscaler, `autoscaling/v2`.

Every 15 s each metric proposes a number of replicas, in essence ceil(replicas * metric / target), and none while the
ratio is within the tolerance of 1. The largest proposal counts; a metric that fails forbids to shrink. What results is
stabilised over windows, limited in its rate and bounded. `hpa_replicas` and `hpa_behavior` hold the two halves.

Source: kubernetes/kubernetes, releases 1.32 to 1.34, pkg/controller/podautoscaler/horizontal.go. A tolerance for each
direction came with 1.33 and is on by default since 1.35. Without `behavior` the API fills in none, and the older rules
of `PlainSettler` hold.

How the testbed's terms stand for those of Kubernetes:

- A pod is an instance in service, or one on its way there; what is held in the pool beyond that is none. On its way it
  is Pending until it uses CPU, then Running and not ready. One that drains or has failed is ignored.
- CPU usage is the mean over `cpu_window_s`, as metrics-server's is over its resolution of 15 s; an instance requests
  `cpu_request_percent` of a core.
- A Pods metric is what the instances report: CPU and requests in flight each its own, of the other totals those in
  service an equal share each, of latencies and means all the same value.
- An Object or External metric is the value for the whole service.
- At zero replicas it is paused, unless `minimum` is 0, which needs an Object or External metric (feature gate
  HPAScaleToZero): then these proposals start it again.
- A change counts towards the limits of the rate as it was carried out, after the bounds and limits of the policy file.

Example:

    instances: {min: 1, max: 20}
    time_scale: 10
    policy:
      hpa:
        metrics:
          - {type: Resource, average_utilization_percent: 50}
          - {type: Pods, metric: offered_rps, average_value: 8}
        behavior:
          scale_down: {stabilization_window_s: 60, policies: [{type: Percent, value: 10, period_s: 60}]}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.model import Decision, Observation, Phase, Sample, metric
from controller.policies.base import Period
from controller.policies.hpa_behavior import BehaviorSettler, PlainSettler, Settler
from controller.policies.hpa_config import HpaConfig, Metric
from controller.policies.hpa_replicas import (
    Average,
    Proposal,
    Readiness,
    Target,
    Utilization,
    by_average,
    by_instances,
    by_value,
    group,
    milli,
)
from controller.window import Window

TOTALS = {"offered_rps", "served_rps", "rejected_rps", "failed_rps", "queue_requests"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A change that was decided; by the next tick it is known what became of it."""

    at_s: float
    before: int
    wanted: int


class CpuMeans:
    """The mean CPU usage of each instance over a window, in thousandths of a core."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._windows: dict[str, Window] = {}

    def add(self, now_s: float, samples: Sequence[Sample]) -> None:
        self._windows = {each.name: self._windows.get(each.name, Window(self._window_s)) for each in samples}
        for each in samples:
            self._windows[each.name].trim(now_s)
            if each.cpu_percent is not None:
                self._windows[each.name].add(now_s, each.cpu_percent)

    def levels(self) -> dict[str, int]:
        known = {name: window for name, window in self._windows.items() if len(window)}
        return {name: milli(window.sum() / len(window) / 100) for name, window in known.items()}


class Hpa:
    """The policy `hpa`."""

    Config = HpaConfig

    def __init__(self, config: HpaConfig) -> None:
        self._config = config
        self._period = Period(config.sync_period_s)
        self._cpu = CpuMeans(config.cpu_window_s)
        self._settler = _settler(config)
        self._asked: Asked | None = None

    def describe(self) -> list[str]:
        tolerances = self._config.tolerances
        band = f"within {1 - tolerances.down:.3g} to {1 + tolerances.up:.3g} of it nothing changes"
        metrics = [f"every {self._config.sync_period_s:g} s: {each}; {band}" for each in self._config.metrics]
        return metrics + self._settler.describe()

    def decide(self, observation: Observation) -> Decision:
        now_s, current = observation.t_s, observation.counts.wanted
        self._cpu.add(now_s, observation.instances)
        self._note_change(current)
        if not self._period.due(now_s):
            return Decision(current, f"next evaluation in {self._period.left_s(now_s):.1f} s")
        decision = self._evaluate(observation)
        if decision.wanted != current:
            self._asked = Asked(now_s, current, decision.wanted)
        return decision

    def _note_change(self, current: int) -> None:
        """What came of the last decision: the bounds and limits of the policy file may have held it back."""
        asked, self._asked = self._asked, None
        if asked is None:
            return
        done = min(max(current, min(asked.before, asked.wanted)), max(asked.before, asked.wanted)) - asked.before
        if done:
            self._settler.changed(asked.at_s, done)

    def _evaluate(self, observation: Observation) -> Decision:
        current, bounds = observation.counts.wanted, self._config.bounds
        self._settler.recommendations.seed(observation.t_s, current)
        if current == 0 and bounds.minimum != 0:
            return Decision(0, "paused: at zero instances with a minimum above it")
        if current > bounds.maximum:
            return Decision(bounds.maximum, f"{current} is above the maximum {bounds.maximum}")
        if current < bounds.minimum:
            return Decision(bounds.minimum, f"{current} is below the minimum {bounds.minimum}")
        return self._by_metrics(observation)

    def _by_metrics(self, observation: Observation) -> Decision:
        current = observation.counts.wanted
        proposals = [self._propose(each, observation) for each in self._config.metrics]
        words = tuple(proposal.words for proposal in proposals)
        failed = observation.missing or next((each.words for each in proposals if each.wanted is None), "")
        sizes = [(each.wanted, each.words) for each in proposals if each.wanted is not None]
        if not sizes:
            return Decision(current, f"held at {current}: {failed}", words)
        desired, why = max(sizes, key=lambda size: size[0])
        if failed and desired < current:
            return Decision(current, f"held at {current}: {why}, but {failed}", words)
        settled = self._settler.settle(observation.t_s, current, desired)
        return Decision(settled.wanted, "; ".join((why, *settled.words)), words + settled.words)

    def _propose(self, spec: Metric, observation: Observation) -> Proposal:
        proposal = self._size(spec, observation)
        outcome = "" if proposal.wanted is None else f": {proposal.wanted} wanted"
        return Proposal(proposal.wanted, f"{spec.type} {spec.name} {proposal.words}{outcome}")

    def _size(self, spec: Metric, observation: Observation) -> Proposal:
        config, counts = self._config, observation.counts
        if spec.type in ("Resource", "Pods"):
            readiness = None
            if spec.type == "Resource":
                readiness = Readiness(config.cpu_initialization_period_s, config.initial_readiness_delay_s,
                                      config.cpu_window_s)  # fmt: skip
            pods = group(_pods(observation), self._levels(spec, observation), observation.t_s, readiness)
            return by_instances(pods, _target(spec, config), counts.wanted, config.tolerances)
        value = metric(observation, spec.name)
        if value is None:
            return Proposal(None, "is not known")
        if spec.average_value:
            return by_average(milli(value), milli(spec.average_value), _present(observation), config.tolerances)
        assert spec.value is not None
        ready = counts.in_service if _exist(observation) else None
        return by_value(milli(value), milli(spec.value), counts.wanted, ready, config.tolerances)

    def _levels(self, spec: Metric, observation: Observation) -> Mapping[str, int]:
        """What each instance reports."""
        if spec.name == "cpu_percent":
            levels = self._cpu.levels()
            return levels if spec.type == "Resource" else {name: 100 * level for name, level in levels.items()}
        if spec.name == "in_flight_requests":
            known = ((each.name, each.in_flight_requests) for each in observation.instances)
            return {name: milli(requests) for name, requests in known if requests is not None}
        value = metric(observation, spec.name)
        serving = [each.name for each in observation.instances if each.phase is Phase.IN_SERVICE]
        if value is None or not serving:
            return {}
        return dict.fromkeys(serving, milli(value / len(serving) if spec.name in TOTALS else value))


def _settler(config: HpaConfig) -> Settler:
    if config.behavior is None:
        return PlainSettler(config.downscale_stabilization_s, config.bounds)
    return BehaviorSettler(config.behavior, config.downscale_stabilization_s, config.bounds)


def _target(spec: Metric, config: HpaConfig) -> Target:
    if spec.average_utilization_percent:
        return Utilization(spec.average_utilization_percent, milli(config.cpu_request_percent / 100))
    assert spec.average_value is not None
    if spec.type == "Resource":
        return Average(milli(spec.average_value / 100), unit=10)
    return Average(milli(spec.average_value))


def _pods(observation: Observation) -> list[Sample]:
    """The instances in service and those on their way there, the nearest first; the pool is not wanted yet."""
    serving = [each for each in observation.instances if each.phase is Phase.IN_SERVICE]
    coming = [each for each in observation.instances if each.phase in (Phase.STANDBY, Phase.BOOTING)]
    coming.sort(key=lambda each: (each.phase is Phase.BOOTING, each.ordered_s, each.name))
    return serving + coming[: max(0, observation.counts.wanted - len(serving))]


def _present(observation: Observation) -> int:
    """How many pods the target has, as its status tells."""
    counts = observation.counts
    return counts.in_service + min(counts.booting + counts.standby, max(0, counts.wanted - counts.in_service))


def _exist(observation: Observation) -> bool:
    """Are there pods, be it only such that leave or have failed?"""
    leaving = any(each.phase in (Phase.STOPPING, Phase.FAILED) for each in observation.instances)
    return leaving or observation.counts.draining > 0 or _present(observation) > 0
