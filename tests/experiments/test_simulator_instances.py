"""The model of an instance: the same limit as the application's, the same pacing, one interpreter."""

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from controller.config import Service as Settings
from experiments.simulator.clock import Clock
from experiments.simulator.instances import Answering, Instance, MovingWindow
from experiments.simulator.parameters import Parameters
from tests.experiments.build import changed, default, exactly

GAPS_S = st.lists(st.integers(0, 40).map(lambda step: step / 64), max_size=80)
TIMES = {"put": exactly(5), "get": exactly(5), "integral": exactly(8), "rejected": exactly(2)}
EXACT = changed(default(), service={**TIMES, "cpu_ms": 3.0, "slowdown": 0.5})


class Served:
    """One instance; `at` is what becomes of a request at a time: status, and milliseconds until the answer."""

    def __init__(self, rate_limit: int, overload: str, parameters: Parameters = EXACT) -> None:
        self.clock = Clock()
        settings = Settings.model_validate({"rate_limit": rate_limit, "overload": overload})
        self.instance = Instance(self.clock, Answering(settings, parameters.service, seed=1))

    def at(self, t_s: float, kind: str = "get", boots: int = 0) -> tuple[int, float]:
        self.clock.now_s = t_s
        status, done_s = self.instance.serve(kind, boots)
        return status, round(1000 * (done_s - t_s), 6)


@given(st.integers(1, 12), GAPS_S)
def test_window_admits_what_flask_limiter_admits(limit: int, gaps_s: list[float]) -> None:
    """Held against the library that the application uses."""
    now_s, ours, theirs = 1000.0, [], []
    window, storage = MovingWindow(limit), MemoryStorage()
    limiter, item = MovingWindowRateLimiter(storage), RateLimitItemPerSecond(limit)
    with patch("time.time", lambda: now_s), patch.object(storage, "_MemoryStorage__schedule_expiry", lambda: None):
        for gap_s in gaps_s:
            now_s += gap_s
            ours.append(window.admits(now_s))
            theirs.append(limiter.hit(item, "everyone"))
    assert ours == theirs


def test_what_exceeds_the_limit_is_rejected_and_answered_sooner() -> None:
    served = Served(10, "reject")
    answers = [served.at(number / 100) for number in range(12)]
    assert [status for status, _ in answers] == [200] * 10 + [429] * 2
    assert answers[0][1] == 5
    assert answers[-1][1] == 2
    assert served.at(1.005)[0] == 200


def test_where_instances_pace_nothing_is_rejected_and_the_rest_waits_for_its_turn() -> None:
    served = Served(10, "queue")
    answers = [served.at(number / 100) for number in range(12)]
    assert {status for status, _ in answers} == {200}
    assert answers[9][1] == 5
    assert answers[10][1] == pytest.approx(1000 - 100 + 5)


def test_without_a_limit_everything_is_served() -> None:
    served = Served(0, "reject")
    assert {served.at(number / 500)[0] for number in range(500)} == {200}


def test_requests_at_one_time_compute_one_after_the_other() -> None:
    served = Served(0, "reject")
    assert [served.at(0.0)[1] for _ in range(3)] == [5, 8, 11]
    assert served.instance.used_s == pytest.approx(0.009)


def test_a_put_is_answered_without_content_and_boots_make_all_slower() -> None:
    served = Served(10, "reject")
    assert served.at(0.0, "put", boots=2) == (204, 10.0)
    assert served.at(1.0, "integral") == (200, 8.0)
