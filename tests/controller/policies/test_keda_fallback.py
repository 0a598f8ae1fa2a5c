"""The policy `keda` while a trigger has no value: what it holds, and its fallback."""

import pytest

from controller.model import Counts, Observation
from tests.controller.build import observed
from tests.controller.policies.keda import first, keda, story


def test_failed_trigger_keeps_zero_and_what_is_there() -> None:
    assert first(keda(), 0, None).wanted == 0
    policy = keda(downscale_stabilization_s=0)
    assert story(policy, {0: 30, 40: None}, 900, wanted=3) == {}


def test_failed_trigger_does_not_prolong_the_activity_of_another() -> None:
    """Active by the queue, but the rate has failed: the last activity stays that of 0 s."""
    policy = keda({"threshold": 10}, {"metric": "queue_requests", "threshold": 5}, cooldown_period_s=50)
    wanted = []
    for t_s, rate, queue in ((0, 1, 1), (30, None, 1), (60, 0, 0)):
        wanted.append(policy.decide(observed(t_s, 1, offered_rps=rate, queue_requests=queue)).wanted)
    assert wanted == [1, 1, 0]


@pytest.mark.parametrize(
    ("behavior", "before", "after"),
    [
        ("static", 2, 4), ("static", 3, 6), ("static", 9, 6), ("currentReplicas", 3, 3), ("currentReplicas", 9, 9),
        ("currentReplicasIfHigher", 3, 6), ("currentReplicasIfHigher", 9, 9),
        ("currentReplicasIfLower", 3, 3), ("currentReplicasIfLower", 9, 6),
    ],
)  # fmt: skip
@pytest.mark.parametrize("metric_type", ["AverageValue", "Value"])
def test_fallback_after_more_failures_than_the_threshold(
    behavior: str, before: int, after: int, metric_type: str
) -> None:
    """Evaluations of the HPA at 0, 15, 30 and 45 fail; the fourth is more than three. From 2 at most 4 at once."""
    fallback = {"failure_threshold": 3, "replicas": 6, "behavior": behavior}
    policy = keda({"threshold": 10, "metric_type": metric_type}, fallback=fallback, downscale_stabilization_s=0)
    wanted = [policy.decide(observed(t_s, before, offered_rps=None)).wanted for t_s in (0, 15, 30, 45)]
    assert wanted == [before, before, before, after]


def test_success_starts_the_count_of_failures_again() -> None:
    policy = keda(fallback={"failure_threshold": 1, "replicas": 6})
    rates = (None, 30, None, None)
    assert [policy.decide(observed(15 * n, 3, offered_rps=rate)).wanted for n, rate in enumerate(rates)] == [3, 3, 3, 6]


def test_fallback_of_a_share_of_each_instance_follows_from_the_total() -> None:
    trigger = {"metric": "rate_per_instance", "metric_type": "Value", "threshold": 10}
    policy = keda(trigger, fallback={"failure_threshold": 0, "replicas": 5})
    assert first(policy, 3, None).wanted == 5


@pytest.mark.parametrize("thresholds", [(10, 5), (5, 10)])
def test_fallback_fits_the_most_demanding_of_two_triggers_of_a_metric(thresholds: tuple[float, float]) -> None:
    triggers = [{"threshold": threshold} for threshold in thresholds]
    assert first(keda(*triggers, fallback={"failure_threshold": 0, "replicas": 5}), 3, None).wanted == 5


def test_failures_are_counted_at_evaluations_of_the_hpa() -> None:
    """At 0, 15, 30 and 45, however often the loop looks."""
    assert story(keda(fallback={"failure_threshold": 3, "replicas": 4}), {0: None}, 60, wanted=2) == {45: 4}


def test_failures_at_zero_are_not_counted() -> None:
    """The HPA rests there. The queue activates at 60; then it fails at 75 and 90, which is more than one."""
    policy = keda({"threshold": 10}, {"metric": "queue_requests", "threshold": 5},
                  fallback={"failure_threshold": 1, "replicas": 3})  # fmt: skip
    wanted, made = 0, []
    for t_s in range(0, 105, 15):
        wanted = policy.decide(observed(t_s, wanted, queue_requests=int(t_s >= 60))).wanted
        made.append(wanted)
    assert made == [0, 0, 0, 0, 1, 1, 3]


def test_fallback_to_nothing_lets_a_failed_service_rest() -> None:
    """As KEDA has it: a fallback of 0 is no reason to stay."""
    policy = keda(fallback={"failure_threshold": 3, "replicas": 0})
    assert first(policy, 1, None).wanted == 0


def test_value_fallback_needs_an_instance_in_service() -> None:
    policy = keda(
        {"threshold": 10, "metric_type": "Value"}, fallback={"failure_threshold": 0, "replicas": 5}, min_replica_count=2
    )
    assert policy.decide(Observation(0, Counts(wanted=2, booting=2))).wanted == 2
