"""Policies: functions from observations to a decision, one algorithm a file.

A policy is a class with a pydantic model `Config` of its options and a method `decide`. To add one, write a file and
add it to POLICIES; its key is the word under `policy:` in the policy file.
"""

from typing import Any, Protocol

from controller.model import Decision, Observation
from controller.policies.rules import Rules
from controller.policies.target import Target


class Policy(Protocol):
    """Decides from the newest observation; may remember older ones. Reads no clock: time is `observation.t_s`."""

    def decide(self, observation: Observation) -> Decision: ...

    def describe(self) -> list[str]:
        """The policy in words, one line a rule, for `--check`, the journal and the report."""
        ...


POLICIES: dict[str, Any] = {"rules": Rules, "target": Target}
