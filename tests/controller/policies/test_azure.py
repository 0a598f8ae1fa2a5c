"""The policy `azure`: any rule out, all rules in, flapping, cooldowns, and what is done without data.

Expected values are those of the worked examples in Microsoft's documentation (named in each test), or follow by hand
from the formulas in the policy's docstring.
"""

from typing import Any

import pytest

from tests.controller.build import observed
from tests.controller.policies.azure import azure, minutes, out, scale_in, settled


@pytest.mark.parametrize(
    ("wanted", "cpu", "result"),
    [(1, 56.0, 2), (2, 28.0, 2), (2, 24.9, 1), (2, 25.0, 1), (2, 25.1, 2), (1, 50.0, 1), (1, 50.1, 2), (3, 29.0, 2)],
)
def test_first_example_of_flapping(wanted: int, cpu: float, result: int) -> None:
    """autoscale-flapping.md: above 50 out, below 30 in; 28 on two instances would be 56 on one."""
    assert settled(azure(out(50), scale_in(30)), wanted, cpu_percent=cpu).wanted == result


@pytest.mark.parametrize(("wanted", "threads", "result"), [(2, 1250, 3), (3, 1250, 3), (3, 1200, 3)])
def test_thresholds_without_a_margin_do_not_scale_in(wanted: int, threads: float, result: int) -> None:
    """autoscale-flapping.md: out at 600 threads or more, in below 600; 1250 threads on three, 625 on two."""
    policy = azure(out(600, operator="greater_than_or_equal"), scale_in(600))
    assert settled(policy, wanted, cpu_percent=threads / wanted).wanted == result


@pytest.mark.parametrize(
    ("wanted", "threads", "result"), [(2, 1250, 3), (3, 1250, 3), (3, 1180, 2), (2, 1180, 2)]
)  # fmt: skip
def test_thresholds_with_a_margin_scale_in(wanted: int, threads: float, result: int) -> None:
    """autoscale-flapping.md: the same with 400 as the lower threshold."""
    policy = azure(out(600, operator="greater_than_or_equal"), scale_in(400))
    assert settled(policy, wanted, cpu_percent=threads / wanted).wanted == result


def test_estimate_of_the_final_state() -> None:
    """The documentation's 80/60 example: 60 × 3 / 2 = 90 is deferred, 50 × 3 / 2 = 75 is done."""
    rules = (out(80, operator="greater_than_or_equal"), scale_in(60, operator="less_than_or_equal"))
    deferred, done = (settled(azure(*rules), 3, cpu_percent=cpu) for cpu in (60.0, 50.0))
    assert deferred.wanted == 3
    assert deferred.reason == (
        "scale-in deferred to avoid flapping: cpu_percent would be 90 at 2, at least 80"
    )
    assert (done.wanted, done.reason) == (2, "cpu_percent is 50, at most 60: decrease by 1 from 3 to 2")


def test_scale_in_is_made_smaller_until_no_rule_would_follow() -> None:
    """autoscale-flapping.md: 30 instances at 65 % and 1500 requests. The page says 27, where its own estimate is
    65 × 30 / 27 = 72.2, above the 70 of the rule; by the formula 28 is the smallest count that fits."""
    rules = (
        out(200, 20, metric="offered_rps", divide_per_instance=True, operator="greater_than_or_equal"),
        out(70, 20),
        scale_in(50, 10, metric="offered_rps", divide_per_instance=True, operator="less_than_or_equal"),
    )
    assert settled(azure(*rules), 30, cpu_percent=65.0, offered_rps=3000.0).wanted == 30
    smaller = settled(azure(*rules), 30, cpu_percent=65.0, offered_rps=1500.0)
    assert smaller.wanted == 28
    assert smaller.reason.endswith("decrease by 10 from 30 to 28, not 20 to avoid flapping")
    assert "cpu_percent would be 97.5 at 20, above 70" in smaller.considered


@pytest.mark.parametrize(("requests", "result"), [(8.9, 3), (9.0, 4), (11.9, 4), (12.0, 5), (15.0, 6)])
def test_logged_flapping_event(requests: float, result: int) -> None:
    """autoscale-flapping.md: the log of rules at 3 requests per instance: 6 instances, intended 1, actual 4."""
    per_instance: dict[str, Any] = {"metric": "offered_rps", "divide_per_instance": True, "time_aggregation": "maximum"}
    policy = azure(out(3, 10, operator="greater_than_or_equal", **per_instance), scale_in(3, 5, **per_instance))
    assert settled(policy, 6, offered_rps=requests).wanted == result


@pytest.mark.parametrize(
    ("cpu", "memory", "result"), [(76, 50, 6), (50, 76, 6), (25, 51, 5), (29, 49, 4), (29, 51, 5), (76, 76, 6)]
)
def test_any_rule_scales_out_and_all_rules_scale_in(cpu: float, memory: float, result: int) -> None:
    """autoscale-best-practices.md: CPU 30/75 and memory 50/75; the p99 latency stands for the memory."""
    policy = azure(
        scale_in(30), scale_in(50, metric="latency_ms_p99"), out(75), out(75, metric="latency_ms_p99")
    )  # fmt: skip
    assert settled(policy, 5, cpu_percent=float(cpu), latency_ms_p99=float(memory)).wanted == result


