"""From what the fleet, HAProxy and the control groups know of each instance to the samples that policies see, and from
the request log to rates and latencies."""

from hypothesis import given
from hypothesis import strategies as st

from controller.model import Instance, Phase, Sample
from controller.requestlog import Request
from controller.sensor import LATENCY_WINDOW_S, Recent, mean_cpu_percent, samples_of

BOOTING = Instance(1, "web-1", Phase.BOOTING, ordered_s=3.0, since_s=3.0)
SERVING = Instance(2, "web-2", Phase.IN_SERVICE, ordered_s=1.0, since_s=2.0)


def test_what_is_known_of_an_instance_comes_together_and_the_rest_is_unknown() -> None:
    assert samples_of([BOOTING, SERVING], {"web-2": 40.0}, {"web-2": 3, "web-9": 1}) == (
        Sample("web-1", Phase.BOOTING, 3.0, 3.0),
        Sample("web-2", Phase.IN_SERVICE, 1.0, 2.0, cpu_percent=40.0, in_flight_requests=3),
    )


def test_mean_use_counts_only_what_serves_and_is_known() -> None:
    third = Instance(3, "web-3", Phase.IN_SERVICE, ordered_s=1.0, since_s=2.0)
    fourth = Instance(4, "web-4", Phase.IN_SERVICE, ordered_s=1.0, since_s=2.0)
    use = {"web-1": 100.0, "web-2": 40.0, "web-3": 20.0}
    assert mean_cpu_percent(samples_of([BOOTING, SERVING, third, fourth], use, {})) == 30.0
    assert mean_cpu_percent(samples_of([BOOTING], use, {})) is None


def test_rates_are_told_by_outcome_over_the_last_second() -> None:
    recent = Recent(1.0)
    old = [Request(9.0, 200, "web-1", 1.0)] * 50
    recent.add([*old, *(Request(9.5, status, "web-1", 1.0) for status in (200, 200, 404, 429, 503))], 10.0)
    assert [recent.rps(outcome) for outcome in ("served", "rejected", "failed")] == [3, 1, 1]
    recent.add([], 10.5)
    assert [recent.rps(outcome) for outcome in ("served", "rejected", "failed")] == [0, 0, 0]


STATUSES = st.sampled_from([200, 404, 429, 503])
ENDS = st.lists(st.tuples(st.integers(0, 300), STATUSES, st.integers(0, 20)), max_size=60)


@given(ENDS, st.lists(st.integers(0, 400), min_size=1, max_size=8), st.sampled_from([0.5, 3.0, 8.0]))
def test_windows_hold_what_ended_in_them_however_often_one_looks(
    ends: list[tuple[int, int, int]], looks: list[int], window_s: float
) -> None:
    """In tenths of a second."""
    recent = Recent(window_s)
    requests = [Request(tenths / 10, status, "web-1", took_ms) for tenths, status, took_ms in sorted(ends)]
    seen = 0
    for now_s in sorted(tenths / 10 for tenths in looks):
        came = [request for request in requests[seen:] if request.at_s <= now_s]
        seen += len(came)
        recent.add(came, now_s)
        ended = [request for request in requests if now_s - window_s < request.at_s <= now_s]
        for outcome in ("served", "rejected", "failed"):
            assert recent.rps(outcome) == sum(each.outcome == outcome for each in ended) / window_s
        longer_s = max(window_s, LATENCY_WINDOW_S)
        assert recent.latencies_ms == sorted(
            each.total_ms for each in requests if each.outcome == "served" and now_s - longer_s < each.at_s <= now_s
        )
