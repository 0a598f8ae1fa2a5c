"""A fixed number of instances: the baseline that every other policy is compared with.

Example:

    policy:
      static: {wanted: 5}
"""

from pydantic import Field

from controller.model import Decision, Observation
from controller.policies.base import Strict


class StaticConfig(Strict):
    """Options under `static:`."""

    wanted: int = Field(ge=0, le=200)
    """[instances] How many, always."""


class Static:
    """The policy `static`."""

    Config = StaticConfig

    def __init__(self, config: StaticConfig) -> None:
        self._wanted = config.wanted

    def describe(self) -> list[str]:
        return [f"always {self._wanted}"]

    def decide(self, observation: Observation) -> Decision:
        if observation.missing and self._wanted < observation.counts.wanted:
            return Decision(observation.counts.wanted, f"{self._wanted} wanted, but nothing is known of the load")
        return Decision(self._wanted, f"always {self._wanted}")
