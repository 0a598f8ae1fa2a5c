"""HashiCorp Nomad Autoscaler: checks, each with a strategy that votes for a count.

Source: hashicorp/nomad-autoscaler 0.5.0, policy/handler.go, policy/check.go, sdk/strategy.go and
plugins/builtin/strategy/. Every `evaluation_interval_s`:

1. Each check takes the points of its metric from [now - offset - window, now - offset], one per `query_step_s` (the
   Prometheus plug-in asks for one per second), and its strategy (nomad_checks.py) votes. The vote is capped to minimum
   and maximum.
   - target-value: ceil(count × newest / target), none while |newest / target - 1| ≤ threshold; from zero the ratio
   - threshold: delta, percentage (ceil(count × (1 + p / 100))) or value, when enough points lie within the bounds
   - fixed-value: the value
   - pass-through: the newest point, its fraction cut off
2. In a named group the votes for no change are left out unless all are such. Then the safest vote of all wins: up
   before none before down, and of several ups or downs the highest count, so the highest in any case. Thus a check
   that wants no change prevents a scale-in, and so does a threshold that is out of bounds, unless one that is within is
   in its group.
3. After an action nothing is done for `cooldown_on_scale_up_s` (after an up; default `cooldown_s`) or `cooldown_s`
   (after a down); after a change that came from elsewhere for the shorter one.

Without data the whole evaluation fails. The documentation lets `on_check_error: ignore` leave out such a check; the
source does so only for errors of a strategy, of which none is possible here. So the default is `fail`; `ignore` does as
documented, yet nothing shrinks while a check has no data. A share of no instances is infinite and asks for one more.
The wait of several policies for one another, drains and schedules have no counterpart.

Example:

    instances: {min: 1, max: 20}
    policy:
      nomad:
        checks:
          - {name: sessions, metric: in_flight_per_instance, query_window_s: 5, strategy: {target_value: {target: 2}}}
          - {name: queue, metric: queue_requests, query_window_s: 5,
             strategy: {threshold: {lower_bound: 1, within_bounds_trigger: 3, percentage: 50}}}
        cooldown_s: 20
        cooldown_on_scale_up_s: 5
"""

import math
from collections import defaultdict
from dataclasses import replace
from typing import Literal

from pydantic import Field, model_validator

from controller.model import Decision, Observation, metric
from controller.policies.base import Bounded, Period
from controller.policies.moves import Moves
from controller.policies.nomad_checks import Check, Points, Vote


class NomadConfig(Bounded):
    """Options under `nomad:`, those of a `scaling` block."""

    checks: list[Check] = Field(min_length=1)
    """The highest vote counts."""
    evaluation_interval_s: float = Field(default=10, gt=0, le=86_400)
    """After this time it decides again."""
    cooldown_s: float = Field(default=300, ge=0, le=604_800)
    """The rest after a change."""
    cooldown_on_scale_up_s: float | None = Field(default=None, ge=0, le=604_800)
    """The rest after more instances; none: `cooldown_s`."""
    on_check_error: Literal["ignore", "fail"] = "fail"
    """What a check without data does: it is left out, or nothing is done at all."""
    query_step_s: float = Field(default=1, gt=0, le=3600)
    """A metric has a point each so often."""

    @model_validator(mode="after")
    def _consistent(self) -> "NomadConfig":
        names = [check.name for check in self.checks]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"check {twice} is given twice")
        return self

    @property
    def cooldown_up_s(self) -> float:
        return self.cooldown_s if self.cooldown_on_scale_up_s is None else self.cooldown_on_scale_up_s


