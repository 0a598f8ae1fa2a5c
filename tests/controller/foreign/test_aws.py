"""Scaling policies of AWS become options of the policies `aws-target-tracking`, `aws-step` and `aws-simple`."""

import json
from typing import Any

import pytest

from controller.foreign.aws import read
from tests.controller.foreign.aws import EXAMPLES, changed, example, failure, options, step


def test_bare_target_of_ec2() -> None:
    translation = read(example("target_cpu"), {})
    assert options(translation) == [
        {"metric": "cpu_percent", "statistic": "Average", "target": 40.0, "period_s": 60, "disable_scale_in": False,
         "warmup_s": 300},
    ]  # fmt: skip
    assert translation.mapped == (
        "ASGAverageCPUUtilization at 40: cpu_percent at 40 (of one core)",
        "no EstimatedInstanceWarmup: 300 s, as AWS has it",
    )
    assert translation.unused == ()
    assert (translation.minimum, translation.maximum) == (None, None)


def test_whole_request_for_a_target_of_requests_a_minute() -> None:
    translation = read(example("target_requests"), {})
    (found,) = options(translation)
    assert found["target"] == pytest.approx(1000 / 60)
    assert (found["metric"], found["disable_scale_in"], found["warmup_s"]) == ("rate_per_instance", True, 120)
    assert translation.mapped == (
        "ALBRequestCountPerTarget at 1000: rate_per_instance at 16.67 (a count in 60 s there, per second here)",
    )
    assert translation.unused == (
        "AutoScalingGroupName: about the resource, not about its size",
        "PolicyName: about the resource, not about its size",
        "TargetTrackingConfiguration.PredefinedMetricSpecification.ResourceLabel: "
        "there is one fleet here, and its metrics have fixed units and no dimensions",
    )


def test_target_of_application_auto_scaling_has_cooldowns_instead_of_a_warm_up() -> None:
    translation = read(example("application_target"), {})
    (found,) = options(translation)
    assert (found["target"], found["warmup_s"]) == (75, 0)
    assert (found["scale_out_cooldown_s"], found["scale_in_cooldown_s"]) == (60, 300)
    assert translation.mapped[1:] == ("no ScaleInCooldown: 300 s, as AWS has it",)
    assert len(translation.unused) == 4


