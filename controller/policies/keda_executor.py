"""The part of KEDA that goes to zero and back, at each poll.

Source: kedacore/keda (main branch, 2026), pkg/scaling/executor/scale_scaledobjects.go and the activity in
pkg/scaling/scale_handler.go.
"""

from dataclasses import dataclass

from controller.model import Decision, Observation, metric
from controller.policies.keda_config import KedaConfig, Trigger


@dataclass(frozen=True, slots=True)
class Activity:
    """What a poll saw: is it active, has a trigger failed, and that in words."""

    active: bool
    failed: bool
    words: str


class Executor:
    """The part of KEDA that goes to zero and back."""

    def __init__(self, config: KedaConfig) -> None:
        self._config = config
        self._created_s: float | None = None
        self._active_s: float | None = None

    def look(self, observation: Observation) -> Activity:
        config = self._config
        words = observation.missing or ", ".join(_value(trigger, observation) for trigger in config.external)
        active = [str(trigger) for trigger in config.external if trigger.active(observation)]
        failed = bool(observation.missing) or any(trigger.failed(observation) for trigger in config.external)
        if config.force_activation:
            return Activity(True, failed, "activation is forced")
        if not config.external:
            return Activity(True, False, "only CPU triggers: always active")
        if active:
            return Activity(True, failed, f"active by {', '.join(active)} ({words})")
        return Activity(False, failed, f"no trigger is active ({words})")

    def poll(self, activity: Activity, now_s: float, current: int) -> Decision:
        """One poll; the HPA decides on what this leaves as it is."""
        config = self._config
        self._created_s = now_s if self._created_s is None else self._created_s
        if activity.active:
            return self._up(activity, now_s, current)
        if activity.failed and (config.fallback is None or config.fallback.replicas):
            return Decision(current, f"{activity.words}: a trigger has failed, so nothing is done")
        if current > config.rest and (config.min_replica_count == 0 or config.idle_replica_count is not None):
            return self._down(activity, now_s, current)
        if config.idle_replica_count is None and current < config.min_replica_count:
            return Decision(config.min_replica_count, f"{activity.words}: up to the minimum {config.min_replica_count}")
        return Decision(current, activity.words)

    def _up(self, activity: Activity, now_s: float, current: int) -> Decision:
        config = self._config
        if current == 0 or (config.idle_replica_count is not None and current < config.min_replica_count):
            if config.paused_scale_out:
                return Decision(current, f"{activity.words}, but scaling out is paused")
            self._active_s = now_s
            return Decision(config.least, f"{activity.words}: from {current} to {config.least}")
        if activity.failed:
            return Decision(current, f"{activity.words}, but a trigger has failed")
        self._active_s = now_s
        return Decision(current, activity.words)

    def _down(self, activity: Activity, now_s: float, current: int) -> Decision:
        """The cooldown counts from the last activity; before the first one another counts from the start."""
        config = self._config
        if config.paused_scale_in:
            return Decision(current, f"{activity.words}, but scaling in is paused")
        if self._active_s is None:
            assert self._created_s is not None
            left_s = self._created_s + config.initial_cooldown_period_s - now_s
            over, period = left_s <= 0, f"initial cooldown of {config.initial_cooldown_period_s:g} s"
        else:
            left_s = self._active_s + config.cooldown_period_s - now_s
            over, period = left_s < 0, f"cooldown of {config.cooldown_period_s:g} s"
        if over:
            return Decision(config.rest, f"{activity.words}, {period} is over: from {current} to {config.rest}")
        return Decision(current, f"{activity.words}, {period}: {left_s:.1f} s left")


def _value(trigger: Trigger, observation: Observation) -> str:
    value = metric(observation, trigger.metric)
    known = "not known" if value is None else f"{value:.4g}, active above {trigger.activation_threshold:g}"
    return f"{trigger} {known}"
