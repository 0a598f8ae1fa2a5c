"""The keys that the formats know at each place, for the sake of those that are misspelt: one that a reader knows not is
left out and told, but one that is nearly a known key is a mistake, and its value would be lost.

Sources: those that each reader names. Places that no reader looks into are left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from controller.foreign import PlaceError
from controller.foreign.values import at
from controller.spelling import nearest

ALIKE = 0.8  # one letter of five is wrong
Keys = dict[str, Any]  # the keys of a place, each with those below it; * for any, {} where nobody looks


def check_keys(document: Any, known: Keys, place: str = "") -> None:
    """Raise PlaceError for the first key that is nearly a known one of its place."""
    if isinstance(document, list):
        for index, each in enumerate(document):
            check_keys(each, known, f"{place}[{index}]")
    elif isinstance(document, Mapping) and known:
        for key, value in document.items():
            here = at(place, str(key))
            if "*" not in known:
                check_word(here, str(key), known)
            check_keys(value, known.get(str(key)) or known.get("*", {}), here)


def check_word(place: str, word: str, known: Iterable[str]) -> None:
    """Raise PlaceError where a word is nearly a known one, but none."""
    words = list(known)
    if word not in words and (meant := nearest(word, words, ALIKE)):
        raise PlaceError(place, f"is not a known key; did you mean {meant}?")


def keys(words: str, **below: Keys) -> Keys:
    """The keys of a place: words, and those that have keys below them."""
    return {word: {} for word in words.split()} | below


KUBERNETES = keys("apiVersion kind status", metadata=keys(
    "name namespace generateName annotations labels creationTimestamp uid resourceVersion generation ownerReferences "
    "finalizers managedFields selfLink"
))  # fmt: skip

TARGET = keys("type value averageValue averageUtilization")
METRIC = keys("name selector")
RULES = keys("stabilizationWindowSeconds selectPolicy tolerance", policies=keys("type value periodSeconds"))
BEHAVIOR = keys("", scaleUp=RULES, scaleDown=RULES)
HPA = KUBERNETES | keys("", spec=keys(
    "scaleTargetRef minReplicas maxReplicas targetCPUUtilizationPercentage",
    metrics=keys(
        "type",
        resource=keys("name", target=TARGET),
        containerResource=keys("name container", target=TARGET),
        pods=keys("", metric=METRIC, target=TARGET),
        object=keys("describedObject", metric=METRIC, target=TARGET),
        external=keys("", metric=METRIC, target=TARGET),
    ),
    behavior=BEHAVIOR,
))  # fmt: skip

KEDA = KUBERNETES | keys("", spec=keys(
    "scaleTargetRef pollingInterval cooldownPeriod initialCooldownPeriod idleReplicaCount minReplicaCount "
    "maxReplicaCount",
    fallback=keys("failureThreshold replicas behavior"),
    advanced=keys("restoreToOriginalReplicaCount scalingModifiers",
                  horizontalPodAutoscalerConfig=keys("name", behavior=BEHAVIOR)),
    triggers=keys("type name metadata authenticationRef metricType useCachedMetrics"),
))  # fmt: skip
KEDA_HTTP = KUBERNETES | keys("", spec=keys(
    "hosts pathPrefixes headers scaleTargetRef coldStartTimeoutFailoverRef timeouts targetPendingRequests "
    "scaledownPeriod initialCooldownPeriod",
    replicas=keys("min max"),
    scalingMetric=keys("", concurrency=keys("targetValue"), requestRate=keys("targetValue window granularity")),
))  # fmt: skip

REVISION = {
    "metadata": KUBERNETES["metadata"],
    "spec": keys("containerConcurrency containers timeoutSeconds responseStartTimeoutSeconds idleTimeoutSeconds"),
}
KNATIVE = {
    "Service": KUBERNETES | keys("", spec=keys("traffic", template=REVISION)),
    "Configuration": KUBERNETES | keys("", spec=keys("", template=REVISION)),
    "Revision": KUBERNETES | REVISION,
    "PodAutoscaler": KUBERNETES | REVISION,
}

QUERIES = keys(
    "Id Expression Label ReturnData Period AccountId",
    MetricStat=keys("Stat Period Unit", Metric=keys("Namespace MetricName Dimensions")),
)
STEPS = keys(
    "AdjustmentType MinAdjustmentMagnitude MinAdjustmentStep Cooldown MetricAggregationType",
    StepAdjustments=keys("MetricIntervalLowerBound MetricIntervalUpperBound ScalingAdjustment"),
)
TRACKING = keys(
    "TargetValue DisableScaleIn ScaleOutCooldown ScaleInCooldown",
    PredefinedMetricSpecification=keys("PredefinedMetricType ResourceLabel"),
    CustomizedMetricSpecification=keys("MetricName Namespace Dimensions Statistic Unit Period", Metrics=QUERIES),
)
AWS_POLICY = STEPS | TRACKING | keys(  # a configuration may stand alone, as the file of an option of the command
    "AutoScalingGroupName PolicyName PolicyType ScalingAdjustment EstimatedInstanceWarmup Enabled ServiceNamespace "
    "ResourceId ScalableDimension PolicyARN Alarms CreationTime PredictiveScalingConfiguration "
    "PredictiveScalingPolicyConfiguration",
    TargetTrackingConfiguration=TRACKING,
    TargetTrackingScalingPolicyConfiguration=TRACKING,
    StepScalingPolicyConfiguration=STEPS,
)  # fmt: skip
AWS_PAIR = keys("", policy=AWS_POLICY, alarm=keys(
    "AlarmName AlarmDescription ActionsEnabled OKActions AlarmActions InsufficientDataActions MetricName Namespace "
    "Statistic ExtendedStatistic Dimensions Period Unit EvaluationPeriods DatapointsToAlarm Threshold "
    "ComparisonOperator TreatMissingData EvaluateLowSampleCountPercentile Tags ThresholdMetricId",
    Metrics=QUERIES,
))  # fmt: skip

AZURE = keys(
    "id name type location tags kind etag systemData resourceGroup enabled notifications predictiveAutoscalePolicy "
    "targetResourceUri targetResourceLocation",
    profiles=keys(
        "name fixedDate recurrence",
        capacity=keys("minimum maximum default"),
        rules=keys(
            "",
            metricTrigger=keys("metricName metricNamespace metricResourceUri metricResourceLocation dimensions "
                               "timeGrain statistic timeWindow timeAggregation operator threshold dividePerInstance"),
            scaleAction=keys("direction type value cooldown"),
        ),
    ),
)  # fmt: skip

STRATEGIES = {
    "target-value": keys("target threshold max_scale_up max_scale_down"),
    "threshold": keys("lower_bound upper_bound within_bounds_trigger delta percentage value"),
    "fixed-value": keys("value"),
    "pass-through": keys("max_scale_up max_scale_down"),
}
CHECK = keys("source query query_window query_window_offset on_error group schedule", strategy=STRATEGIES)
NOMAD = keys("enabled min max type", policy=keys(
    "evaluation_interval cooldown cooldown_on_scale_up on_check_error target schedule", check={"*": CHECK}
))  # fmt: skip