@pytest.mark.parametrize(
    ("configuration", "warmup_s"),
    [
        ({"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}, 0),
        ({"PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}}, 300),
        ({"PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"},
          "ScaleInCooldown": 9}, 0),
    ],
)  # fmt: skip
def test_bare_target_tells_whose_it_is(configuration: dict[str, Any], warmup_s: int) -> None:
    (found,) = options(read({"TargetValue": 50, **configuration}, {}))
    assert found["warmup_s"] == warmup_s
    assert found.get("scale_out_cooldown_s", 0) == (0 if warmup_s else 300)


def test_cooldowns_in_a_target_of_ec2_have_no_meaning() -> None:
    translation = read(changed(example("target_requests"), "TargetTrackingConfiguration.ScaleInCooldown", 9), {})
    assert options(translation)[0]["warmup_s"] == 120
    assert "TargetTrackingConfiguration.ScaleInCooldown: for Application Auto Scaling only" in translation.unused


def test_customised_metric_needs_the_users_name_for_it() -> None:
    document = example("target_custom")
    assert failure(document).startswith(
        "CustomizedMetricSpecification.MetricName: 'MyBacklogPerInstance' is no metric of the testbed: known are "
    )
    translation = read(document, {"MyBacklogPerInstance": "in_flight_per_instance"})
    assert (options(translation)[0]["target"], options(translation)[0]["period_s"]) == (100, 60)
    assert translation.mapped[0] == "MyBacklogPerInstance at 100: in_flight_per_instance at 100"
    assert [each.split(":")[0].split(".")[1] for each in translation.unused] == ["Namespace", "Dimensions", "Unit"]


def test_two_steps_with_their_alarms() -> None:
    translation = read(example("step"), {})
    out, back = options(translation)
    assert out == {
        "adjustment_type": "PercentChangeInCapacity", "min_adjustment_magnitude": 1,
        "steps": [{"lower": 10.0, "upper": 20.0, "adjust": 10}, {"lower": 20.0, "upper": 30.0, "adjust": 20},
                  {"lower": 30.0, "adjust": 30}],
        "metric_aggregation_type": "Average", "warmup_s": 300,
        "alarm": {"metric": "cpu_percent", "statistic": "Average", "period_s": 120, "evaluation_periods": 2,
                  "comparison": "GreaterThanOrEqualToThreshold", "threshold": 60.0, "treat_missing_data": "missing"},
    }  # fmt: skip
    assert (back["steps"], back["alarm"]["threshold"]) == ([{"upper": 0.0, "adjust": -2}], 40)
    assert translation.mapped[::2] == (
        "CPUUtilization >= 60: cpu_percent >= 60 (of one core)",
        "CPUUtilization <= 40: cpu_percent <= 40 (of one core)",
    )
    assert "[0].alarm.AlarmActions: an alarm invokes the policy that it stands beside, and nobody is notified" in (
        translation.unused
    )
    assert len(translation.unused) == 2 * 6


def test_bare_step_configuration_is_of_application_auto_scaling() -> None:
    (found,) = options(read(example("application_step"), {}))
    assert (found["warmup_s"], found["cooldown_s"], len(found["steps"])) == (0, 60, 3)
    (found,) = options(read({"StepScalingPolicyConfiguration": example("application_step")["policy"]}, {}))
    assert (found["warmup_s"], found["cooldown_s"]) == (0, 60)
    document = changed(example("application_step"), "policy.Cooldown", None)
    assert options(read(document, {}))[0]["cooldown_s"] == 300


def test_step_without_its_alarm_gets_that_of_the_guide_on_its_side() -> None:
    out, back = (each["policy"] for each in example("step"))
    translation = read([out, back], {})
    assert [each["alarm"]["threshold"] for each in options(translation)] == [60, 40]
    assert translation.mapped[0] == (
        "no alarm in the file, so that of AWS's examples: Average of cpu_percent >= 60 in 2 of 2 periods of 120 s"
    )


def test_simple_policies() -> None:
    out, back = options(read(example("simple"), {}))
    assert (out["adjust"], out["min_adjustment_magnitude"], out["cooldown_s"]) == (30, 2, 300)
    assert (back["adjust"], back["adjustment_type"], back["cooldown_s"]) == (-1, "ChangeInCapacity", 180)
    assert (out["alarm"]["threshold"], back["alarm"]["threshold"]) == (60, 40)


def test_simple_policy_that_adds_one_is_on_the_upper_side() -> None:
    (found,) = options(read({"AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 1}, {}))
    assert found["alarm"]["threshold"] == 60


def test_exact_capacity_needs_its_alarm() -> None:
    exact = {"AdjustmentType": "ExactCapacity", "ScalingAdjustment": 5}
    assert failure([exact]) == '[0]: an ExactCapacity needs its alarm: {"policy": {...}, "alarm": {...}}'
    alarm = example("application_step")["alarm"]
    assert options(read({"policy": exact, "alarm": alarm}, {}))[0]["adjust"] == 5


def test_values_of_another_kind_of_policy_have_no_meaning() -> None:
    simple = {**example("simple")[1], "MinAdjustmentMagnitude": 2, "EstimatedInstanceWarmup": 5, "MinAdjustmentStep": 1}
    unused = read(simple, {}).unused
    assert "MinAdjustmentMagnitude: for PercentChangeInCapacity only" in unused
    assert "EstimatedInstanceWarmup: for target tracking and step scaling on EC2 only" in unused
    assert "MinAdjustmentStep: AWS has replaced it by MinAdjustmentMagnitude" in unused
    translation = read({"policy": example("target_cpu"), "alarm": {"Period": 60}, "note": "mine"}, {})
    assert translation.unused == ("alarm: target tracking makes its own alarms", "note: no meaning here")


def test_predictive_scaling_is_refused() -> None:
    message = ("predictive scaling forecasts from a day of history at least, which no run here has; "
               "PolicyType must be one of TargetTrackingScaling, StepScaling, SimpleScaling")  # fmt: skip
    assert failure(example("predictive")) == message
    assert failure(example("predictive")["PredictiveScalingConfiguration"]) == message
    assert failure([example("target_cpu"), {"PredictiveScalingPolicyConfiguration": {}}]) == f"[1]: {message}"


def test_nothing_of_a_document_escapes() -> None:
    for path in sorted(EXAMPLES.glob("aws_*.json")):
        document = json.loads(path.read_text())
        if "predictive" in path.name:
            continue
        document = (
            [{**each, "Extra": 1} for each in document] if isinstance(document, list) else {**document, "Extra": 1}
        )
        unused = read(document, {"MyBacklogPerInstance": "queue_requests"}).unused
        assert [each for each in unused if "Extra: no meaning here" in each], path


SPECIFICATIONS = "must have exactly one of PredefinedMetricSpecification (of "


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "is an empty list; must hold at least one scaling policy"),
        ({}, "is no scaling policy: it has neither PolicyType nor one of TargetTrackingConfiguration, "),
        ([3], "[0]: 3: must be a mapping of keys to values"),
        ({"policy": 3}, "policy: 3: must be a mapping of keys to values"),
        ({"PolicyType": "Simple"}, "PolicyType: 'Simple': must be one of TargetTrackingScaling, StepScaling, Simple"),
        ({"TargetValue": 5}, SPECIFICATIONS),
        ({"TargetTrackingConfiguration": {"TargetValue": 5}}, f"TargetTrackingConfiguration: {SPECIFICATIONS}"),
        ({"PolicyType": "TargetTrackingScaling"}, "TargetValue: is missing"),
        ([example("target_cpu"), example("simple")[0]], "[1]: is of another kind (aws-simple) than the first ("),
        (changed(example("target_cpu"), "TargetValue", "high"), "TargetValue: 'high': must be a number"),
        (changed(example("target_cpu"), "TargetValue", 0), "TargetValue: 0: must be above 0"),
        (changed(example("target_cpu"), "PredefinedMetricSpecification.PredefinedMetricType", "ASGAverageNetworkIn"),
         "PredefinedMetricSpecification.PredefinedMetricType: 'ASGAverageNetworkIn' is no metric of the testbed: "),
        (changed(example("target_requests"), "EstimatedInstanceWarmup", -1),
         "EstimatedInstanceWarmup: -1: must be a whole number from 0"),
        (changed(example("target_requests"), "Enabled", False),
         "Enabled: False: a disabled policy never scales; must be true"),
        (changed(example("target_requests"), "TargetTrackingConfiguration.DisableScaleIn", "yes"),
         "TargetTrackingConfiguration.DisableScaleIn: 'yes': must be true or false"),
        (changed(example("target_custom"), "CustomizedMetricSpecification.Statistic", None),
         "CustomizedMetricSpecification.Statistic: is missing"),
        (changed(example("step"), "0.policy.StepAdjustments.1.MetricIntervalLowerBound", 25),
         "[0].policy.StepAdjustments: steps leave a gap between 20 and 25"),
        (changed(example("step"), "1.policy.AdjustmentType", "PercentChange"),
         "[1].policy.AdjustmentType: 'PercentChange': must be one of ChangeInCapacity, PercentChangeInCapacity, Exact"),
        (changed(example("step"), "1.policy.StepAdjustments.0.ScalingAdjustment", 1.5),
         "[1].policy.StepAdjustments[0].ScalingAdjustment: 1.5: must be a whole number"),
        (changed(example("step"), "1.policy.MetricAggregationType", "Sum"),
         "[1].policy.MetricAggregationType: 'Sum': must be one of Average, Minimum, Maximum"),
        ({"StepScalingPolicyConfiguration": {"AdjustmentType": "ChangeInCapacity"}},
         "StepScalingPolicyConfiguration.StepAdjustments: is missing"),
        ({"ScalingAdjustment": 1}, "AdjustmentType: is missing"),
        (step(Threshold=None), "alarm.Threshold: is missing"),
        (step(Period=0), "alarm.Period: 0: must be a whole number from 1"),
        (step(DatapointsToAlarm=3), "alarm: datapoints_to_alarm 3 is above evaluation_periods 2"),
        (step(ComparisonOperator="GreaterThanUpperThreshold"),
         "alarm.ComparisonOperator: 'GreaterThanUpperThreshold': must be one of GreaterThanThreshold, "),
        (step(TreatMissingData="bad"), "alarm.TreatMissingData: 'bad': must be one of missing, ignore, breaching, not"),
        (step(ActionsEnabled=False), "alarm.ActionsEnabled: False: an alarm without actions invokes no policy; must "),
        (step(Statistic="SampleCount"), "alarm.Statistic: 'SampleCount': must be Average, Minimum, Maximum, a percent"),
        (step(Statistic="Sum"), "alarm.Statistic: CPUUtilization is a count in a period, which only a rate is here: "),
        (step(Statistic=None), "alarm.Statistic: is missing"),
        (step(MetricName="RequestCount"),
         "alarm.Statistic: 'Average': RequestCount is a count of requests, its statistic must be Sum"),
        (step(MetricName="TargetResponseTime", Statistic="Maximum"),
         "alarm.Statistic: 'Maximum': of TargetResponseTime only Average, p50, p95, p99 are known here"),
        (step(Statistic=None, ExtendedStatistic="p101"), "alarm: statistic: must be Average, Minimum, Maximum, or a "),
    ],
)  # fmt: skip
def test_errors_tell_place_and_what_is_legal(document: Any, message: str) -> None:
    assert failure(document).startswith(message)
