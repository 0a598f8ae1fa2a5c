"""The policy `hpa` in the testbed's terms: time stories worked out by hand, several metrics, missing data, bounds."""

from typing import Any

import pytest

from controller.model import Decision
from controller.policies.hpa import Hpa
from tests.controller.build import observed
from tests.controller.policies.hpa_build import NO_WINDOW, OFFERED, hpa, seen, serving


def story(policy: Hpa, load: dict[float, float], wanted: int, end_s: float, step_s: float = 15) -> list[int]:
    """What is wanted every `step_s`; each decision is in service at the next step. `load` is offered from its time."""
    sizes, t_s = [], 0.0
    while t_s <= end_s:
        offered_rps = load[max(at_s for at_s in load if at_s <= t_s)]
        wanted = policy.decide(observed(t_s, wanted, offered_rps=offered_rps)).wanted
        sizes.append(wanted)
        t_s += step_s
    return sizes


def test_it_doubles_every_15_s_and_shrinks_after_5_minutes() -> None:
    """By hand: 10 a second each. Up at most to 4, then twice as many; down once 20 recommendations of 1 have passed, of
    which the first still counts when it is exactly 300 s old."""
    sizes = story(hpa(), {0: 150, 60: 5}, 1, 390)
    assert sizes == [4, 8, 15, 15, *[15] * 20, 1, 1, 1]


def test_behavior_leaves_out_a_recommendation_that_is_exactly_as_old_as_the_window() -> None:
    assert story(hpa(behavior={}), {0: 150, 60: 5}, 1, 375) == [5, 10, 15, 15, *[15] * 19, 1, 1, 1]


def test_start_counts_as_a_recommendation_of_what_is_there() -> None:
    assert story(hpa(), {0: 5}, 8, 330) == [*[8] * 20, 1, 1, 1]


def test_percentages_of_a_period_are_of_its_start() -> None:
    """By hand: at most 10% of 80 in 60 s is down to 72, and on only when that change is 60 s old; 0.9 * 72 = 64.8."""
    policies = [{"type": "Pods", "value": 4, "period_s": 60}, {"type": "Percent", "value": 10, "period_s": 60}]
    policy = hpa(behavior={"scale_down": {"stabilization_window_s": 0, "policies": policies}})
    assert story(policy, {0: 100}, 80, 120) == [72, 72, 72, 72, 64, 64, 64, 64, 57]


def test_window_up_waits_for_the_lowest_of_it() -> None:
    policy = hpa(behavior={"scale_up": {"stabilization_window_s": 60}})
    assert story(policy, {0: 20, 30: 80}, 2, 120) == [2, 2, 2, 2, 2, 6, 8, 8, 8]


def test_disabled_direction_never_changes() -> None:
    disabled = {"select_policy": "Disabled"}
    assert story(hpa(behavior={"scale_up": disabled}), {0: 150}, 3, 60) == [3] * 5
    assert story(hpa(behavior={"scale_down": disabled}), {0: 1}, 3, 600) == [3] * 41


def test_event_counts_as_it_was_carried_out() -> None:
    """At most 4 more in 60 s. The first 4 were cut to 1 by the limits of the policy file, so 3 more may follow."""
    limit = {"policies": [{"type": "Pods", "value": 4, "period_s": 60}]}
    policy = hpa(behavior={"scale_up": limit})
    assert policy.decide(observed(0, 2, offered_rps=200)).wanted == 6
    assert policy.decide(observed(1, 3, offered_rps=200)).wanted == 3
    assert policy.decide(observed(15, 3, offered_rps=200)).wanted == 6
    assert policy.decide(observed(30, 6, offered_rps=200)).wanted == 6


def test_change_by_another_is_no_event() -> None:
    """4 more were asked for, but the number went down: nothing of these 4 was carried out."""
    policy = hpa(behavior={"scale_up": {"policies": [{"type": "Pods", "value": 4, "period_s": 60}]}})
    assert policy.decide(observed(0, 2, offered_rps=200)).wanted == 6
    assert policy.decide(observed(15, 1, offered_rps=200)).wanted == 5


