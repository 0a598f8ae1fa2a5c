"""Keys that are nearly right: their values must not be lost."""

import re
from pathlib import Path

import pytest

from controller.foreign import PlaceError
from controller.foreign.keys import check_keys, keys
from controller.reading import ConfigError, load
from controller.spelling import nearest

EXAMPLES = Path(__file__).parent / "examples"
TEMPLATE = "spec.template.metadata.annotations.autoscaling.knative.dev"
MISSPELT = [  # in the example that key, misspelt so, is refused at this place
    ("hpa_php_apache.yaml", "maxReplicas", "maxReplica", "spec.maxReplica"),
    ("hpa_php_apache.yaml", "averageUtilization", "averageUtilisation",
     "spec.metrics[0].resource.target.averageUtilisation"),
    ("hpa_v1.yaml", "targetCPUUtilizationPercentage", "targetCpuUtilizationPercentage",
     "spec.targetCpuUtilizationPercentage"),
    ("hpa_behavior.yaml", "stabilizationWindowSeconds", "stabilizationWindowSecond",
     "spec.behavior.scaleDown.stabilizationWindowSecond"),
    ("keda_prometheus.yaml", "cooldownPeriod", "cooldownperiod", "spec.cooldownperiod"),
    ("keda_prometheus.yaml", "threshold", "treshold", "spec.triggers[0].metadata.treshold"),
    ("keda_prometheus.yaml", "paused-scale-in", "pause-scale-in",
     "metadata.annotations.autoscaling.keda.sh/pause-scale-in"),
    ("keda_prometheus.yaml", "scaleDown", "scaledown",
     "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaledown"),
    ("keda_http.yaml", "scaledownPeriod", "scaleDownPeriod", "spec.scaleDownPeriod"),
    ("keda_http.yaml", "window", "windw", "spec.scalingMetric.requestRate.windw"),
    ("knative_service.yaml", "target", "targt", f"{TEMPLATE}/targt"),
    ("knative_camel.yaml", "target", "targets", f"{TEMPLATE}/targets"),
    ("knative_service.yaml", "containerConcurrency", "containerConcurency", "spec.template.spec.containerConcurency"),
    ("knative_configmap.yaml", "max-scale-up-rate", "max-scale-uprate", "data.max-scale-uprate"),
    ("aws_application_target.json", "ScaleOutCooldown", "ScaleOutCoolDown",
     "TargetTrackingScalingPolicyConfiguration.ScaleOutCoolDown"),
    ("aws_step.json", "EvaluationPeriods", "EvaluationPeriod", "[0].alarm.EvaluationPeriod"),
    ("aws_step.json", "MinAdjustmentMagnitude", "MinAdjustementMagnitude", "[0].policy.MinAdjustementMagnitude"),
    ("aws_step.json", "alarm", "alarms", "[0].alarms"),
    ("azure_resource.json", "dividePerInstance", "dividePerInstances",
     "properties.profiles[0].rules[0].metricTrigger.dividePerInstances"),
    ("azure_template.json", "cooldown", "coolDown",
     "resources[0].properties.profiles[0].rules[0].scaleAction.coolDown"),
    ("nomad_tiers.hcl", "cooldown", "cooldwn", "job.webapp.group.web.scaling.policy.cooldwn"),
    ("nomad_tiers.hcl", "max_scale_up", "max_scaleup",
     "job.webapp.group.web.scaling.policy.check.sessions.strategy.target-value.max_scaleup"),
]  # fmt: skip


@pytest.mark.parametrize(("example", "key", "misspelt", "place"), MISSPELT, ids=[each[2] for each in MISSPELT])
def test_misspelt_key_is_refused_with_its_place_and_what_was_meant(
    tmp_path: Path, example: str, key: str, misspelt: str, place: str
) -> None:
    file = tmp_path / example
    file.write_text(re.sub(rf'\b{key}\b(?=["\s]*[:=])', misspelt, (EXAMPLES / example).read_text(), count=1))
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == f"{file}: {place}: is not a known key; did you mean {key}?"


def test_key_that_is_like_none_is_left_to_be_told() -> None:
    known = keys("", spec=keys("min max", rules=keys("low")))
    check_keys({"spec": {"warp": 1, "rules": [{"nothing": {"mim": 2}}]}}, known)


def test_keys_below_any_key_are_looked_at() -> None:
    known = keys("", check={"*": keys("query source")})
    check_keys({"check": {"sources": {"query": 1}}}, known)
    with pytest.raises(PlaceError, match=r"^check\.sources\.sorce: is not a known key; did you mean source\?$"):
        check_keys({"check": {"sources": {"sorce": 1}}}, known)


def test_keys_of_each_item_are_looked_at() -> None:
    with pytest.raises(PlaceError, match=r"^\[1\]\.min: is not a known key; did you mean Min\?$"):
        check_keys([{"Min": 1}, {"min": 1}], keys("Min Max"))


@pytest.mark.parametrize(
    ("word", "meant"), [("cooldwn", "cooldown"), ("COOLDOWN", "cooldown"), ("warp", ""), ("ruels", "rules")]
)
def test_nearest_word(word: str, meant: str) -> None:
    assert nearest(word, ["cooldown", "rules"]) == meant
