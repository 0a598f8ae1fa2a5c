"""Documents of AWS that several tests of their reader share, and what becomes of them.

The examples hold the configurations of the AWS guides' examples, in the form of --cli-input-json where the guide gives
options of the command: aws_target_*, aws_step, aws_simple and aws_predictive of the EC2 Auto Scaling User Guide
(examples-scaling-policies.md, as-scaling-simple-step.md), aws_application_* of the Application Auto Scaling User Guide
(create-step-scaling-policy-cli.md, application-auto-scaling-target-tracking.md).
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from controller.foreign import PlaceError, Translation
from controller.foreign.aws import read
from controller.policies.aws_simple import SimpleScaling
from controller.policies.aws_step import StepScaling
from controller.policies.aws_target_tracking import TargetTracking

EXAMPLES = Path(__file__).parent / "examples"
POLICIES: dict[str, Any] = {"aws-target-tracking": TargetTracking, "aws-step": StepScaling, "aws-simple": SimpleScaling}


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"aws_{name}.json").read_text())


def options(translation: Translation) -> list[dict[str, Any]]:
    """The options of the one policy, after the policy itself could be made of them."""
    ((name, found),) = translation.policy.items()
    assert POLICIES[name](POLICIES[name].Config.model_validate(found)).describe()
    return list(found)


def failure(document: Any, **names: str) -> str:
    with pytest.raises(PlaceError) as caught:
        read(document, names)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(document: Any, place: str, value: Any) -> Any:
    """The document with another value at a place such as `0.policy.Cooldown`."""
    made = copy.deepcopy(document)
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    inner = made
    for part in path:
        inner = inner[part]
    inner[last] = value
    return made


def tracked(metric: dict[str, Any], value: float = 50) -> dict[str, Any]:
    return {"TargetValue": value, "CustomizedMetricSpecification": metric}


def step(**alarm: Any) -> dict[str, Any]:
    """The guide's step policy of Application Auto Scaling, with another alarm; None leaves a key out."""
    document = example("application_step")
    document["alarm"] = {key: each for key, each in {**document["alarm"], **alarm}.items() if each is not None}
    made: dict[str, Any] = document
    return made


def alarm_of(document: dict[str, Any], **names: str) -> dict[str, Any]:
    found: dict[str, Any] = options(read(document, names))[0]["alarm"]
    return found
