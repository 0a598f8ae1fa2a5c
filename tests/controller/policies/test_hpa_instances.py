"""How the policy `hpa` reads instances and metrics: which ones count, what they report, how it is rounded."""

import pytest

from controller.model import Counts, Observation, Phase, Sample
from controller.policies.hpa_replicas import LARGEST, milli
from tests.controller.policies.hpa_build import NO_WINDOW, hpa, seen, serving


def test_cpu_is_averaged_over_the_window() -> None:
    """Two evaluations 10 s apart; the second sees the mean of 20 and 80, the first has left the window of 9 s."""
    policy = hpa({"type": "Resource", "average_utilization_percent": 20}, sync_period_s=10, cpu_window_s=9, behavior={})
    sizes = [policy.decide(seen(t_s, 4, serving(4, cpu_percent=cpu))).wanted
             for t_s, cpu in ((0, 20.0), (5, 20.0), (10, 80.0))]  # fmt: skip
    assert sizes == [4, 4, 8]
    assert milli(0.5) == 500


def test_usage_is_cut_to_whole_percent_of_the_sum() -> None:
    """(33 + 34 + 33.9) / 3 is 33.6, cut to 33: 1.0 of the target, where the true mean is above a tolerance of 1%."""
    samples = tuple(Sample(f"i-{cpu}", Phase.IN_SERVICE, -999, -999, cpu) for cpu in (33.0, 34.0, 33.9))
    policy = hpa({"type": "Resource", "average_utilization_percent": 33}, tolerance=0.01)
    decision = policy.decide(seen(0, 3, samples))
    assert decision.wanted == 3
    assert decision.reason == ("Resource cpu_percent is 33% of the request over 3, 1 of the target 33%, "
                               "within the tolerance: 3 wanted")  # fmt: skip


def test_resource_value_is_in_percent_of_a_core() -> None:
    policy = hpa({"type": "Resource", "average_value": 30}, behavior={})
    decision = policy.decide(seen(0, 2, serving(2, cpu_percent=60.0)))
    assert decision.reason == "Resource cpu_percent is 60 on average over 2, 2 of the target 30: 4 wanted"


@pytest.mark.parametrize(
    ("metric", "value", "after"),
    [("offered_rps", 60, 6), ("queue_requests", 60, 6), ("latency_ms_p95", 15, 6), ("rejected_rps", 0, 1)],
)
def test_instances_report_an_equal_share_of_a_total_and_the_whole_of_a_latency(
    metric: str, value: float, after: int
) -> None:
    policy = hpa({"type": "Pods", "metric": metric, "average_value": 10}, behavior=NO_WINDOW)
    assert policy.decide(seen(0, 4, serving(4), **{metric: value})).wanted == after


def test_large_figures_are_written_out() -> None:
    policy = hpa({"type": "Object", "value": 10_000})
    reason = policy.decide(seen(0, 4, serving(4), offered_rps=12_345.6)).reason
    assert reason == "Object offered_rps is 12346, 1.23 of the target 10000, with 4 in service: 5 wanted"


def test_each_instance_reports_its_own_requests_in_flight() -> None:
    samples = (*serving(1, in_flight_requests=30), Sample("idle", Phase.IN_SERVICE, -999, -999, None, 0))
    policy = hpa({"type": "Pods", "metric": "in_flight_requests", "average_value": 5}, behavior={})
    assert policy.decide(seen(0, 2, samples, in_flight_requests=999)).wanted == 6


def test_instance_that_waits_in_the_pool_is_no_pod() -> None:
    """Two of three are wanted: one serves, the one on standby that was ordered first comes next, the other is spare."""
    samples = (
        Sample("i-1", Phase.IN_SERVICE, -900, -900, 100.0),
        Sample("i-2", Phase.STANDBY, -800, -800, 0.0), Sample("i-3", Phase.STANDBY, -700, -700, 0.0),
        Sample("i-4", Phase.BOOTING, -950, -950, 0.0),
    )  # fmt: skip
    policy = hpa({"type": "Resource", "average_utilization_percent": 25}, behavior={})
    assert "by 0 missing and 1 not ready: 4 wanted" in policy.decide(seen(0, 2, samples)).reason


def test_instance_that_drains_is_no_pod() -> None:
    samples = (*serving(2, cpu_percent=50.0), Sample("leaves", Phase.DRAINING, -900, 0, 0.0))
    policy = hpa({"type": "Resource", "average_utilization_percent": 25}, behavior={})
    assert policy.decide(seen(0, 2, samples)).wanted == 4


@pytest.mark.parametrize(("age_s", "since_s", "not_ready"), [(20, 16, 0), (20, 14, 1), (301, 14, 0), (299, 14, 1)])
def test_usage_from_before_an_instance_was_ready_does_not_count_at_first(
    age_s: float, since_s: float, not_ready: int
) -> None:
    """In the first 5 minutes the window of 15 s must lie in the time of service."""
    young = Sample("young", Phase.IN_SERVICE, -age_s, -since_s, 90.0)
    policy = hpa({"type": "Resource", "average_utilization_percent": 25}, behavior={})
    reason = policy.decide(seen(0, 2, (*serving(1, cpu_percent=50.0), young))).reason
    assert (f"and {not_ready} not ready" in reason) == bool(not_ready)
    assert (f"over {2 - not_ready}," in reason) is True


@pytest.mark.parametrize(("delay_s", "after"), [(30, 2), (0, 4)])
def test_instance_that_was_never_ready_counts_only_without_a_readiness_delay(delay_s: float, after: int) -> None:
    """It booted 400 s ago, so the initialisation period is over."""
    slow = Sample("slow", Phase.BOOTING, -400, -400, 50.0)
    policy = hpa(
        {"type": "Resource", "average_utilization_percent": 25}, behavior={}, initial_readiness_delay_s=delay_s
    )
    assert policy.decide(seen(0, 2, (*serving(1, cpu_percent=50.0), slow))).wanted == after


def test_total_within_the_tolerance_wants_what_is_there() -> None:
    """The number of replicas in the status, not the ordered one: one of four has failed and is not replaced yet."""
    policy = hpa(behavior=NO_WINDOW)
    assert policy.decide(Observation(0, Counts(wanted=4, in_service=3), offered_rps=31)).wanted == 3


def test_value_without_any_instance_fails() -> None:
    policy = hpa({"type": "Object", "value": 10})
    decision = policy.decide(Observation(0, Counts(wanted=4), offered_rps=100))
    assert (decision.wanted, "there are no instances" in decision.reason) == (4, True)


def test_value_with_none_in_service_wants_none() -> None:
    """As in the source: the ratio times no ready pods is zero, so only the minimum and the window hold it."""
    one_drains = Observation(0, Counts(wanted=4, draining=1), offered_rps=100)
    assert hpa({"type": "Object", "value": 10}, behavior=NO_WINDOW).decide(one_drains).wanted == 1
    assert hpa({"type": "Object", "value": 10}).decide(one_drains).wanted == 4


def test_infinite_rate_per_instance_is_a_large_number() -> None:
    policy = hpa({"type": "Object", "metric": "rate_per_instance", "value": 10}, minimum=0)
    assert policy.decide(Observation(0, Counts(), offered_rps=5)).wanted == 4
    assert (milli(float("inf")), milli(1e16), milli(0.0001), milli(57.3)) == (LARGEST, LARGEST, 1, 57300)
