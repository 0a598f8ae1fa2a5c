"""Policies: functions from observations to a decision, one algorithm a file.

A policy is a class with a pydantic model `Config` of its options and a method `decide`; docs/adding-a-policy.md shows
how to add one. Its key in POLICIES is the word under `policy:` in the policy file.
"""

from typing import Any, Protocol

from controller.model import Decision, Observation
from controller.policies.aws_simple import SimpleScaling
from controller.policies.aws_step import StepScaling
from controller.policies.aws_target_tracking import TargetTracking
from controller.policies.azure import Azure
from controller.policies.hpa import Hpa
from controller.policies.keda import Keda
from controller.policies.kpa import Kpa
from controller.policies.nomad import Nomad
from controller.policies.predictive import Predictive
from controller.policies.python import Python
from controller.policies.queueing import Queueing
from controller.policies.ray_serve import RayServe
from controller.policies.rules import Rules
from controller.policies.scheduled import Scheduled
from controller.policies.skypilot import SkyPilot
from controller.policies.static import Static
from controller.policies.target import Target


class Policy(Protocol):
    """Decides from the newest observation; may remember older ones. Reads no clock: time is `observation.t_s`."""

    def decide(self, observation: Observation) -> Decision: ...

    def describe(self) -> list[str]:
        """The policy in words, one line a rule, for `--check`, the journal and the report."""
        ...


POLICIES: dict[str, Any] = {
    "rules": Rules,
    "target": Target,
    "static": Static,
    "scheduled": Scheduled,
    "queueing": Queueing,
    "predictive": Predictive,
    "hpa": Hpa,
    "kpa": Kpa,
    "keda": Keda,
    "aws-target-tracking": TargetTracking,
    "aws-step": StepScaling,
    "aws-simple": SimpleScaling,
    "azure": Azure,
    "nomad": Nomad,
    "ray-serve": RayServe,
    "skypilot": SkyPilot,
    "python": Python,
}
