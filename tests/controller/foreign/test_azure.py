"""Autoscale settings of Azure Monitor become options of the policy `azure`.

The examples: azure_template.json is that of autoscale-understanding-settings.md (MicrosoftDocs/azure-monitor-docs),
azure_resource.json the answer in getAutoscaleSetting.json (Azure/azure-rest-api-specs, 2022-10-01), azure_cli.json
the rules of the logged event in autoscale-flapping.md, in the form of `az monitor autoscale show`.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from controller.foreign import PlaceError, Translation
from controller.foreign.azure import KNOWN, METRICS, read
from controller.model import METRICS as OURS
from controller.policies.azure import Azure, AzureConfig

EXAMPLES = Path(__file__).parent / "examples"


def example(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((EXAMPLES / f"azure_{name}.json").read_text())
    return document


def setting() -> dict[str, Any]:
    """The properties of the template's setting, on their own."""
    properties: dict[str, Any] = example("template")["resources"][0]["properties"]
    return properties


def changed(place: str, value: Any) -> dict[str, Any]:
    """A setting with another value at a place below its first rule's `metricTrigger.` or `scaleAction.`, or without."""
    document = setting()
    part, key = place.split(".")
    rule = document["profiles"][0]["rules"][0][part]
    rule[key] = value
    return document


