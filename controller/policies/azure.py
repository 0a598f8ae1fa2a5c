"""Azure Monitor autoscale: threshold rules over windows, as for Virtual Machine Scale Sets and App Service plans.

Source: the Azure Monitor documentation (MicrosoftDocs/azure-monitor-docs, articles/azure-monitor/autoscale/:
autoscale-understanding-settings.md of 2026-08-19, autoscale-flapping.md, autoscale-best-practices.md) and the REST
specification of Microsoft.Insights/autoscaleSettings, 2022-10-01. Every `evaluation_interval_s`:

1. A rule's value: in each finished `time_grain_s` the metric of the instances is combined by `statistic`; the points
   of the last `time_window_s` are combined by `time_aggregation`; `divide_per_instance` divides by the instances.
2. Out: if ANY increase rule is triggered, the largest result of those. Else in: if ALL decrease rules are triggered,
   the largest result of those, that is the smallest step.
3. A rule rests until its own `cooldown_s` has passed since the last scale action of any rule, in either direction.
4. Before a scale-in from N to n instances the value of each increase rule is projected: value × N / n. Where one would
   be triggered ("flapping"), n + 1, n + 2, ... are tried; when none below N is left, the scale-in is deferred.
5. While a metric cannot be read, the count is raised to `default_count` where it is below that, and never lowered.

What the documentation leaves open: percentages round up when they add and down when they remove, to at least one
instance; the grain that is going on is not looked at, and before the first is finished nothing is missing; a metric
that is one value for the whole fleet has no instances to combine; of "every 30 to 60 seconds" it is 30.

Example:

    instances: {min: 1, max: 20}
    policy:
      azure:
        rules:
          - {metric: cpu_percent, time_grain_s: 10, time_window_s: 30, operator: greater_than, threshold: 60,
             direction: increase, value: 2, cooldown_s: 30}
          - {metric: cpu_percent, time_grain_s: 10, time_window_s: 60, operator: less_than, threshold: 25,
             direction: decrease, cooldown_s: 60}
"""

import math

from pydantic import Field

from controller.model import Decision, Observation
from controller.policies.azure_rules import Reading, Rule, Series, scaled, seen
from controller.policies.base import Bounded, Period
from controller.policies.moves import Moves


class AzureConfig(Bounded):
    """Options under `azure:`, the default profile of an autoscale setting."""

    rules: list[Rule] = Field(max_length=10)
    """Any increase rule scales out, all decrease rules together scale in."""
    default_count: int = Field(default=1, ge=0)
    """[instances] At least so many while a metric cannot be read."""
    evaluation_interval_s: float = Field(default=30, gt=0, le=3600)
    """After this time it decides again."""

    def clamp(self, count: int) -> int:
        count = count if self.maximum is None else min(count, self.maximum)
        return count if self.minimum is None else max(count, self.minimum)


class Azure:
    """The policy `azure`."""

    Config = AzureConfig

    def __init__(self, config: AzureConfig) -> None:
        self._config = config
        self._series = [(rule, Series(rule)) for rule in config.rules]
        self._period = Period(config.evaluation_interval_s)
        self._moves = Moves()
        self._acted_s = -math.inf

    def describe(self) -> list[str]:
        config = self._config
        return [
            *(str(rule) for rule in config.rules),
            f"evaluated every {config.evaluation_interval_s:g} s: any increase rule scales out, all decrease rules "
            "together scale in, as far as no increase rule would follow",
            f"at least {config.default_count} while a metric is unknown",
        ]

    def decide(self, observation: Observation) -> Decision:
        now_s, wanted = observation.t_s, observation.counts.wanted
        move = self._moves.see(now_s, wanted)
        if move is not None and move.asked:  # one to the bounds or by hand is no scale action
            self._acted_s = move.at_s
        for rule, series in self._series:
            series.add(now_s, seen(observation, rule.metric))
        if self._period.due(now_s):
            decision = self._evaluate(observation)
        else:
            decision = Decision(wanted, f"next evaluation in {self._period.left_s(now_s):.1f} s")
        self._moves.decide(decision.wanted)
        return decision

    def _evaluate(self, observation: Observation) -> Decision:
        wanted = observation.counts.wanted
        readings = [self._read(rule, series, observation) for rule, series in self._series]
        considered = tuple(f"rule {index} ({each.rule.action}): {each}" for index, each in enumerate(readings))
        outs = [reading for reading in readings if reading.fires and reading.rule.direction == "increase"]
        out = max((self._config.clamp(each.rule.result(wanted)) for each in outs), default=wanted)
        default = self._default(readings)
        if default is not None and default > max(wanted, out):
            why = self._blind(readings, observation)
            return Decision(default, f"{why}: raised to the default count {default}", considered)
        if outs:
            winner = max(outs, key=lambda reading: reading.rule.result(wanted))
            return Decision(max(wanted, out), f"{winner}: {winner.rule.action} from {wanted}", considered)
        blind = self._blind(readings, observation)
        if blind:
            return Decision(wanted, f"held, {blind}", considered)
        return self._in(readings, wanted, considered)

    def _read(self, rule: Rule, series: Series, observation: Observation) -> Reading:
        value = series.value()
        if value is not None and rule.divide_per_instance:
            value = scaled(value, 1, observation.counts.wanted)
        left_s = self._acted_s + rule.cooldown_s - observation.t_s
        return Reading(rule, value, left_s if left_s > 1e-9 else 0.0)

    def _young(self) -> bool:
        return any(series.young for _, series in self._series)

    def _default(self, readings: list[Reading]) -> int | None:
        """The count to have at least while a metric cannot be read."""
        unknown = any(reading.value is None for reading in readings)
        return self._config.clamp(self._config.default_count) if unknown and not self._young() else None

    def _blind(self, readings: list[Reading], observation: Observation) -> str:
        """Why the fleet must not shrink now, nothing where all is known."""
        if observation.missing:
            return f"no data: {observation.missing}"
        if self._young():
            return "the first points are not finished"
        return next((str(reading) for reading in readings if reading.value is None), "")

    def _in(self, readings: list[Reading], wanted: int, considered: tuple[str, ...]) -> Decision:
        """The smallest step of all, made smaller still until no increase rule would follow."""
        ins = [reading for reading in readings if reading.rule.direction == "decrease"]
        if not ins or not all(reading.fires for reading in ins):
            some = any(reading.triggered for reading in ins)
            summary = "not all scale-in rules fire" if some else "no rule fires"
            return Decision(wanted, "; ".join([summary, *map(str, readings)]), considered)
        winner = max(ins, key=lambda reading: reading.rule.result(wanted))
        intended = min(wanted, self._config.clamp(winner.rule.result(wanted)))
        tried: list[str] = []
        for count in range(intended, wanted):
            flap = _flap(readings, wanted, count)
            if not flap:
                less = f", not {intended} to avoid flapping" if tried else ""
                reason = f"{winner}: {winner.rule.action} from {wanted} to {count}{less}"
                return Decision(count, reason, (*considered, *tried))
            tried.append(flap)
        if not tried:
            return Decision(wanted, f"{winner}, and nothing to remove from {wanted}", considered)
        return Decision(wanted, f"scale-in deferred to avoid flapping: {tried[-1]}", (*considered, *tried))


def _flap(readings: list[Reading], wanted: int, count: int) -> str:
    """The first increase rule that would be triggered after a scale-in, in words."""
    outs = (reading for reading in readings if reading.rule.direction == "increase")
    return next((flap for reading in outs if (flap := reading.flaps(wanted, count))), "")