def test_between_evaluations_nothing_changes() -> None:
    policy = hpa()
    policy.decide(observed(0, 1, offered_rps=10))
    decision = policy.decide(observed(11.75, 1, offered_rps=500))
    assert (decision.wanted, decision.reason) == (1, "next evaluation in 3.2 s")
    assert policy.decide(observed(15, 1, offered_rps=500)).wanted == 4


def test_largest_proposal_wins() -> None:
    policy = hpa(OFFERED, {"type": "External", "metric": "queue_requests", "value": 10}, behavior={})
    decision = policy.decide(observed(0, 4, offered_rps=60, queue_requests=18))
    assert decision.wanted == 8
    assert decision.considered == (
        "Object offered_rps is 60 over 4, 1.5 of the target 10 each: 6 wanted",
        "External queue_requests is 18, 1.8 of the target 10, with 4 in service: 8 wanted",
    )


def test_metric_that_fails_forbids_only_to_shrink() -> None:
    metrics = OFFERED, {"type": "Object", "metric": "queue_requests", "value": 10}
    assert hpa(*metrics, behavior=NO_WINDOW).decide(observed(0, 4, offered_rps=60)).wanted == 6
    decision = hpa(*metrics, behavior=NO_WINDOW).decide(observed(0, 4, offered_rps=5))
    assert decision.wanted == 4
    assert decision.reason == ("held at 4: Object offered_rps is 5 over 4, 0.125 of the target 10 each: 1 wanted, "
                               "but Object queue_requests is not known")  # fmt: skip


def test_without_any_metric_it_holds() -> None:
    decision = hpa().decide(observed(0, 4))
    assert (decision.wanted, decision.reason) == (4, "held at 4: Object offered_rps is not known")
    assert hpa().decide(observed(0, 4, missing="no answer")).reason == "held at 4: no answer"


def test_cpu_alone_may_grow_but_not_shrink_without_statistics() -> None:
    cpu = {"type": "Resource", "average_utilization_percent": 50}
    assert hpa(cpu).decide(seen(0, 2, serving(2, cpu_percent=100.0), missing="no answer")).wanted == 4
    assert hpa(cpu, behavior=NO_WINDOW).decide(seen(0, 2, serving(2, cpu_percent=1.0), missing="no answer")).wanted == 2


def test_what_failed_is_not_recommended() -> None:
    """Else the window would hold a number that no metric asked for."""
    policy = hpa(downscale_stabilization_s=30)
    sizes, wanted = [], 9
    for t_s, offered_rps in ((0, None), (15, None), (30, 20), (45, 20), (60, 20)):
        wanted = policy.decide(observed(t_s, wanted, offered_rps=offered_rps)).wanted
        sizes.append(wanted)
    assert sizes == [9, 9, 2, 2, 2]


def test_at_zero_it_is_paused() -> None:
    decision = hpa().decide(observed(0, 0, offered_rps=100))
    assert (decision.wanted, decision.reason) == (0, "paused: at zero instances with a minimum above it")


@pytest.mark.parametrize(("metric", "after"), [(OFFERED, 3), ({"type": "Object", "value": 10}, 3)])
def test_with_a_minimum_of_zero_a_total_starts_it_again_and_stops_it(metric: dict[str, Any], after: int) -> None:
    """HPAScaleToZero: the proposal is ceil(metric / target), with no tolerance."""
    policy = hpa(metric, minimum=0, behavior=NO_WINDOW)
    assert [policy.decide(observed(t_s, 0, offered_rps=rps)).wanted for t_s, rps in ((0, 0), (15, 21), (30, 0.1))] == [
        0, after, 1,
    ]  # fmt: skip
    assert policy.decide(observed(45, 3, offered_rps=0)).wanted == 0


def test_bounds_come_before_metrics() -> None:
    policy = hpa(minimum=3, maximum=6)
    assert policy.decide(observed(0, 9)) == Decision(6, "9 is above the maximum 6")
    assert policy.decide(observed(15, 1)) == Decision(3, "1 is below the minimum 3")


def test_bounds_end_a_change() -> None:
    assert hpa(maximum=5).decide(observed(0, 4, offered_rps=70)).wanted == 5
    assert story(hpa(minimum=2, behavior=NO_WINDOW), {0: 1}, 4, 15) == [2, 2]