def rules(translation: Translation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = translation.policy["azure"]["rules"]
    AzureConfig.model_validate(translation.policy["azure"])
    return found


def failure(document: dict[str, Any]) -> str:
    with pytest.raises(PlaceError) as caught:
        read(document, {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_documented_example_in_our_words() -> None:
    translation = read(example("template"), {})
    first, second = rules(translation)
    assert first == {
        "metric": "cpu_percent", "time_grain_s": 60, "statistic": "average", "time_window_s": 600,
        "time_aggregation": "average", "operator": "greater_than", "threshold": 85, "divide_per_instance": False,
        "direction": "increase", "type": "change_count", "value": 1, "cooldown_s": 300,
    }  # fmt: skip
    assert second == first | {"operator": "less_than", "threshold": 60, "direction": "decrease"}
    assert (translation.minimum, translation.maximum) == (1, 4)
    assert translation.policy["azure"] | {"rules": []} == {
        "rules": [], "default_count": 1, "minimum": 1, "maximum": 4,
    }  # fmt: skip
    assert translation.mapped == (
        "Percentage CPU GreaterThan 85: cpu_percent above 85",
        "Percentage CPU LessThan 60: cpu_percent below 60",
    )


def test_template_resource_and_bare_setting_say_the_same() -> None:
    template = example("template")
    resource = template["resources"][0]
    policies = [read(document, {}).policy for document in (template, resource, resource["properties"])]
    assert policies[0] == policies[1] == policies[2]


def test_every_part_without_a_meaning_is_named() -> None:
    assert read(example("resource"), {}).unused == (
        "properties.profiles[1]: only one profile acts here, properties.profiles[0]",
        "id: about the resource, not about its size",
        "name: about the resource, not about its size",
        "type: about the resource, not about its size",
        "location: about the resource, not about its size",
        "tags: about the resource, not about its size",
        "properties.profiles[0].rules[0].metricTrigger.metricResourceUri: there is one fleet here, behind one load "
        "balancer",
        "properties.profiles[0].rules[1].metricTrigger.metricResourceUri: there is one fleet here, behind one load "
        "balancer",
        "properties.profiles[0].fixedDate: the profile acts at all times here",
        "properties.predictiveAutoscalePolicy: no forecast is made here",
        "properties.name: about the resource, not about its size",
        "properties.targetResourceUri: about the resource, not about its size",
        "properties.notifications: nobody is notified here",
    )


def test_unknown_keys_and_a_setting_that_is_switched_off_are_named() -> None:
    document = setting() | {"enabled": False, "surprise": {"deep": [1]}}
    unused = read(document, {}).unused
    assert "enabled: is false there; the setting acts here" in unused
    assert "surprise.deep[0]: no meaning here" in unused
    assert not [one for one in read(setting(), {}).unused if one.startswith("enabled")]


def test_default_profile_is_the_one_that_the_command_line_marks() -> None:
    translation = read(example("cli"), {})
    assert (translation.minimum, translation.maximum) == (1, 30)
    assert translation.unused[0] == "profiles[0]: only one profile acts here, profiles[1]"
    assert "profiles[1].recurrence: the profile acts at all times here" in translation.unused
    assert not [one for one in translation.unused if "fixedDate" in one]


def test_profile_without_a_schedule_is_the_default_one() -> None:
    document = setting()
    plain = document["profiles"][0]
    document["profiles"] = [plain | {"fixedDate": {"start": "", "end": ""}, "capacity": {}}, plain]
    assert read(document, {}).unused[0] == "profiles[0]: only one profile acts here, profiles[1]"


def test_name_that_only_looks_like_a_mark_is_none() -> None:
    document = example("cli")
    document["profiles"][0]["name"] = '{"name": "Weekend"}'
    assert read(document, {}).maximum == 30
    document["profiles"][1]["name"] = "Weekday"
    assert read(document, {}).maximum == 3


def test_counts_of_requests_become_rates() -> None:
    """Three requests a minute are 0.05 a second; the statistic Sum is over all instances."""
    out, scale_in = rules(read(example("cli"), {}))
    assert (out["metric"], out["threshold"], out["divide_per_instance"]) == ("offered_rps", 0.05, True)
    assert (out["operator"], out["value"], out["cooldown_s"]) == ("greater_than_or_equal", 10, 60)
    assert (scale_in["metric"], scale_in["statistic"], scale_in["time_aggregation"]) == (
        "offered_rps",
        "sum",
        "maximum",
    )


@pytest.mark.parametrize(
    ("name", "statistic", "ours", "threshold", "divided"),
    [
        ("CpuPercentage", "Average", "cpu_percent", 120, False),
        ("Requests", "Average", "rate_per_instance", 2, False),
        ("Requests", "Sum", "offered_rps", 2, False),
        ("Http5xx", "Sum", "failed_rps", 2, False),
        ("AverageResponseTime", "Average", "latency_ms_p50", 120_000, False),
        ("HttpQueueLength", "Average", "queue_requests", 120, True),
        ("HttpQueueLength", "Sum", "queue_requests", 120, False),
        ("ApproximateMessageCount", "Sum", "queue_requests", 120, True),
    ],
)
def test_metrics_by_the_table(name: str, statistic: str, ours: str, threshold: float, divided: bool) -> None:
    document = changed("metricTrigger.metricName", name)
    document["profiles"][0]["rules"][0]["metricTrigger"] |= {"statistic": statistic, "threshold": 120}
    rule = rules(read(document, {}))[0]
    assert (rule["metric"], rule["threshold"], rule["divide_per_instance"]) == (ours, threshold, divided)


def test_table_names_only_metrics_that_exist() -> None:
    assert set(KNOWN.values()) <= set(OURS)
    assert {meaning.summed for meaning in METRICS.values()} - {""} <= set(OURS)


def test_metric_that_the_user_names_is_taken_as_it_is() -> None:
    document = changed("metricTrigger.metricName", "Requests")
    rule = rules(read(document, {"Requests": "in_flight_requests"}))[0]
    assert (rule["metric"], rule["threshold"]) == ("in_flight_requests", 85)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("PT1M", 60),
        ("PT1H30M", 5400),
        ("PT45S", 45),
        ("PT0.5S", 0.5),
        ("P1D", 86_400),
        ("P7D", 604_800),
        ("P1DT1S", 86_401),
    ],
)
def test_durations(duration: str, seconds: float) -> None:
    assert rules(read(changed("scaleAction.cooldown", duration), {}))[0]["cooldown_s"] == seconds


def test_value_is_one_unless_told() -> None:
    assert rules(read(changed("scaleAction.value", None), {}))[0]["value"] == 1


def test_words_may_be_capitalised_otherwise() -> None:
    assert rules(read(changed("metricTrigger.statistic", "average"), {}))[0]["statistic"] == "average"


TRIGGER = "profiles[0].rules[0].metricTrigger"
ACTION = "profiles[0].rules[0].scaleAction"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("scaleAction.cooldown", "5m", f"{ACTION}.cooldown: '5m': must be an ISO 8601 duration such as PT5M"),
        ("scaleAction.cooldown", "P", f"{ACTION}.cooldown: 'P': must be an ISO 8601 duration such as PT5M"),
        ("scaleAction.cooldown", "P8D", f"{ACTION}.cooldown: 'P8D': must be at most 168 hours"),
        ("scaleAction.cooldown", None, f"{ACTION}.cooldown: is missing"),
        ("scaleAction.type", "ServiceAllowedNextValue", f"{ACTION}.type: 'ServiceAllowedNextValue': the sizes that a "
         "service allows are not known here; use one of ChangeCount, PercentChangeCount, ExactCount"),
        ("scaleAction.type", "Double",
         f"{ACTION}.type: 'Double': must be one of ChangeCount, PercentChangeCount, ExactCount"),
        ("scaleAction.direction", "None", f"{ACTION}.direction: 'None': must be one of Increase, Decrease"),
        ("scaleAction.value", "-1", f"{ACTION}.value: '-1': must be a whole number from 0"),
        ("scaleAction.value", "[parameters('n')]",
         f"{ACTION}.value: \"[parameters('n')]\": must be a number"),
        ("metricTrigger.threshold", True, f"{TRIGGER}.threshold: True: must be a number"),
        ("metricTrigger.operator", ">", f"{TRIGGER}.operator: '>': must be one of Equals, NotEquals, GreaterThan, "
         "GreaterThanOrEqual, LessThan, LessThanOrEqual"),
        ("metricTrigger.statistic", None, f"{TRIGGER}.statistic: is missing"),
        ("metricTrigger.timeAggregation", "Mean", f"{TRIGGER}.timeAggregation: 'Mean': must be one of Average, "
         "Minimum, Maximum, Total, Count, Last"),
        ("metricTrigger.timeGrain", "PT0S", f"{TRIGGER}.timeGrain: 'PT0S': must be longer than nothing"),
        ("metricTrigger.timeWindow", "PT30S", f"{TRIGGER}.timeWindow: 'PT30S' is shorter than timeGrain 'PT1M'"),
        ("metricTrigger.timeWindow", "PT13H", f"{TRIGGER}.timeWindow: 'PT13H': must be at most 12 hours"),
        ("metricTrigger.dividePerInstance", "yes", f"{TRIGGER}.dividePerInstance: 'yes': must be true or false"),
        ("metricTrigger.metricName", 7, f"{TRIGGER}.metricName: 7: must be a text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(place: str, value: Any, message: str) -> None:
    assert failure(changed(place, value)) == message


def test_unknown_metric_is_told_with_what_is_known() -> None:
    message = failure(changed("metricTrigger.metricName", "Inbound Flows"))
    assert message.startswith(
        f"{TRIGGER}.metricName: 'Inbound Flows' is no metric of the testbed: known are Percentage"
    )
    assert "--metric Inbound Flows=NAME" in message


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "profiles: is missing"),
        ({"properties": []}, "properties: []: must be a mapping of keys to values"),
        ({"profiles": []}, "profiles: holds no profile"),
        ({"profiles": ["x"]}, "profiles[0]: 'x': must be a mapping of keys to values"),
        ({"profiles": [{"rules": []}]}, "profiles[0].capacity: is missing"),
        ({"resources": [{"type": "Microsoft.Compute/virtualMachines"}]},
         "resources: holds no Microsoft.Insights/autoscaleSettings"),
        ({"profiles": [{"capacity": {"minimum": "5", "maximum": "4", "default": "1"}}]},
         "profiles[0].capacity.minimum: 5 is above maximum 4"),
        ({"profiles": [{"capacity": {"minimum": "1.5", "maximum": "4", "default": "1"}}]},
         "profiles[0].capacity.minimum: '1.5': must be a whole number from 0"),
        ({"profiles": [{"capacity": {"minimum": "1", "maximum": "4", "default": "1"}, "rules": [{}]}]},
         "profiles[0].rules[0].metricTrigger: is missing"),
        ({"profiles": [{"capacity": {"minimum": "1", "maximum": "4", "default": "1"}, "rules": {}}]},
         "profiles[0].rules: {}: must be a list"),
    ],
)  # fmt: skip
def test_documents_that_are_no_setting(document: dict[str, Any], message: str) -> None:
    assert failure(document) == message


def test_more_than_ten_rules_are_refused() -> None:
    document = setting()
    document["profiles"][0]["rules"] *= 6
    assert failure(document) == "profiles[0].rules: 12 rules are too many; at most 10"


@pytest.mark.parametrize("name", ["template", "resource", "cli"])
def test_every_example_makes_a_policy_and_is_left_as_it_was(name: str) -> None:
    document = example(name)
    before = copy.deepcopy(document)
    policy = Azure(AzureConfig.model_validate(read(document, {}).policy["azure"]))
    assert document == before
    assert len(policy.describe()) == 4
