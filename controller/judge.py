"""A policy with its limits and its time: from an observation to what is to be done."""

from dataclasses import dataclass, replace

from controller.limits import Limited, Limiter
from controller.model import Decision, Observation
from controller.policies import Policy
from controller.spelling import plain


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy wants, and what the limits leave of it."""

    wanted: Decision
    limited: Limited


class Judge:
    """Decides at each tick. For it seconds pass `time_scale` times faster: constants that are minutes in production
    act within seconds here. Rates and latencies stay what they are."""

    def __init__(self, name: str, policy: Policy, limiter: Limiter, time_scale: float = 1.0) -> None:
        self.name = name
        self.time_scale = time_scale
        self._policy = policy
        self._limiter = limiter

    def decide(self, observation: Observation) -> Verdict:
        seen = scaled(observation, self.time_scale)
        wanted = readable(self._policy.decide(seen))
        return Verdict(wanted, self._limiter.apply(wanted, seen))


def readable(decision: Decision) -> Decision:
    """The same decision with words of one plain line each: they may hold names that a policy file gives."""
    if all(words.isprintable() for words in (decision.reason, *decision.considered)):
        return decision
    return replace(decision, reason=plain(decision.reason), considered=tuple(map(plain, decision.considered)))


def scaled(observation: Observation, factor: float) -> Observation:
    """The same observation on a time axis that is `factor` times longer."""
    if factor == 1:
        return observation
    instances = tuple(
        each._replace(ordered_s=factor * each.ordered_s, since_s=factor * each.since_s)
        for each in observation.instances
    )
    return replace(observation, t_s=factor * observation.t_s, instances=instances)
