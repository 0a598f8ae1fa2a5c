"""Scaling policies of EC2 Auto Scaling and of Application Auto Scaling, as the AWS CLI takes them.

Formats: the input of `aws autoscaling put-scaling-policy` and of `aws application-autoscaling put-scaling-policy`
(botocore, autoscaling/2011-01-01 and application-autoscaling/2016-02-06), whole (--cli-input-json) or only the file
of --target-tracking-configuration, --target-tracking-scaling-policy-configuration or
--step-scaling-policy-configuration. Step and simple scaling need an alarm (`aws cloudwatch put-metric-alarm`), which
stands beside its policy as {"policy": {...}, "alarm": {...}}; a list holds several policies of one kind.

Defaults are AWS's: on EC2 a warm-up, or for simple scaling a cooldown, of 300 s, on Application Auto Scaling cooldowns
of 300 s each and no warm-up. Predictive scaling cannot be read, it needs a day's history at least.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.foreign import MetricNames, PlaceError, Translation, aws_alarm
from controller.foreign.aws_alarm import checked
from controller.foreign.aws_metrics import PREDEFINED, Measure, predefined, queried, single
from controller.foreign.keys import AWS_PAIR, AWS_POLICY, check_keys
from controller.foreign.values import at, choice, explained, flag, get, listing, mapping, number, whole
from controller.policies.aws_simple import SimplePolicy
from controller.policies.aws_step import StepPolicy
from controller.policies.aws_target_tracking import TargetOptions

TARGET, STEP, SIMPLE = "aws-target-tracking", "aws-step", "aws-simple"
TYPES = {"TargetTrackingScaling": TARGET, "StepScaling": STEP, "SimpleScaling": SIMPLE}
EC2_TARGET, APPLICATION_TARGET = "TargetTrackingConfiguration", "TargetTrackingScalingPolicyConfiguration"
APPLICATION_STEP = "StepScalingPolicyConfiguration"
SIGNS = {EC2_TARGET: TARGET, APPLICATION_TARGET: TARGET, "TargetValue": TARGET, APPLICATION_STEP: STEP,
         "StepAdjustments": STEP, "ScalingAdjustment": SIMPLE}  # fmt: skip
PREDICTIVE = ("PredictiveScalingConfiguration", "PredictiveScalingPolicyConfiguration", "MetricSpecifications")
ADJUSTMENTS = {word: word for word in ("ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity")}
AGGREGATIONS = {word: word for word in ("Average", "Minimum", "Maximum")}
WHICH = "about the resource, not about its size"
METRIC = "there is one fleet here, and its metrics have fixed units and no dimensions"
WHY = {
    **dict.fromkeys(("AutoScalingGroupName", "PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension",
                     "PolicyARN", "AlarmName", "AlarmDescription", "Tags", "CreationTime", "Alarms"), WHICH),
    **dict.fromkeys(("ResourceLabel", "Namespace", "Dimensions", "Unit", "Metrics"), METRIC),
    **dict.fromkeys(("OKActions", "AlarmActions", "InsufficientDataActions"),
                    "an alarm invokes the policy that it stands beside, and nobody is notified"),
    "EvaluateLowSampleCountPercentile": "percentiles are always evaluated here",
    "MinAdjustmentStep": "AWS has replaced it by MinAdjustmentMagnitude",
    "MinAdjustmentMagnitude": "for PercentChangeInCapacity only",
    "Cooldown": "for simple scaling on EC2, and for step scaling on Application Auto Scaling only",
    "EstimatedInstanceWarmup": "for target tracking and step scaling on EC2 only",
    **dict.fromkeys(("ScaleOutCooldown", "ScaleInCooldown"), "for Application Auto Scaling only"),
    "MetricAggregationType": "for step scaling only",
}  # fmt: skip


@dataclass
class _Reading:
    """One policy of the file, as it is read."""

    place: str
    policy: Mapping[str, Any]
    alarm_place: str
    alarm: Mapping[str, Any] | None
    names: MetricNames
    used: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def whole(self, place: str, holder: Mapping[str, Any], key: str, default: int) -> int:
        """A whole number, or what AWS takes where there is none, which is told."""
        self.used.append(at(place, key))
        if holder.get(key) is not None:
            return whole(at(place, key), holder[key])
        self.words.append(f"no {key}: {default} s, as AWS has it")
        return default


def read(document: Mapping[str, Any] | list[Any], names: MetricNames) -> Translation:
    """The policies of a document as options of `aws-target-tracking`, `aws-step` or `aws-simple`."""
    readings = [_item(place, each, names) for place, each in _items(document)]
    kinds = [_kind(reading) for reading in readings]
    for reading, kind in zip(readings, kinds, strict=True):
        if kind != kinds[0]:
            raise PlaceError(reading.place, f"is of another kind ({kind}) than the first ({kinds[0]}); policies of one "
                                            "kind only can act together here")  # fmt: skip
    options = [READERS[kind](reading) for reading, kind in zip(readings, kinds, strict=True)]
    used = [place for reading in readings for place in reading.used]
    words = tuple(word for reading in readings for word in reading.words)
    unused = (*(each for reading in readings for each in reading.unused), *explained(document, used, WHY))
    return Translation({kinds[0]: options}, mapped=words, unused=unused)


def _items(document: Mapping[str, Any] | list[Any]) -> list[tuple[str, Any]]:
    if not isinstance(document, list):
        return [("", document)]
    if not document:
        raise PlaceError("", "is an empty list; must hold at least one scaling policy")
    return [(f"[{number}]", each) for number, each in enumerate(document)]


def _item(place: str, item: Any, names: MetricNames) -> _Reading:
    found = mapping(place, item)
    if "policy" not in found:
        check_keys(found, AWS_POLICY, place)
        return _Reading(place, found, "", None, names)
    check_keys(found, AWS_PAIR, place)
    policy_at, alarm_at = at(place, "policy"), at(place, "alarm")
    alarm = None if found.get("alarm") is None else mapping(alarm_at, found["alarm"])
    return _Reading(policy_at, mapping(policy_at, found["policy"]), alarm_at, alarm, names)


def _kind(reading: _Reading) -> str:
    place, policy = reading.place, reading.policy
    stated = policy.get("PolicyType")
    if str(stated).lower() == "predictivescaling" or any(key in policy for key in PREDICTIVE):
        raise PlaceError(place, "predictive scaling forecasts from a day of history at least, which no run here has; "
                                f"PolicyType must be one of {', '.join(TYPES)}")  # fmt: skip
    if policy.get("Enabled") is not None and not flag(at(place, "Enabled"), policy["Enabled"]):
        raise PlaceError(at(place, "Enabled"), "False: a disabled policy never scales; must be true")
    reading.used += [at(place, "PolicyType"), at(place, "Enabled")]
    if stated is not None:
        return choice(at(place, "PolicyType"), stated, TYPES)
    for sign, kind in SIGNS.items():
        if sign in policy:
            return kind
    raise PlaceError(place, f"is no scaling policy: it has neither PolicyType nor one of {', '.join(SIGNS)}")


def _inner(reading: _Reading, *keys: str) -> tuple[str, Mapping[str, Any]]:
    """The configuration under one of these keys, else the policy itself."""
    for key in keys:
        if reading.policy.get(key) is not None:
            here = at(reading.place, key)
            return here, mapping(here, reading.policy[key])
    return reading.place, reading.policy


def _target_tracking(reading: _Reading) -> dict[str, Any]:
    place, config = _inner(reading, EC2_TARGET, APPLICATION_TARGET)
    value = number(at(place, "TargetValue"), get(place, config, "TargetValue"))
    measure = _tracked(reading, place, config)
    if value <= 0:
        raise PlaceError(at(place, "TargetValue"), f"{value:g}: must be above 0")
    reading.used += [at(place, "TargetValue"), at(place, "DisableScaleIn")]
    if reading.alarm is not None:
        reading.used.append(reading.alarm_place)
        reading.unused.append(f"{reading.alarm_place}: target tracking makes its own alarms")
    reading.words.insert(0, measure.words("at", value))
    options = {
        "metric": measure.metric,
        "statistic": measure.statistic,
        "target": value * measure.factor,
        "period_s": measure.period_s,
        "disable_scale_in": flag(at(place, "DisableScaleIn"), config.get("DisableScaleIn") or False),
    }
    if _of_application(reading, config):
        options |= {"warmup_s": 0, "scale_out_cooldown_s": reading.whole(place, config, "ScaleOutCooldown", 300),
                    "scale_in_cooldown_s": reading.whole(place, config, "ScaleInCooldown", 300)}  # fmt: skip
    else:
        options["warmup_s"] = reading.whole(reading.place, reading.policy, "EstimatedInstanceWarmup", 300)
    checked(place, TargetOptions, options)
    return options


def _of_application(reading: _Reading, config: Mapping[str, Any]) -> bool:
    """Is it a policy of Application Auto Scaling? A bare configuration tells by what only that has."""
    if any(key in reading.policy for key in (APPLICATION_TARGET, APPLICATION_STEP, "ServiceNamespace")):
        return True
    if EC2_TARGET in reading.policy:
        return False
    specification = config.get("PredefinedMetricSpecification") or {}
    metric = str(specification.get("PredefinedMetricType", ""))
    elsewhere = bool(metric) and not metric.startswith(("ASG", "ALB"))
    return elsewhere or "ScaleOutCooldown" in config or "ScaleInCooldown" in config


def _tracked(reading: _Reading, place: str, config: Mapping[str, Any]) -> Measure:
    """The metric that is tracked: exactly one specification says which."""
    keys = [key for key in ("PredefinedMetricSpecification", "CustomizedMetricSpecification") if config.get(key)]
    if len(keys) != 1:
        raise PlaceError(place, f"must have exactly one of PredefinedMetricSpecification (of {', '.join(PREDEFINED)}) "
                                "and CustomizedMetricSpecification")  # fmt: skip
    here = at(place, keys[0])
    specification = mapping(here, config[keys[0]])
    if keys[0].startswith("Predefined"):
        reading.used.append(at(here, "PredefinedMetricType"))
        return predefined(here, specification, reading.names)
    if specification.get("Metrics") is not None:
        measure, used = queried(at(here, "Metrics"), specification["Metrics"], reading.names)
        reading.used += used
        return measure
    reading.used += [at(here, key) for key in ("MetricName", "Statistic", "Period")]
    period_s = whole(at(here, "Period"), specification.get("Period") or 60, 1)
    return single(here, specification, reading.names, period_s, "Statistic")


def _step(reading: _Reading) -> dict[str, Any]:
    place, config = _inner(reading, APPLICATION_STEP)
    bare = reading.policy is config and not any(key in config for key in ("PolicyType", "PolicyName"))
    options = _adjustment(reading, place, config)
    steps_at = at(place, "StepAdjustments")
    found = listing(steps_at, get(place, config, "StepAdjustments"))
    options["steps"] = [_adjust(reading, f"{steps_at}[{index}]", each) for index, each in enumerate(found)]
    here, aggregation = at(place, "MetricAggregationType"), config.get("MetricAggregationType") or "Average"
    options["metric_aggregation_type"] = choice(here, aggregation, AGGREGATIONS)
    reading.used.append(here)
    if bare or _of_application(reading, config):
        options |= {"warmup_s": 0, "cooldown_s": reading.whole(place, config, "Cooldown", 300)}
    else:
        options["warmup_s"] = reading.whole(place, config, "EstimatedInstanceWarmup", 300)
    options["alarm"] = _alarm(reading, any("upper" not in each for each in options["steps"]))
    checked(steps_at, StepPolicy, options)
    return options


def _adjust(reading: _Reading, place: str, found: Any) -> dict[str, Any]:
    step = mapping(place, found)
    bounds = {"lower": "MetricIntervalLowerBound", "upper": "MetricIntervalUpperBound"}
    reading.used += [at(place, key) for key in (*bounds.values(), "ScalingAdjustment")]
    options: dict[str, Any] = {
        ours: number(at(place, key), step[key]) for ours, key in bounds.items() if step.get(key) is not None
    }
    adjust = whole(at(place, "ScalingAdjustment"), get(place, step, "ScalingAdjustment"), None)
    return {**options, "adjust": adjust}


def _simple(reading: _Reading) -> dict[str, Any]:
    place, policy = reading.place, reading.policy
    options = _adjustment(reading, place, policy)
    options["adjust"] = whole(at(place, "ScalingAdjustment"), get(place, policy, "ScalingAdjustment"), None)
    reading.used.append(at(place, "ScalingAdjustment"))
    options["cooldown_s"] = reading.whole(place, policy, "Cooldown", 300)
    if options["adjustment_type"] == "ExactCapacity" and reading.alarm is None:
        raise PlaceError(place, 'an ExactCapacity needs its alarm: {"policy": {...}, "alarm": {...}}')
    options["alarm"] = _alarm(reading, options["adjust"] > 0)
    checked(place, SimplePolicy, options)
    return options


def _adjustment(reading: _Reading, place: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What step and simple scaling have in common."""
    kind_at, least_at = at(place, "AdjustmentType"), at(place, "MinAdjustmentMagnitude")
    kind = choice(kind_at, get(place, config, "AdjustmentType"), ADJUSTMENTS)
    reading.used.append(kind_at)
    if kind != "PercentChangeInCapacity" or config.get("MinAdjustmentMagnitude") is None:
        return {"adjustment_type": kind}
    reading.used.append(least_at)
    return {"adjustment_type": kind, "min_adjustment_magnitude": whole(least_at, config["MinAdjustmentMagnitude"])}


def _alarm(reading: _Reading, upward: bool) -> dict[str, Any]:
    if reading.alarm is None:
        options, words = aws_alarm.example(upward)
    else:
        options, used, words = aws_alarm.read(reading.alarm_place, reading.alarm, reading.names)
        reading.used += used
    reading.words.insert(0, words)
    return options


READERS = {TARGET: _target_tracking, STEP: _step, SIMPLE: _simple}
