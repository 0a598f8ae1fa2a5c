"""The policy `ray_serve`. Stories marked "Ray's" are cases of its serve/tests/unit/test_autoscaling_policy.py."""

import math
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from controller.model import Counts, Decision, Observation
from controller.policies.ray_serve import RayServe, RayServeConfig
from tests.controller.policies.build import HISTORIES, History, check

AT_ONCE: dict[str, Any] = {"metrics_interval_s": 0.01, "look_back_period_s": 0.01}  # each tick sees the present load


def ray_serve(**options: Any) -> RayServe:
    return RayServe(RayServeConfig.model_validate(AT_ONCE | options))


def decided(policy: RayServe, t_s: float, requests: float | None, running: int, target: int | None = None) -> Decision:
    counts = Counts(wanted=running if target is None else target, in_service=running)
    number: Any = requests
    return policy.decide(Observation(t_s, counts, in_flight_requests=number))


class Clock:
    """Ray's control loop: a tick each 0.1 s."""

    def __init__(self, policy: RayServe) -> None:
        self._policy = policy
        self._tick = 0

    def tick(self, requests: int, replicas: int) -> int:
        """What is wanted when so many replicas run and are wanted."""
        t_s = self._tick / 10
        self._tick += 1
        return decided(self._policy, t_s, requests, replicas).wanted

    def hold(self, ticks: int, requests: int, replicas: int) -> None:
        for _ in range(ticks):
            assert self.tick(requests, replicas) == replicas


@pytest.mark.parametrize(("factor", "first"), [(10, 10), (0.5, 1), (1, 1)])
def test_first_request_brings_the_factor_at_once(factor: float, first: int) -> None:
    """Ray's test_scaling_factor_scale_up_from_0_replicas."""
    assert decided(ray_serve(upscaling_factor=factor), 0, 1, 0).wanted == first


def test_replicas_on_their_way_are_not_ordered_again() -> None:
    assert decided(ray_serve(), 0, 50, running=0, target=3).wanted == 3


def test_nothing_in_service_and_no_request_changes_nothing() -> None:
    assert [decided(ray_serve(downscale_delay_s=0), 0, 0, 0, target).wanted for target in (0, 2)] == [0, 2]


def test_shrinking_to_none_stops_at_one() -> None:
    """Ray's test_scaling_factor_scale_down_to_0_replicas, first half."""
    policy = ray_serve(downscaling_factor=10, downscale_delay_s=0)
    assert [decided(policy, 0, 0, running).wanted for running in (5, 1)] == [1, 0]


def test_small_factor_reaches_none_all_the_same() -> None:
    """Ray's test_scaling_factor_scale_down_to_0_replicas, second half: one less each time."""
    policy, running, sizes = ray_serve(downscaling_factor=0.2, downscale_delay_s=0), 5, []
    for second in range(5):
        running = decided(policy, second, 0, running).wanted
        sizes.append(running)
    assert sizes == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("to_zero_s", [None, 300])
def test_delays_each_way(to_zero_s: float | None) -> None:
    """Ray's test_upscale_downscale_delay: 300 ticks of 0.1 s hold a delay of 30 s, the next one acts."""
    to_zero = 6000 if to_zero_s is None else 3000
    clock = Clock(ray_serve(target_ongoing_requests=1, downscale_to_zero_delay_s=to_zero_s))
    clock.hold(300, requests=2, replicas=1)
    assert clock.tick(2, 1) == 2
    clock.hold(6000, requests=0, replicas=2)
    assert clock.tick(0, 2) == 1
    clock.hold(to_zero, requests=0, replicas=1)
    assert clock.tick(0, 1) == 0
    clock.hold(150, requests=2, replicas=1)
    clock.tick(0, 1)  # the other way: the delay starts again
    clock.hold(300, requests=2, replicas=1)
    assert clock.tick(2, 1) == 2
    clock.hold(3000, requests=0, replicas=2)
    clock.tick(4, 2)
    clock.hold(6000, requests=0, replicas=2)
    assert clock.tick(0, 2) == 1


def test_load_that_fits_starts_the_delay_again() -> None:
    clock = Clock(ray_serve(target_ongoing_requests=1, upscale_delay_s=1))
    clock.hold(10, requests=2, replicas=1)
    clock.hold(1, requests=1, replicas=1)
    clock.hold(10, requests=2, replicas=1)
    assert clock.tick(2, 1) == 2


def test_replicas_that_are_slow_to_start() -> None:
    """Ray's test_replicas_delayed_startup: (requests, running, target) → wanted."""
    policy = ray_serve(target_ongoing_requests=1, upscale_delay_s=0, downscale_delay_s=80_000)
    story = [((100, 1, 1), 100), ((100, 1, 100), 100), ((123, 3, 100), 123), ((10, 4, 123), 123)]
    for second, ((requests, running, target), wanted) in enumerate(story):
        assert decided(policy, second, requests, running, target).wanted == wanted