class Nomad:
    """The policy `nomad`."""

    Config = NomadConfig

    def __init__(self, config: NomadConfig) -> None:
        self._config = config
        self._points = [(check, Points(check, config.query_step_s)) for check in config.checks]
        self._step, self._period = Period(config.query_step_s), Period(config.evaluation_interval_s)
        self._moves = Moves()
        self._free_s, self._rests_after = -math.inf, ""

    def describe(self) -> list[str]:
        config = self._config
        return [
            *map(str, config.checks),
            f"evaluated every {config.evaluation_interval_s:g} s; cooldown {config.cooldown_up_s:g} s after an up, "
            f"{config.cooldown_s:g} s after a down",
        ]

    def decide(self, observation: Observation) -> Decision:
        now_s, wanted = observation.t_s, observation.counts.wanted
        self._watch(now_s, wanted)
        if self._step.due(now_s) and not observation.missing:
            for check, points in self._points:
                value = metric(observation, check.metric)
                if value is not None:
                    points.add(now_s, value)
        if self._period.due(now_s):
            decision = self._evaluate(observation)
        else:
            decision = Decision(wanted, f"next evaluation in {self._period.left_s(now_s):.1f} s")
        self._moves.decide(decision.wanted)
        return decision

    def _watch(self, now_s: float, wanted: int) -> None:
        """Each change of the count starts a cooldown."""
        move = self._moves.see(now_s, wanted)
        if move is None:
            return
        up_s, down_s = self._config.cooldown_up_s, self._config.cooldown_s
        if move.asked:
            length_s, self._rests_after = (up_s, "an up") if move.step > 0 else (down_s, "a down")
        else:
            length_s, self._rests_after = min(up_s, down_s), "a change from elsewhere"
        self._free_s = move.at_s + length_s

    def _evaluate(self, observation: Observation) -> Decision:
        now_s, wanted = observation.t_s, observation.counts.wanted
        votes = [(check, self._vote(check, points, now_s, wanted)) for check, points in self._points]
        considered = tuple(f"check {check.name}: {vote.words}" for check, vote in votes)
        fails = [check for check, vote in votes if not vote.known and self._on_error(check) == "fail"]
        if fails:
            return Decision(wanted, f"held, the evaluation failed: no data for check {fails[0].name}", considered)
        name, winner = _winner(votes)
        if winner.count == wanted:
            return Decision(wanted, f"no change: {'; '.join(considered)}", considered)
        if winner.count < wanted and (observation.missing or not all(vote.known for _, vote in votes)):
            return Decision(wanted, f"held, no data: {observation.missing or 'not for all checks'}", considered)
        if now_s < self._free_s - 1e-9:
            rest = f"cooldown after {self._rests_after}, {self._free_s - now_s:.1f} s left"
            return Decision(wanted, f"held, {rest}; check {name} wants {winner.count}", considered)
        return Decision(winner.count, f"check {name}: {winner.words}", considered)

    def _on_error(self, check: Check) -> str:
        return check.on_error or self._config.on_check_error

    def _vote(self, check: Check, points: Points, now_s: float, wanted: int) -> Vote:
        """One check's vote, capped, with its words; a vote for no change where there is no data."""
        found = points.within(now_s)
        if not found and not check.blind:
            return Vote(wanted, 0, f"{check.metric} is not known", known=False)
        vote = check.strategy.the.vote(found, wanted)
        capped = self._capped(vote, wanted)
        what = f"{check.metric} {vote.words}: " if vote.words else ""
        cap = f", capped to {capped}" if capped != vote.count else ""
        return replace(vote, count=capped, words=f"{what}{vote.count} wanted{cap}")

    def _capped(self, vote: Vote, wanted: int) -> int:
        """Within the bounds, yet never against the vote's own direction."""
        count = vote.count if self._config.maximum is None else min(vote.count, self._config.maximum)
        count = count if self._config.minimum is None else max(count, self._config.minimum)
        return max(wanted, count) if vote.direction > 0 else min(wanted, count) if vote.direction < 0 else wanted


def _count(named: tuple[str, Vote]) -> int:
    return named[1].count


def _winner(votes: list[tuple[Check, Vote]]) -> tuple[str, Vote]:
    """The safest vote of all groups, that is the highest count, with the name of its check."""
    groups: dict[str, list[tuple[str, Vote]]] = defaultdict(list)
    for check, vote in votes:
        groups[check.group].append((check.name, vote))
    winners = []
    for group, named in groups.items():
        moving = [each for each in named if each[1].direction]
        winners.append(max(moving if group and moving else named, key=_count))
    return max(winners, key=_count)
