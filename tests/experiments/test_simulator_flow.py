"""Load, balancer and instances as flows: what is served, waits and is lost, and what each limiter admits."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import Service as Settings
from experiments.simulator.flow import Arrivals, Flow
from experiments.simulator.windows import Windows
from loadgen.load import OpenLoad
from tests.experiments.build import changed, default, load

SERVICE = changed(default(), service={"cpu_ms": 3.0}).service


def offered(rate_rps: float, arrivals: str = "even", duration_s: float = 60) -> OpenLoad:
    flat = {"shape": "step", "low_rps": rate_rps, "high_rps": rate_rps, "before_s": 1, "duration_s": duration_s}
    made = load(**flat, arrivals=arrivals)
    assert isinstance(made, OpenLoad)
    return made


class Played:
    """A flow from 0 s on; the spans that it told of."""

    def __init__(
        self, rate_rps: float, overload: str = "reject", limit: int = 10, waits_for_first: bool = False
    ) -> None:
        settings = Settings.model_validate({"rate_limit": limit, "overload": overload})
        self.spans: list[tuple[float, int, float, float]] = []
        self.flow = Flow(
            Arrivals(offered(rate_rps), 0.0), settings, SERVICE, waits_for_first, lambda *span: self.spans.append(span)
        )
        self.now_s = 0.0

    def join(self, *names: str) -> "Played":
        self.flow.windows.join(names, self.now_s)
        return self

    def until(self, t_s: float) -> "Played":
        self.now_s = t_s
        self.flow.advance(t_s)
        return self

    def in_steps_until(self, t_s: float) -> "Played":
        """In tenths of a second, as with ticks."""
        while self.now_s < t_s - 1e-9:
            self.until(round(self.now_s + 0.1, 1))
        return self

    @property
    def told(self) -> tuple[int, float, float, float, float]:
        """Offered, served, rejected, failed, waiting."""
        totals = self.flow.totals
        return (totals.offered, totals.served, totals.rejected, totals.failed, self.flow.queue_requests)


def test_even_arrivals_are_the_load_s_integral_and_others_have_it_as_their_mean() -> None:
    even, poisson = Arrivals(offered(7.5), 5.0), Arrivals(offered(7.5, "poisson"), 5.0, times=1000)
    assert [even.until(t_s) for t_s in (5.0, 5.1, 5.2, 6.0, 65.0, 99.0)] == [0, 0, 1, 6, 443, 0]
    drawn = [poisson.until(5.0 + step) for step in range(1, 61)]
    assert sum(drawn) == pytest.approx(450_000, rel=0.01)
    assert len(set(drawn)) > 50


def test_a_load_can_be_larger_and_longer() -> None:
    larger = Arrivals(offered(10), 0.0, times=3, stretch=24.0)
    assert larger.until(24 * 60.0) == 10 * 60 * 3 * 24
    assert larger.until(25 * 60.0) == 0


def test_what_exceeds_the_limit_is_rejected_and_what_fits_is_served_at_once() -> None:
    assert Played(100).join("web-1", "web-2").until(10).told == pytest.approx((1000, 200, 800, 0, 0))
    assert Played(19).join("web-1", "web-2").until(10).told == pytest.approx((190, 190, 0, 0, 0))


def test_an_instance_that_comes_with_an_empty_window_does_not_help_the_one_that_is_full() -> None:
    """The balancer gives both the same, whatever they admit."""
    played = Played(20).join("web-1").in_steps_until(0.6)
    assert played.told == pytest.approx((12, 10, 2, 0, 0))
    assert played.join("web-2").in_steps_until(0.9).told == pytest.approx((18, 13, 5, 0, 0))
    assert played.in_steps_until(2.0).told == pytest.approx((40, 34, 6, 0, 0))  # its turns come back after a second


def test_where_instances_pace_the_rest_waits_and_times_out_after_five_seconds() -> None:
    played = Played(20, "queue").join("web-1").until(4)
    assert played.told == pytest.approx((80, 40, 0, 0, 40))
    played.until(30)
    _, served, rejected, failed, waiting = played.told
    assert (served, rejected) == pytest.approx((300, 0))
    assert waiting == pytest.approx(100, abs=21)  # of five seconds
    assert failed == pytest.approx(600 - 300 - waiting)
    assert played.spans[-1][3] == pytest.approx(5, abs=1)


def test_what_waits_is_served_by_those_that_come() -> None:
    played = Played(20, "queue").join("web-1").until(3.0).join("web-2", "web-3", "web-4").until(5.0)
    assert played.flow.queue_requests == pytest.approx(0, abs=1e-6)
    assert played.flow.totals.failed == 0


def test_a_reload_leaves_the_queue_behind_with_the_instances_of_that_time() -> None:
    """Two wait at the reload, for the second in which their instance has turns again; the newcomer has no share in
    them."""
    played = Played(20, "queue").join("web-1").in_steps_until(0.6)
    played.flow.leave_queue_behind()
    assert (played.flow.seen_requests, played.flow.queue_requests) == pytest.approx((0, 2))
    assert played.join("web-2").in_steps_until(0.9).told == pytest.approx((18, 16, 0, 0, 2))
    assert played.in_steps_until(1.5).told == pytest.approx((30, 30, 0, 0, 0))


def test_without_an_instance_requests_fail_or_wait_for_the_first() -> None:
    assert Played(10).until(2).told == pytest.approx((20, 0, 0, 20, 0))
    waiting = Played(4, waits_for_first=True).until(2)
    assert waiting.told == pytest.approx((8, 0, 0, 0, 8))
    assert waiting.join("web-1").until(3).told == pytest.approx((12, 10, 2, 0, 0))  # ten within a second


def test_without_a_limit_an_instance_serves_what_its_cpu_can() -> None:
    played = Played(1000, limit=0).join("web-1").until(3)
    assert played.told[1] == pytest.approx(1000 / 3 * 3)
    assert played.told[4] == pytest.approx(2000)


MOVES = st.lists(
    st.tuples(
        st.sampled_from([0.05, 0.1, 0.7, 3.0]),
        st.integers(0, 5),
        st.sampled_from(["join", "leave", "forget", "reload"]),
    ),
    max_size=30,
)


@given(st.floats(1, 90), st.sampled_from(["reject", "queue"]), st.booleans(), MOVES)
def test_nothing_is_lost_or_made_whatever_becomes_of_the_instances(
    rate_rps: float, overload: str, waits_for_first: bool, moves: list[tuple[float, int, str]]
) -> None:
    """What came is served, rejected, failed or waits; and no more is served than the limiters admit."""
    played = Played(rate_rps, overload, waits_for_first=waits_for_first)
    known: set[str] = set()
    most = 0
    for pause_s, number, move in moves:
        name = f"web-{number}"
        if move == "join":
            played.join(name)
            known.add(name)
        elif move == "reload":
            played.flow.leave_queue_behind()
        elif name in known:
            (played.flow.windows.leave if move == "leave" else played.flow.windows.forget)(name)
            known -= {name} if move == "forget" else set()
        most = max(most, played.flow.windows.usable)
        played.until(played.now_s + pause_s)
        count, served, rejected, failed, waiting = played.told
        assert count == pytest.approx(served + rejected + failed + waiting, abs=1e-6)
        assert min(served, rejected, failed, waiting) >= -1e-6
    joined = sum(move == "join" for _, _, move in moves)
    assert played.flow.totals.served <= 10 * (most * played.now_s + joined) + 1e-6


@given(st.lists(st.tuples(st.sampled_from([0.03, 0.1, 0.5, 1.0]), st.floats(0, 20)), min_size=1, max_size=60))
def test_a_window_admits_no_more_than_the_limit_in_any_second(spans: list[tuple[float, float]]) -> None:
    windows, now_s, admitted = Windows(), 0.0, deque[tuple[float, float, float]]()
    windows.join(["web-1"], 0.0)
    (cohort,) = windows.cohorts
    for length_s, wish in spans:
        from_s, now_s = now_s, now_s + length_s
        each = min(wish, cohort.room(now_s, 10))
        cohort.admit(from_s, now_s, each)
        admitted.append((from_s, now_s, each))
        shares = (min(1.0, (ends_s - now_s + 1) / (ends_s - begin_s)) * amount for begin_s, ends_s, amount in admitted)
        assert sum(share for share in shares if share > 0) <= 10 + 1e-6


def test_cohorts_that_have_become_alike_are_one_and_names_stay_known() -> None:
    windows = Windows()
    windows.join(["web-1", "web-2"], 0.0)
    windows.join(["web-3"], 1.0)
    windows.merge(2.5)
    assert [cohort.usable for cohort in windows.cohorts] == [2, 1]
    windows.merge(3.1)
    assert [cohort.usable for cohort in windows.cohorts] == [3]
    windows.leave("web-3")
    windows.forget("web-1")
    assert (windows.usable, windows.names) == (1, {"web-2"})
    windows.join(["web-1"], 4.0)
    assert [cohort.usable for cohort in windows.cohorts] == [1, 1]  # another instance, with a window of its own