@pytest.mark.parametrize("delay_s", [30.0, 0.0])
def test_load_that_swings_changes_nothing_unless_the_delay_is_none(delay_s: float) -> None:
    """Ray's test_fluctuating_ongoing_requests."""
    clock = Clock(ray_serve(target_ongoing_requests=50, upscale_delay_s=delay_s, downscale_delay_s=delay_s))
    seen = [(clock.tick(100, 1), clock.tick(40, 2)) for _ in range(500)]
    assert set(seen) == {(1, 2) if delay_s else (2, 1)}


@pytest.mark.parametrize(("requests", "wanted"), [(20, 4), (100, 20), (10, 2)])
def test_only_the_sum_of_requests_counts(requests: int, wanted: int) -> None:
    """Ray's test_single_replica_receives_all_requests."""
    policy = ray_serve(target_ongoing_requests=5, upscale_delay_s=0, downscale_delay_s=0)
    assert decided(policy, 0, requests, 4).wanted == wanted


@pytest.mark.parametrize(
    ("requests", "running", "up", "down", "wanted"),
    [
        (30, 10, 1, 1, 15), (31, 10, 1, 1, 16),     # 31 / 2 = 15.5, rounded up
        (30, 10, 0.5, 1, 13), (30, 10, 2, 1, 20),   # 10 + 0.5 * 5 = 12.5
        (10, 10, 1, 1, 5), (10, 10, 1, 0.3, 9),     # 10 - 0.3 * 5 = 8.5
        (18, 10, 1, 0.3, 9), (19, 10, 1, 0.3, 10),  # 9.7 would hold 10; 9.5 rounds up to 10 of its own
    ],
)  # fmt: skip
def test_factors_scale_the_difference(requests: int, running: int, up: float, down: float, wanted: int) -> None:
    policy = ray_serve(upscaling_factor=up, downscaling_factor=down, upscale_delay_s=0, downscale_delay_s=0)
    assert decided(policy, 0, requests, running).wanted == wanted


def test_noise_of_floating_point_orders_nothing() -> None:
    policy = ray_serve(target_ongoing_requests=0.9, upscale_delay_s=0)
    assert math.ceil(3 * (0.1 + 0.2) / 0.9) == 2
    assert decided(policy, 0, 3 * (0.1 + 0.2), 1).wanted == 1


@pytest.mark.parametrize(("how", "wanted"), [("mean", 6), ("max", 9), ("min", 3)])
def test_requests_are_combined_over_the_look_back_period(how: str, wanted: int) -> None:
    policy = ray_serve(target_ongoing_requests=1, look_back_period_s=30, upscale_delay_s=0, aggregation_function=how)
    seen = [decided(policy, t_s, requests, 1).wanted for t_s, requests in ((0, 99), (10, 6), (20, 3), (30, 9))]
    assert seen[-1] == wanted


def test_load_is_taken_anew_only_at_its_interval() -> None:
    policy = ray_serve(target_ongoing_requests=1, metrics_interval_s=10, upscale_delay_s=0)
    assert [decided(policy, t_s, requests, 1).wanted for t_s, requests in ((0, 1), (5, 8), (10, 8))] == [1, 1, 8]


def test_number_of_the_last_moment_is_taken() -> None:
    """Ray's issue 46497: the delay only asks for the direction."""
    policy = ray_serve(target_ongoing_requests=1, upscale_delay_s=10)
    assert [decided(policy, t_s, n, 1).wanted for t_s, n in ((0, 90), (9.97, 90), (10, 2))] == [1, 1, 2]


def test_unknown_load_holds_and_starts_the_delay_again() -> None:
    policy = ray_serve(downscale_delay_s=10)
    seen = [decided(policy, t_s, n, 4) for t_s, n in ((0, 0), (5, None), (10, 0), (19, 0), (20, 0))]
    assert [each.wanted for each in seen] == [4, 4, 4, 4, 1]
    assert seen[1].reason == "in_flight_requests is not known"


def test_reasons_tell_load_need_and_delay() -> None:
    policy = ray_serve(upscale_delay_s=10)
    waiting, acting = decided(policy, 0, 30, 10), decided(policy, 10, 30, 10)
    assert waiting.reason == "30 in progress at 2 each ask for 15: 15 in 10.0 s if it lasts"
    assert waiting.considered == ("15 wanted now, without the delay of 10 s",)
    assert acting.reason == "30 in progress at 2 each ask for 15 for 10 s: 15 wanted"
    assert decided(policy, 11, 20, 10).reason == "20 in progress at 2 each ask for 10: 10 fit"


def test_policy_describes_itself_in_words() -> None:
    lines = RayServe(RayServeConfig(downscale_to_zero_delay_s=5)).describe()
    assert lines == [
        "as many instances that each has 2 of in_flight_requests, the mean of 30 s, every 10 s",
        "up by 1 of the difference after 30 s, down by 1 of it after 600 s, from one to none after 5 s",
    ]


@pytest.mark.parametrize("options", [{"target_ongoing_requests": 0}, {"upscaling_factor": 0}, {"metric": "nothing"}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RayServeConfig.model_validate(options)


@given(HISTORIES)
def test_properties_of_every_policy(history: History) -> None:
    check(lambda: RayServe(RayServeConfig(upscale_delay_s=5, downscale_delay_s=20)), history, "in_flight_requests")
