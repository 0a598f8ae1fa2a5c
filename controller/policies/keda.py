"""KEDA's ScaledObject: from zero to one and back by its own poll, and above one by an HPA that it feeds.

Source: kedacore/keda (main branch, 2026), pkg/scaling/executor/scale_scaledobjects.go, pkg/scaling/scale_handler.go,
pkg/fallback/fallback.go; the documentation of the ScaledObject.

- *Active* is the object while the value of a trigger is above that trigger's activation threshold. CPU triggers never
  activate; where there are no others it is always active.
- Every `polling_interval_s`: active at zero (or below the minimum, with an idle count): to the minimum, at least 1.
  Inactive for longer than `cooldown_period_s` with a minimum of 0 or an idle count: to zero or that count. The cooldown
  counts from the last poll that saw it active. A trigger with `push` is polled at every tick, but only activates.
- Between 1 and the maximum the policy `hpa` decides, with the triggers as External metrics (CPU ones as Resource) and
  a minimum of at least 1. At zero it rests.
- A trigger without a value has failed: then there is no scaling down to zero, and the HPA never shrinks. `fallback`:
  after more than `failure_threshold` failed evaluations of the HPA in a row the trigger's value is as if
  `replicas` were needed, target × replicas, for a Value target divided by the instances in service.

Different from KEDA: the HPA always reads fresh values; values are not combined by formulas; and a fallback never makes
the HPA shrink while there are no statistics at all.

Example:

    instances: {min: 0, max: 20}
    service: {overload: queue}
    apply: runtime
    policy:
      keda:
        triggers:
          - {metric: offered_rps, threshold: 8, activation_threshold: 0.5}
        polling_interval_s: 5
        cooldown_period_s: 60
        fallback: {failure_threshold: 3, replicas: 4}
"""

from dataclasses import replace

from controller.model import Decision, Observation, metric
from controller.policies.base import Period
from controller.policies.hpa import Hpa
from controller.policies.keda_config import KedaConfig
from controller.policies.keda_executor import Executor

PER_INSTANCE = {"rate_per_instance": "offered_rps", "in_flight_per_instance": "in_flight_requests"}


class Fallbacks:
    """Counts failures, and puts values in the place of those that have failed too often."""

    def __init__(self, config: KedaConfig) -> None:
        self._config = config
        self._failures = dict.fromkeys((trigger.metric for trigger in config.external), 0)

    def count(self, observation: Observation) -> None:
        """One evaluation of the HPA."""
        for name in self._failures:
            self._failures[name] = self._failures[name] + 1 if metric(observation, name) is None else 0

    def fill(self, observation: Observation) -> tuple[Observation, tuple[str, ...]]:
        """Where several triggers share a metric, the least value makes the largest of their proposals fit."""
        fallback, counts = self._config.fallback, observation.counts
        values: dict[str, float] = {}
        words = []
        for trigger in self._config.external:
            failures, share = self._failures[trigger.metric], 1
            if fallback is None or failures <= fallback.failure_threshold or not trigger.failed(observation):
                continue
            if trigger.metric_type == "Value":
                share = counts.in_service
            if share:
                replicas = fallback.count(counts.wanted)
                value = int(trigger.threshold * 1000 * replicas / share) / 1000
                words.append(f"fallback: {trigger} has failed {failures} times, taken as {value:g} for {replicas}")
                name = PER_INSTANCE.get(trigger.metric, trigger.metric)
                total = value if name == trigger.metric else value * counts.ordered
                values[name] = min(total, values.get(name, total))
        filled: Observation = replace(observation, **values)  # type: ignore[arg-type]
        return filled, tuple(words)


class Keda:
    """The policy `keda`."""

    Config = KedaConfig

    def __init__(self, config: KedaConfig) -> None:
        self._config = config
        self._hpa = Hpa(config.hpa())
        self._executor = Executor(config)
        self._fallbacks = Fallbacks(config)
        self._polls = Period(config.polling_interval_s)
        self._syncs = Period(config.sync_period_s)

    def decide(self, observation: Observation) -> Decision:
        config, current = self._config, observation.counts.wanted
        if config.paused_replicas is not None:
            return Decision(config.paused_replicas, f"paused at {config.paused_replicas}")
        if config.paused:
            return Decision(current, "paused")
        by_hpa = self._evaluate(observation)
        activity = self._executor.look(observation)
        pushed = activity.active and any(each.push and each.active(observation) for each in config.external)
        evaluated = bool(by_hpa.considered) or by_hpa.wanted != current
        if self._polls.due(observation.t_s) or pushed:
            polled = self._executor.poll(activity, observation.t_s, current)
            if polled.wanted != current or not evaluated:
                return replace(polled, considered=(f"HPA: {by_hpa.reason}", *by_hpa.considered))
            return replace(by_hpa, considered=(f"poll: {polled.reason}", *by_hpa.considered))
        if evaluated:
            return by_hpa
        return Decision(current, f"HPA: {by_hpa.reason}; next poll in {self._polls.left_s(observation.t_s):.1f} s")

    def _evaluate(self, observation: Observation) -> Decision:
        """What the HPA says, of values that stand in for failed ones where they have to."""
        if self._syncs.due(observation.t_s) and observation.counts.wanted >= self._config.least:
            self._fallbacks.count(observation)
        filled, words = self._fallbacks.fill(observation)
        decision = self._hpa.decide(filled)
        return replace(decision, considered=(*words, *decision.considered)) if decision.considered else decision

    def describe(self) -> list[str]:
        config = self._config
        if config.paused or config.paused_replicas is not None:
            return ["paused" if config.paused_replicas is None else f"paused at {config.paused_replicas}"]
        activation = ", ".join(f"{each.metric} above {each.activation_threshold:g}" for each in config.external)
        lines = [f"every {config.polling_interval_s:g} s: active with {activation or 'CPU triggers only, always'}"]
        if any(trigger.push for trigger in config.external):
            lines[0] += ", seen at once by " + ", ".join(str(trigger) for trigger in config.external if trigger.push)
        if config.min_replica_count == 0 or config.idle_replica_count is not None:
            lines.append(f"from {config.rest} to {config.least} when active, "
                         f"back after {config.cooldown_period_s:g} s of inactivity")  # fmt: skip
        lines += [f"above that an HPA, {line}" for line in self._hpa.describe()]
        if config.fallback:
            lines.append(f"after more than {config.fallback.failure_threshold} failures of a trigger in a row: "
                         f"as if it asked for {config.fallback.replicas} ({config.fallback.behavior})")  # fmt: skip
        return lines
