"""The policy `keda`: cases of KEDA's own tests, whose names are given, and stories in virtual time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.policies.keda_config import KedaConfig
from tests.controller.build import observed
from tests.controller.policies.build import HISTORIES, check
from tests.controller.policies.keda import first, keda, story


@pytest.mark.parametrize(
    ("options", "before", "offered_rps", "after"),
    [
        ({}, 10, 0, 0),  # TestScaleToMinReplicasWhenNotActive
        ({"min_replica_count": 5}, 1, 0, 5),  # TestScaleToMinReplicasFromLowerInitialReplicaCount
        ({"min_replica_count": 5}, 0, 0, 5),  # where the HPA is paused
        ({}, 0, 1, 1),  # TestScaleFromMinReplicasWhenActive
        ({"idle_replica_count": 0, "min_replica_count": 5}, 10, 0, 0),  # TestScaleToIdleReplicasWhenNotActive
        ({"idle_replica_count": 0, "min_replica_count": 5}, 0, 1, 5),  # TestScaleFromIdleToMinReplicasWhenActive
        ({"idle_replica_count": 0, "min_replica_count": 5}, 2, 1, 5),  # TestEventWitTriggerInfo
        ({"paused_replicas": 0}, 2, 1, 0),  # TestScaleToPausedReplicasCount
        ({"paused_scale_in": True}, 10, 0, 10),  # TestNoScaleToMinReplicasWhenNotActiveAndPauseScaleInAnnotationSet
        ({"paused_scale_in": True, "idle_replica_count": 0, "min_replica_count": 5}, 10, 0, 10),  # ... ToIdle ...
        ({"force_activation": True}, 0, 0, 1),  # TestScaleFromMinReplicasWhenActivationForced
        ({"paused_scale_out": True}, 0, 1, 0),  # TestNoScaleFromMinReplicasWhenActiveAndPausedScaleOutAnnotationSet
        ({"paused_scale_out": True, "idle_replica_count": 0, "min_replica_count": 5}, 0, 1, 0),  # ... FromIdle ...
        ({"paused": True}, 3, 1000, 3),
        ({"paused": True}, 0, 1000, 0),
    ],
)
def test_poll_does_what_keda_does(options: dict[str, Any], before: int, offered_rps: float, after: int) -> None:
    assert first(keda(**options), before, offered_rps).wanted == after


def test_activation_threshold_must_be_exceeded() -> None:
    trigger = {"threshold": 10, "activation_threshold": 5}
    assert [first(keda(trigger), 0, rate).wanted for rate in (5, 5.1)] == [0, 1]


def test_activation_has_no_say_above_one() -> None:
    """Active or not, the HPA decides: 45 needs 5 at 10 each; with a minimum of 1 there is no way to zero."""
    policy = keda({"threshold": 10, "activation_threshold": 50}, min_replica_count=1)
    assert first(policy, 3, 45).wanted == 5


def test_zero_is_left_at_the_next_poll_and_the_hpa_goes_on() -> None:
    """Polls at 0, 30, 60; the HPA each 15 s. Of 200 requests/s from 31 on: 1 at 60. The HPA looked at 60 at zero, so at
    75: 20 needed, limited to max(2 × 1, 4), then 8, 16, 20."""
    assert story(keda(), {0: 0, 31: 200}, 140) == {60: 1, 75: 4, 90: 8, 105: 16, 120: 20}


def test_zero_waits_for_the_cooldown_after_the_last_active_poll() -> None:
    """Last active at the poll of 30; 30 + 100 is before the poll of 150 only. Down to 1 the HPA goes on its own."""
    policy = keda(cooldown_period_s=100, downscale_stabilization_s=0)
    assert story(policy, {0: 50, 31: 0}, 160) == {0: 1, 15: 4, 30: 5, 45: 1, 150: 0}


def test_cooldown_is_over_only_after_it() -> None:
    policy = keda(cooldown_period_s=60, downscale_stabilization_s=0)
    assert story(policy, {0: 5, 1: 0}, 100) == {0: 1, 90: 0}  # not at 60


def test_initial_cooldown_counts_from_the_start_and_only_before_the_first_activity() -> None:
    assert story(keda(initial_cooldown_period_s=100), {0: 0}, 200, wanted=1) == {120: 0}
    assert story(keda(initial_cooldown_period_s=100, cooldown_period_s=10), {0: 1, 1: 0}, 200, wanted=1) == {30: 0}


def test_idle_count_is_left_for_the_minimum_and_taken_up_again() -> None:
    policy = keda(idle_replica_count=0, min_replica_count=5, cooldown_period_s=30)
    assert story(policy, {0: 0, 40: 1, 70: 0}, 200) == {60: 5, 120: 0}


def test_poll_raises_to_the_minimum_without_the_hpa() -> None:
    policy = keda(idle_replica_count=0, min_replica_count=5, sync_period_s=100)
    assert [policy.decide(observed(t_s, wanted, offered_rps=1)).wanted for t_s, wanted in ((0, 5), (30, 2))] == [5, 5]


def test_any_active_trigger_activates_and_all_must_rest() -> None:
    policy = keda({"threshold": 10}, {"metric": "queue_requests", "threshold": 5, "activation_threshold": 2})
    assert first(policy, 0, 0, queue_requests=3).wanted == 1
    assert (
        "active by queue_requests"
        in first(keda({"metric": "queue_requests", "threshold": 5}), 0, 0, queue_requests=1).reason
    )


def test_pushed_activity_does_not_wait_for_the_poll() -> None:
    trigger = {"metric": "in_flight_requests", "threshold": 100, "push": True}
    for push, after in ((True, 1), (False, 0)):
        policy = keda(trigger | {"push": push})
        policy.decide(observed(0, 0, in_flight_requests=0))
        assert policy.decide(observed(0.5, 0, in_flight_requests=1)).wanted == after


def test_cpu_triggers_alone_are_always_active() -> None:
    policy = keda({"type": "cpu", "metric": "cpu_percent", "metric_type": "Utilization", "threshold": 50})
    assert policy.decide(observed(0, 0)).wanted == 1
    assert policy.decide(observed(600, 1)).wanted == 1


def test_cpu_trigger_beside_another_does_not_activate() -> None:
    cpu = {"type": "cpu", "metric": "cpu_percent", "metric_type": "Utilization", "threshold": 50}
    assert first(keda(cpu, {"threshold": 10}), 0, 0, cpu_percent=90).wanted == 0


def test_largest_trigger_counts() -> None:
    policy = keda(
        {"threshold": 10}, {"metric": "queue_requests", "metric_type": "Value", "threshold": 20}, min_replica_count=1
    )
    assert first(policy, 3, 45, queue_requests=30).wanted == 5
    assert first(keda({"threshold": 10}, {"metric": "queue_requests", "metric_type": "Value", "threshold": 20}), 3, 45,
                 queue_requests=80).wanted == 6  # fmt: skip


def test_metric_types_of_the_documentation() -> None:
    """The example of the trigger fields: 3 replicas, threshold 5, 20 seen: AverageValue makes 4 of it, Value 12."""
    average, value = keda({"threshold": 5}), keda({"threshold": 5, "metric_type": "Value"}, behavior=FREE)
    assert [first(average, 3, 20).wanted, first(value, 3, 20).wanted] == [4, 12]


FREE = {"scale_up": {"policies": [{"type": "Percent", "value": 900, "period_s": 15}]}}


def test_behavior_reaches_the_hpa() -> None:
    slow = {"scale_up": {"policies": [{"type": "Pods", "value": 1, "period_s": 60}]}}
    assert first(keda(behavior=slow), 3, 1000).wanted == 4


def test_pauses_of_one_direction_disable_it_in_the_hpa() -> None:
    assert first(keda(paused_scale_out=True), 3, 1000).wanted == 3
    policy = keda(
        paused_scale_in=True, downscale_stabilization_s=0, behavior={"scale_down": {"stabilization_window_s": 0}}
    )
    assert [policy.decide(observed(t_s, 6, offered_rps=10)).wanted for t_s in (0, 15, 30)] == [6, 6, 6]


def test_reasons_tell_poll_and_hpa() -> None:
    policy = keda()
    made = [policy.decide(observed(t_s, wanted, offered_rps=rate)) for t_s, wanted, rate in
            ((0, 0, 0), (10, 0, 7), (30, 0, 7), (45, 1, 27), (60, 3, 27))]  # fmt: skip
    assert [decision.reason for decision in made] == [
        "no trigger is active (offered_rps 0, active above 0)",
        "HPA: next evaluation in 5.0 s; next poll in 20.0 s",
        "active by offered_rps (offered_rps 7, active above 0): from 0 to 1",
        "External offered_rps is 27 over 1, 2.7 of the target 10 each: 3 wanted",
        "External offered_rps is 27 over 3, 0.9 of the target 10 each, within the tolerance: 3 wanted",
    ]
    assert made[4].considered[0] == "poll: active by offered_rps (offered_rps 27, active above 0)"


def test_cooldown_and_fallback_are_explained() -> None:
    policy = keda(fallback={"failure_threshold": 0, "replicas": 2})
    policy.decide(observed(0, 1, offered_rps=5))
    assert policy.decide(observed(30, 1, offered_rps=0)).considered[0] == (
        "poll: no trigger is active (offered_rps 0, active above 0), cooldown of 300 s: 270.0 s left"
    )
    assert (
        "fallback: offered_rps has failed 1 times, taken as 20 for 2"
        in policy.decide(observed(60, 1, offered_rps=None)).considered
    )


def test_policy_describes_itself_in_words() -> None:
    lines = keda({"threshold": 10, "push": True}, fallback={"failure_threshold": 3, "replicas": 6}).describe()
    assert lines[:2] == [
        "every 30 s: active with offered_rps above 0, seen at once by offered_rps",
        "from 0 to 1 when active, back after 300 s of inactivity",
    ]
    assert lines[-1] == "after more than 3 failures of a trigger in a row: as if it asked for 6 (static)"
    assert keda(paused_replicas=4).describe() == ["paused at 4"]


@pytest.mark.parametrize(
    "options",
    [
        {"triggers": []}, {"triggers": [{"threshold": 0}]},
        {"triggers": [{"threshold": 10, "metric_type": "Utilization"}]},
        {"triggers": [{"type": "cpu", "metric_type": "Value", "threshold": 10}]},
        {"triggers": [{"type": "cpu", "metric_type": "Utilization", "threshold": 10.5}]},
        {"min_replica_count": 101}, {"idle_replica_count": 0}, {"idle_replica_count": 2, "min_replica_count": 2},
        {"triggers": [{"type": "cpu", "metric_type": "Utilization", "threshold": 50}],
         "fallback": {"failure_threshold": 3, "replicas": 6}},
        {"fallback": {"failure_threshold": -3, "replicas": 6}},
    ],
)  # fmt: skip
def test_illegal_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KedaConfig.model_validate({"triggers": [{"threshold": 10}]} | options)


@given(HISTORIES, st.sampled_from([0, 1, 4]), st.none() | st.just({"failure_threshold": 1, "replicas": 500}))
def test_what_holds_for_every_policy(history: Any, least: int, fallback: dict[str, Any] | None) -> None:
    check(lambda: keda(min_replica_count=least, fallback=fallback), history, "offered_rps")


@given(HISTORIES)
def test_minimum_and_maximum_hold_once_it_is_active(history: Any) -> None:
    policy, wanted, t_s = keda(min_replica_count=2, max_replica_count=7), 0, 0.0
    for pause_s, fields in history:
        t_s += pause_s
        before, wanted = wanted, policy.decide(observed(t_s, wanted, **fields)).wanted
        assert wanted <= 7
        assert wanted >= 2 or wanted == before == 0
