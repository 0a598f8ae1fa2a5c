"""The policy `skypilot`. Stories marked "SkyPilot's" are cases of its test_serve_autoscaling.py."""

from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from controller.model import Decision
from controller.policies.skypilot import SkyPilot, SkyPilotConfig
from tests.controller.build import observed
from tests.controller.policies.build import HISTORIES, History, check


def skypilot(**options: Any) -> SkyPilot:
    return SkyPilot(SkyPilotConfig.model_validate({"target_qps_per_replica": 5.0} | options))


def feed(policy: SkyPilot, rate: float | None, wanted: int, from_s: int, to_s: int) -> dict[int, Decision]:
    """The decisions of each second from `from_s` to before `to_s`, with as many wanted as were decided before."""
    made = {}
    for t_s in range(from_s, to_s):
        made[t_s] = policy.decide(observed(t_s, wanted, offered_rps=rate))
        wanted = made[t_s].wanted
    return made


def changes(made: dict[int, Decision], before: int) -> dict[int, int]:
    """When the number changed, and to what."""
    found = {}
    for t_s, decision in made.items():
        if decision.wanted != before:
            found[t_s] = before = decision.wanted
    return found


def test_shrinking_waits_for_its_decisions() -> None:
    """SkyPilot's test_request_rate_hysteresis_delays_scale_down: 300 requests in 60 s, 40 s of delay; the window is
    full at 60 s, where the second decision in a row has long been made."""
    assert changes(feed(skypilot(downscale_delay_s=40.0), 5.0, 2, 0, 100), 2) == {60: 1}


def test_growing_waits_for_its_decisions() -> None:
    """SkyPilot's test_request_rate_hysteresis_delays_scale_up: 301 requests in 60 s are one too many, twice."""
    policy = skypilot(upscale_delay_s=40.0)
    feed(policy, 5.0, 1, 0, 60)
    assert changes(feed(policy, 5.1, 1, 60, 200), 1) == {80: 2}


def test_default_delays_take_15_and_60_decisions() -> None:
    policy = skypilot()
    assert changes(feed(policy, 50.0, 1, 0, 400), 1) == {300: 10}
    assert changes(feed(policy, 5.0, 10, 400, 1800), 10) == {1600: 1}  # the first decision for fewer is at 420 s


def test_decision_for_the_same_number_starts_both_again() -> None:
    """SkyPilot's issue 4444: one sample that jitters undoes all before."""
    policy = skypilot(upscale_delay_s=60.0, qps_window_s=1.0)
    rates = {0: 9.0, 20: 9.0, 40: 5.0, 60: 9.0, 80: 9.0, 100: 9.0}
    made = {t_s: policy.decide(observed(t_s, 1, offered_rps=rates.get(t_s, 0.0))) for t_s in range(101)}
    assert changes(made, 1) == {100: 2}


@pytest.mark.parametrize("between", [0.0, 5.0, None])
def test_other_side_equal_or_unknown_starts_growing_again(between: float | None) -> None:
    policy = skypilot(upscale_delay_s=60.0, qps_window_s=1.0)
    rates = [5.0, 9.0, 9.0, between, 9.0, 9.0, 9.0]
    made = [policy.decide(observed(20.0 * n, 1, offered_rps=rate)).wanted for n, rate in enumerate(rates)]
    assert made == [1, 1, 1, 1, 1, 1, 2]


@pytest.mark.parametrize("between", [29.0, 10.0, None])
def test_other_side_equal_or_unknown_starts_shrinking_again(between: float | None) -> None:
    policy = skypilot(downscale_delay_s=60.0, qps_window_s=1.0)
    rates = [10.0, 10.0, 5.0, 5.0, between, 5.0, 5.0, 5.0]
    made = [policy.decide(observed(20.0 * n, 2, offered_rps=rate)).wanted for n, rate in enumerate(rates)]
    assert made == [2, 2, 2, 2, 2, 2, 2, 1]