def test_largest_of_several_outs_wins() -> None:
    """autoscale-understanding-settings.md: three against five instances; three instances against 15 %."""
    assert settled(azure(out(1, 3), out(1, 5)), 10, cpu_percent=9.0).wanted == 15
    assert settled(azure(out(1, 3), out(2, 5)), 10, cpu_percent=9.0).reason == (
        "cpu_percent is 9, above 2: increase by 5 from 10"
    )
    percent = out(1, 15, type="percent_change_count")
    assert [settled(azure(out(1, 3), percent), wanted, cpu_percent=9.0).wanted for wanted in (10, 20, 40)] == [
        13, 23, 46,
    ]  # fmt: skip


def test_smallest_of_several_ins_wins() -> None:
    """autoscale-understanding-settings.md: of ten, 50 % leaves five and three instances leave seven."""
    policy = azure(scale_in(9, 50, type="percent_change_count"), scale_in(9, 3))
    assert settled(policy, 10, cpu_percent=1.0).wanted == 7


@pytest.mark.parametrize(
    ("wanted", "messages", "result"), [(2, 50, 2), (2, 100, 3), (3, 149, 3), (3, 150, 4), (3, 31, 3), (3, 30, 2)]
)
def test_queue_is_divided_by_the_instances(wanted: int, messages: int, result: int) -> None:
    """autoscale-best-practices.md: out at 50 messages per instance, in at 10."""
    queue: dict[str, Any] = {"metric": "queue_requests", "divide_per_instance": True}
    policy = azure(
        out(50, operator="greater_than_or_equal", **queue), scale_in(10, operator="less_than_or_equal", **queue)
    )
    assert settled(policy, wanted, queue_requests=messages).wanted == result


def test_cooldown_is_each_rules_own_since_the_last_action_of_any() -> None:
    """autoscale-understanding-settings.md: 60 minutes out, 40 in. Out at 10:00, low from 10:30: in at 10:40."""
    minute: dict[str, Any] = {"time_grain_s": 60.0, "time_window_s": 60.0}
    rules = (out(75, cooldown_s=3600.0, **minute), scale_in(30, cooldown_s=2400.0, **minute))
    assert list(minutes(azure(*rules), {0: 90.0, 30: 20.0, 60: 20.0})) == [(1, 2), (41, 1)]
    assert list(minutes(azure(*rules), {0: 90.0, 130: 90.0})) == [(1, 2), (61, 3), (121, 4)]


def test_scale_in_holds_back_a_scale_out_for_its_rules_cooldown() -> None:
    minute: dict[str, Any] = {"time_grain_s": 60.0, "time_window_s": 60.0}
    rules = (out(75, cooldown_s=600.0, **minute), scale_in(30, cooldown_s=60.0, **minute))
    assert list(minutes(azure(*rules), {0: 10.0, 2: 90.0, 20: 90.0}, 3)) == [(1, 2), (2, 1), (12, 2)]


def test_reason_names_the_cooldown() -> None:
    policy = azure(out(50, cooldown_s=300.0))
    policy.decide(observed(0, 1, cpu_percent=60.0))
    assert policy.decide(observed(1, 1, cpu_percent=60.0)).wanted == 2
    policy.decide(observed(10, 2, cpu_percent=60.0))
    held = policy.decide(observed(11, 2, cpu_percent=60.0))
    assert held.reason == "no rule fires; cpu_percent is 60, above 50 (cooldown, 290.0 s left)"


def test_cooldown_is_over_when_its_time_has_passed_in_spite_of_rounding() -> None:
    """0.1 + 0.2 - 0.3 is a little more than nothing."""
    policy, wanted, sizes = azure(out(50, time_grain_s=0.1, cooldown_s=0.2), evaluation_interval_s=0.1), 1, []
    for t_s in (0, 0.1, 0.2, 0.3, 0.4, 0.7):
        wanted = policy.decide(observed(t_s, wanted, cpu_percent=60.0)).wanted
        sizes.append(wanted)
    assert sizes == [1, 2, 2, 3, 3, 4]


def test_change_that_the_policy_did_not_ask_for_starts_no_cooldown() -> None:
    """A move to a profile's bounds is no scale action (autoscale-understanding-settings.md)."""
    policy = azure(out(50, cooldown_s=300.0))
    policy.decide(observed(0, 1, cpu_percent=60.0))
    policy.decide(observed(0.5, 3, cpu_percent=60.0))
    assert policy.decide(observed(1, 3, cpu_percent=60.0)).wanted == 4


def test_decision_that_was_held_back_starts_no_cooldown() -> None:
    policy = azure(out(50, cooldown_s=300.0))
    policy.decide(observed(0, 1, cpu_percent=60.0))
    assert [policy.decide(observed(t_s, 1, cpu_percent=60.0)).wanted for t_s in (1, 2, 3)] == [2, 2, 2]


