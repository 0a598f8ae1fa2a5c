"""The policy `kpa` as a whole: stories in virtual time, worked out from Knative's formulas."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.model import Counts, Decision, Observation
from controller.policies.kpa import Kpa, KpaConfig


def kpa(**options: Any) -> Kpa:
    """Each instance is to have 10 requests in flight; evaluated each second, so that every tick decides."""
    return Kpa(KpaConfig(**({"target": 10, "target_utilization": 1, "tick_interval_s": 1} | options)))


def seen(t_s: float, load: int | None, wanted: int = 1, in_service: int | None = None, **more: Any) -> Observation:
    counts = Counts(wanted=wanted, in_service=wanted if in_service is None else in_service)
    return Observation(t_s, counts, in_flight_requests=load, **more)


def story(policy: Kpa, loads: Sequence[int | None], wanted: int = 1, start_s: float = 0) -> list[int]:
    """What is wanted at each second; the fleet follows at once."""
    made = []
    for second, load in enumerate(loads):
        wanted = policy.decide(seen(start_s + second, load, wanted)).wanted
        made.append(wanted)
    return made


def test_stable_window_smooths_the_load() -> None:
    """10 at first, then 19 without end: the mean of 6 s passes 10 at once, and 2 × 10 never."""
    policy = kpa(stable_window_s=6, panic_window_percentage=100)
    assert story(policy, [10] * 6 + [19] * 6) == [1] * 6 + [2] * 6


def test_step_in_the_load_panics_by_the_short_window_and_shrinks_by_the_long_one() -> None:
    """60 in flight from second 20 on: the mean of 6 s is 10, 20, ... 60, and six instances stand at 26; at 40 the load
    ends. Panic was last at 21 (2 needed, 1 in service, as the fleet follows at once), so it ends after 81, with 17 s of
    the load left in the long window: 2 needed, at first not fewer than half of 6."""
    policy = kpa()
    made = story(policy, [0] * 20 + [60] * 20 + [0] * 80, wanted=1)
    assert made[20:26] == [1, 2, 3, 4, 5, 6]
    assert made[26:82] == [6] * 56
    assert made[82:86] == [3, 2, 2, 2]


def test_panic_threshold_compares_with_those_in_service() -> None:
    quiet, panicky = kpa(panic_threshold_percentage=200), kpa(panic_threshold_percentage=190)
    for policy, mode in ((quiet, False), (panicky, True)):
        policy.decide(seen(0, 10, 1))
        decision = policy.decide(seen(1, 360, wanted=10, in_service=10))
        assert decision.reason.startswith("panic") is mode, decision


def test_sample_stands_for_the_seconds_that_nobody_looked() -> None:
    """Else a loop of 3 s a tick would see a third of the load."""
    policy = kpa(stable_window_s=12, tick_interval_s=2)
    for t_s in range(0, 30, 3):
        decision = policy.decide(seen(t_s, 30, wanted=3))
    assert decision.considered[0] == "stable window of 12 s: 30 requests in flight at 10 each need 3"


def test_rate_is_the_other_metric() -> None:
    policy = kpa(metric="rps", target=None)
    decision = policy.decide(seen(0, 3, wanted=1, offered_rps=1000))
    assert decision.reason == "panic: 1000 requests/s at 200 each need 5"


def test_default_target_is_seventy_of_a_hundred() -> None:
    decision = Kpa(KpaConfig()).decide(seen(0, 141, wanted=2))
    assert (decision.wanted, decision.reason) == (3, "panic: 141 requests in flight at 70 each need 3")


def test_evaluation_has_its_own_period() -> None:
    policy = kpa(tick_interval_s=2)
    reasons = [policy.decide(seen(t_s, 25, wanted=1)).reason for t_s in (0, 0.5, 1.9, 2)]
    assert reasons[1] == "held, next evaluation in 1.5 s"
    assert [reason.startswith("held") for reason in reasons] == [False, True, True, False]


def test_zero_needs_an_active_stable_window_and_an_inactive_grace_period() -> None:
    """No load from the start: active at 0, inactive at 60, zero at 90."""
    policy = kpa()
    made = story(policy, [0] * 100)
    assert (made.index(0), set(made[90:])) == (90, {0})


def test_retention_holds_the_last_one_longer_than_the_grace_period() -> None:
    assert story(kpa(scale_to_zero_pod_retention_period_s=45), [0] * 110).index(0) == 105
    assert story(kpa(scale_to_zero_pod_retention_period_s=20), [0] * 110).index(0) == 90


def test_load_within_the_grace_period_keeps_the_service_active() -> None:
    """A request at 70: the mean is above 0 until 129; then inactive at 130, and zero 30 s later."""
    assert story(kpa(), [0] * 70 + [1] + [0] * 100).index(0) == 160


def test_zero_can_be_forbidden() -> None:
    assert set(story(kpa(enable_scale_to_zero=False), [0] * 200)) == {1}


def test_waiting_request_ends_zero_at_once_and_not_at_the_next_evaluation() -> None:
    policy = kpa(tick_interval_s=60, initial_scale=0)
    assert policy.decide(seen(0, 0, wanted=0)).wanted == 0
    decision = policy.decide(seen(0.5, 1, wanted=0, queue_requests=1))
    assert (decision.wanted, decision.reason) == (1, "1 requests in flight at 10 each need 1")


def test_burst_at_zero_is_not_thinned_out_by_the_idle_time() -> None:
    """Knative has no samples while there are no pods, so its mean starts anew: 5 instances, not ceil(50/6/10)."""
    policy = kpa(initial_scale=0)
    assert story(policy, [0] * 100 + [50], wanted=0)[-1] == 5


def test_waiting_request_ends_zero_even_where_the_rate_is_still_zero_or_unknown() -> None:
    for rate in (0.0, None):
        policy = kpa(metric="rps", initial_scale=0)
        decision = policy.decide(seen(0, 1, wanted=0, offered_rps=rate))
        assert (decision.wanted, decision.reason) == (1, "a request waits and there is no instance")


def test_initial_scale_holds_until_it_was_reached() -> None:
    policy = kpa(initial_scale=3)
    assert [policy.decide(seen(t_s, 5, wanted=3, in_service=ready)).wanted for t_s, ready in enumerate((0, 1, 3))] == [
        3
    ] * 3
    assert policy.decide(seen(3, 5, wanted=3, in_service=3)).wanted == 1


def test_service_that_never_comes_up_is_given_up_after_the_deadline() -> None:
    policy = kpa(progress_deadline_s=10)
    made = [policy.decide(seen(t_s, 0, wanted=1, in_service=0)).wanted for t_s in range(50)]
    assert made.index(0) == 41  # 10 s and the 30 s beyond


def test_unknown_load_holds_what_is_there() -> None:
    policy = kpa(stable_window_s=6)
    assert story(policy, [30] * 6 + [None] * 30, wanted=3)[6:] == [3] * 30
    decision = policy.decide(seen(36, None, wanted=3, missing="no answer"))
    assert (decision.wanted, decision.reason) == (3, "no data on the stable window: nothing is done")


def test_unknown_load_holds_even_what_the_known_past_would_shrink() -> None:
    policy = kpa(stable_window_s=6, panic_window_percentage=100)
    story(policy, [40] * 3 + [20] * 3, wanted=1)
    story(policy, [10] * 60, wanted=4, start_s=6)
    assert policy.decide(seen(66, None, wanted=8)).reason.endswith("held, the load is not known)")


def test_explanation_tells_each_window_and_clamp() -> None:
    policy = kpa(scale_down_delay_s=30)
    policy.decide(seen(0, 10, wanted=2))
    assert policy.decide(seen(1, 90, wanted=2)).considered == (
        "stable window of 60 s: 50 requests in flight at 10 each need 5",
        "panic window of 6 s: 50 requests in flight at 10 each need 5, 2.5 times 2 in service, panic is from 2 times",
        "rates allow 1 to 2000 at 2 in service: 5 and 5",
        "excess burst capacity: -241 beyond a burst of 211 (no effect here)",
        "scale-down delay: at most 5 were wanted within 30 s",
    )


def test_policy_describes_itself_in_words() -> None:
    assert Kpa(KpaConfig(scale_down_delay_s=15)).describe() == [
        "as many instances that each has at most 70 requests in flight (70% of 100), in the mean of 60 s, "
        "looked at every 2 s",
        "panic when the mean of 6 s needs 2 times those in service: as many as either mean needs, "
        "and no fewer until 60 s after the last time",
        "at one time at most 1000 times and at least 1/2 of those in service",
        "fewer only when no more were wanted for 15 s",
        "zero 30 s after no load is left in the mean; 1 at once when a request waits",
    ]  # fmt: skip
    assert kpa(enable_scale_to_zero=False).describe()[-1] == "never zero"


@pytest.mark.parametrize(
    "options",
    [
        {"stable_window_s": 5}, {"stable_window_s": 6.5}, {"panic_threshold_percentage": 100}, {"max_scale_up_rate": 1},
        {"target_burst_capacity": -2}, {"target_burst_capacity": -0.5}, {"target_utilization": 0}, {"metric": "cpu"},
        {"target": 0.001}, {"scale_down_delay_s": 3601}, {"window": 60},
    ],
)  # fmt: skip
def test_illegal_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KpaConfig(**options)


@pytest.mark.parametrize(("percent", "seconds"), [(1, 1), (10, 3), (50, 13), (100, 25)])
def test_panic_window_is_a_share_in_whole_seconds(percent: float, seconds: float) -> None:
    assert KpaConfig(stable_window_s=25, panic_window_percentage=percent).panic_window_s == seconds


LOADS = st.none() | st.integers(0, 1000)
HISTORIES = st.lists(st.tuples(st.floats(0, 20), LOADS, st.integers(0, 30)), max_size=60)


def replay(make: Callable[[], Kpa], history: list[tuple[float, int | None, int]]) -> list[tuple[Observation, Decision]]:
    policy, t_s, wanted, made = make(), 0.0, 4, []
    for pause_s, load, in_service in history:
        t_s += pause_s
        observation = seen(t_s, load, wanted, in_service)
        made.append((observation, policy.decide(observation)))
        wanted = min(200, made[-1][1].wanted)
    return made


@given(HISTORIES)
def test_same_observations_lead_to_the_same_decisions(history: list[tuple[float, int | None, int]]) -> None:
    assert replay(kpa, history) == replay(kpa, history)


@given(HISTORIES)
def test_unknown_load_never_shrinks_the_fleet(history: list[tuple[float, int | None, int]]) -> None:
    for observation, decision in replay(lambda: kpa(stable_window_s=6, initial_scale=0), history):
        assert observation.in_flight_requests is not None or decision.wanted >= observation.counts.wanted


@given(HISTORIES)
def test_rates_bound_every_change(history: list[tuple[float, int | None, int]]) -> None:
    """Panic keeps what an earlier count allowed."""
    most = 1
    for observation, decision in replay(lambda: kpa(stable_window_s=6, max_scale_up_rate=3, initial_scale=0), history):
        most = max(most, observation.counts.in_service)
        assert decision.wanted <= max(3 * most, 4)
        if decision.wanted < observation.counts.wanted:
            assert decision.wanted >= observation.counts.in_service // 2