def test_from_none_it_grows_at_once_and_looks_more_often() -> None:
    """SkyPilot's test_scale_to_zero_uses_faster_decision_interval."""
    policy = skypilot()
    feed(policy, 0.0, 0, 0, 62)
    assert changes(feed(policy, 200.0, 0, 62, 70), 0) == {65: 3}  # 4 s of 200/s: 800 / 60 / 5


def test_overprovision_is_on_top() -> None:
    """SkyPilot's test_overprovision_scales_up_extra_replica."""
    policy = skypilot(minimum=2, maximum=5, overprovision=1)
    assert changes(feed(policy, 0.0, 2, 0, 100), 2) == {0: 3}


@pytest.mark.parametrize(("rate", "bounds", "wanted"), [(100.0, {"maximum": 3}, 3), (0.0, {"minimum": 2}, 2)])
def test_rate_is_clipped_before_it_is_compared(rate: float, bounds: dict[str, int], wanted: int) -> None:
    """SkyPilot's test_request_rate_target_clips_to_max and to_min: at the bound there is nothing to count."""
    made = feed(skypilot(**bounds), rate, wanted, 0, 1400)
    assert changes(made, wanted) == {}
    assert not any("decision " in made[t_s].reason for t_s in (400, 1380) if "next" not in made[t_s].reason)


def test_window_is_a_mean_over_its_whole_length() -> None:
    policy = skypilot(upscale_delay_s=0.0, target_qps_per_replica=1.0)
    feed(policy, 0.0, 1, 0, 60)
    assert changes(feed(policy, 30.0, 1, 60, 130), 1) == {80: 11, 100: 21, 120: 30}


def test_rate_that_fits_exactly_orders_no_more() -> None:
    """The sum of a window is never quite a whole number of floating point."""
    policy = skypilot(upscale_delay_s=0.0, target_qps_per_replica=0.1)
    made = [policy.decide(observed(tick * 0.3, 3, offered_rps=0.3)) for tick in range(2000)]
    assert {each.wanted for each in made} == {3}


def test_nothing_is_removed_before_the_window_was_seen_whole() -> None:
    made = feed(skypilot(downscale_delay_s=0.0), 10.0, 8, 0, 61)
    assert changes(made, 8) == {60: 2}
    assert made[40].reason.endswith("but the window is not full yet")


def test_gap_does_not_look_like_idleness() -> None:
    policy = skypilot(downscale_delay_s=20.0)
    feed(policy, 25.0, 5, 0, 100)
    assert changes(feed(policy, None, 5, 100, 155), 5) == {}
    assert changes(feed(policy, 25.0, 5, 155, 300), 5) == {}


def test_reasons_tell_rate_need_and_progress() -> None:
    policy = skypilot(upscale_delay_s=60.0)
    made = feed(policy, 5.0, 1, 0, 60) | feed(policy, 60.0, 1, 60, 81)
    assert made[60].reason == "5.92/s over 60 s ask for 2 at 5/s each: decision 1 of 3 for more"
    assert made[60].considered == ("2 wanted by the rate alone",)
    assert made[61].reason == "1 wanted, next decision in 19.0 s"
    assert made[80].reason == "24.2/s over 60 s ask for 5 at 5/s each: decision 2 of 3 for more"


def test_policy_describes_itself_in_words() -> None:
    assert skypilot(overprovision=1).describe() == [
        "as many instances that each gets 5 requests/s, the mean of 60 s, and 1 more",
        "every 20 s (5 s while none is wanted): up after 15 decisions in a row, down after 60",
    ]


@pytest.mark.parametrize("options", [{"minimum": 3, "maximum": 2}, {"target_qps_per_replica": 0.0}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        skypilot(**options)


@given(HISTORIES)
def test_properties_of_every_policy(history: History) -> None:
    check(lambda: skypilot(upscale_delay_s=20.0, downscale_delay_s=40.0), history, "offered_rps")