def test_evaluation_comes_once_in_its_interval() -> None:
    policy = azure(out(50), evaluation_interval_s=30)
    decisions = [policy.decide(observed(t_s, 1, cpu_percent=60.0)) for t_s in (0, 1, 29, 30, 30.5, 59, 60)]
    assert [decision.wanted for decision in decisions] == [1, 1, 1, 2, 1, 1, 2]
    assert decisions[2].reason == "next evaluation in 1.0 s"


@pytest.mark.parametrize(("wanted", "result"), [(1, 3), (2, 3), (3, 3), (7, 7)])
def test_unknown_metric_raises_to_the_default_count_and_never_lowers(wanted: int, result: int) -> None:
    decision = settled(azure(out(50), scale_in(30), default_count=3), wanted, cpu_percent=None)
    assert decision.wanted == result
    assert "unknown" in decision.reason


def test_unknown_metric_does_not_hold_back_another_that_scales_out() -> None:
    policy = azure(out(50, 5), out(50, metric="latency_ms_p99"), default_count=3)
    assert settled(policy, 1, cpu_percent=60.0).wanted == 6


def test_default_count_stays_within_the_bounds() -> None:
    assert settled(azure(out(50), default_count=9, maximum=6), 1, cpu_percent=None).wanted == 6


def test_default_count_wins_over_a_smaller_scale_out() -> None:
    policy = azure(out(50), out(50, metric="latency_ms_p99"), default_count=8)
    assert settled(policy, 1, cpu_percent=60.0).wanted == 8


def test_before_the_first_grain_nothing_is_unknown() -> None:
    policy = azure(out(50), scale_in(30), default_count=3)
    first = policy.decide(observed(0, 1, cpu_percent=None))
    assert (first.wanted, first.reason) == (1, "held, the first points are not finished")


def test_metric_counts_as_known_while_the_window_holds_a_point() -> None:
    policy = azure(scale_in(30, time_window_s=3.0), default_count=9)
    wanted = [policy.decide(observed(0, 5, cpu_percent=10.0)).wanted]
    wanted += [policy.decide(observed(t_s, 5, cpu_percent=None)).wanted for t_s in (1, 2, 3, 4)]
    assert wanted == [5, 4, 4, 4, 9]


def test_values_beside_missing_statistics_are_not_believed() -> None:
    policy = azure(scale_in(30))
    policy.decide(observed(0, 5, cpu_percent=10.0, missing="no answer"))
    assert policy.decide(observed(1, 5, cpu_percent=10.0)).reason == "held, cpu_percent is unknown"


def test_fleet_never_shrinks_while_there_are_no_statistics() -> None:
    policy = azure(scale_in(30, time_window_s=60.0))
    policy.decide(observed(0, 5, cpu_percent=10.0))
    blind = policy.decide(observed(1, 5, cpu_percent=10.0, missing="HAProxy does not answer"))
    assert (blind.wanted, blind.reason) == (5, "held, no data: HAProxy does not answer")


def test_bounds_of_the_profile_hold_in_what_rules_lead_to() -> None:
    policy = azure(out(50, 10), scale_in(30, 10), minimum=2, maximum=6)
    assert settled(policy, 4, cpu_percent=60.0).wanted == 6
    assert settled(azure(scale_in(30, 10), minimum=2, maximum=6), 4, cpu_percent=1.0).wanted == 2
    assert settled(azure(out(50, 10), maximum=6), 9, cpu_percent=60.0).wanted == 9
    lowest = settled(azure(scale_in(30, 10), minimum=2), 2, cpu_percent=1.0)
    assert (lowest.wanted, lowest.reason) == (2, "cpu_percent is 1, below 30, and nothing to remove from 2")


def test_last_instance_stays_while_it_has_load() -> None:
    """Without instances any load is too much for each, so that an increase rule would follow."""
    assert settled(azure(out(50), scale_in(30)), 1, cpu_percent=1.0).wanted == 1
    assert settled(azure(out(50), scale_in(30)), 1, cpu_percent=0.0).wanted == 0


def test_queue_without_instances_scales_out() -> None:
    rule = out(50, metric="queue_requests", divide_per_instance=True)
    assert settled(azure(rule), 0, queue_requests=1).wanted == 1
    assert settled(azure(rule), 0, queue_requests=0).wanted == 0


def test_every_rule_is_considered_and_described() -> None:
    policy = azure(out(50), scale_in(30, 2, cooldown_s=60.0))
    assert settled(policy, 2, cpu_percent=40.0).considered == (
        "rule 0 (increase by 1): cpu_percent is 40, not above 50",
        "rule 1 (decrease by 2): cpu_percent is 40, not below 30",
    )
    assert policy.describe()[1] == (
        "decrease by 2 when cpu_percent, average over 1 s (points of 1 s, average of the instances), is below 30; "
        "cooldown 60 s"
    )


def test_reason_tells_that_only_some_scale_in_rules_fire() -> None:
    policy = azure(scale_in(30), scale_in(50, metric="latency_ms_p99"))
    reason = settled(policy, 5, cpu_percent=25.0, latency_ms_p99=51.0).reason
    assert (
        reason == "not all scale-in rules fire; cpu_percent is 25, below 30; latency_ms_p99 is 51, not below 50"
    )
