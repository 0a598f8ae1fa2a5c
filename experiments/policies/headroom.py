"""A policy of one's own, named in a policy file by `python: {class: experiments.policies.headroom.Headroom}`."""

import math

from controller.model import Decision, Observation


class Headroom:
    """As many instances as the offered rate needs, and `spare` more; as many as there are where it is unknown."""

    def __init__(self, rate_per_instance: float = 10.0, spare: int = 1) -> None:
        self._rate_per_instance = rate_per_instance
        self._spare = spare

    def describe(self) -> list[str]:
        return [f"{self._spare} more than {self._rate_per_instance:g} requests/s each need"]

    def decide(self, observation: Observation) -> Decision:
        if observation.offered_rps is None:
            return Decision(observation.counts.wanted, "the offered rate is unknown")
        needed = math.ceil(observation.offered_rps / self._rate_per_instance) + self._spare
        return Decision(needed, f"{observation.offered_rps:.3g} requests/s need {needed}, {self._spare} of them spare")
