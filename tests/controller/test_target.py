"""The policy `target`: as many instances as the offered rate needs, with a dead band below."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policies.target import Target, TargetConfig
from tests.controller.build import observed, target

OFFERED = st.just(0.0) | st.floats(0.001, 1e6)


def wanted(offered_rps: float | None, before: int, rate_per_instance: float = 10, tolerance: float = 0.1) -> int:
    return target(rate_per_instance, tolerance).decide(observed(0, before, offered_rps=offered_rps)).wanted


@pytest.mark.parametrize(
    ("offered_rps", "before", "after"),
    [(0, 3, 0), (10, 1, 1), (10.1, 1, 2), (100, 1, 10), (95, 10, 10), (90, 10, 10), (89.9, 11, 10), (45, 10, 5)],
)
def test_fleet_follows_the_offered_rate(offered_rps: float, before: int, after: int) -> None:
    assert wanted(offered_rps, before) == after


def test_rate_that_hovers_at_a_boundary_does_not_flap() -> None:
    sizes, size = [], 1
    for offered_rps in (20.1, 19.9, 20.1, 19.9, 18.1, 20.1):
        size = wanted(offered_rps, size)
        sizes.append(size)
    assert sizes == [3, 3, 3, 3, 3, 3]
    assert wanted(17.9, 3) == 2


def test_unknown_rate_changes_nothing() -> None:
    decision = target().decide(observed(0, 7, offered_rps=None))
    assert (decision.wanted, decision.reason) == (7, "the offered rate is not known")


def test_reasons_tell_rate_and_need() -> None:
    assert target().decide(observed(0, 1, offered_rps=55)).reason == "offered 55/s needs 6 at 10/s each"
    assert target().decide(observed(0, 9, offered_rps=10)).reason == "offered 10/s leaves 7 to spare at 10/s each"
    assert target().decide(observed(0, 6, offered_rps=55)).reason == "offered 55/s fits 6"


def test_policy_describes_itself_in_words() -> None:
    (line,) = target(8, 0.2).describe()
    assert "at most 8 requests/s" in line
    assert "20%" in line


@given(OFFERED, st.integers(0, 200), st.floats(0.01, 1e5), st.floats(0, 0.99))
def test_no_instance_gets_more_than_the_target(
    offered_rps: float, before: int, rate_per_instance: float, tolerance: float
) -> None:
    after = wanted(offered_rps, before, rate_per_instance, tolerance)
    assert after * rate_per_instance >= offered_rps * (1 - 1e-9)


@given(OFFERED, st.integers(0, 200), st.floats(0.01, 1e5), st.floats(0, 0.99))
def test_deciding_again_at_the_same_rate_changes_nothing(
    offered_rps: float, before: int, rate_per_instance: float, tolerance: float
) -> None:
    after = wanted(offered_rps, before, rate_per_instance, tolerance)
    assert wanted(offered_rps, after, rate_per_instance, tolerance) == after


def test_smallest_legal_target_can_be_decided_on() -> None:
    assert wanted(100, 1, rate_per_instance=0.001) > 1


def test_queue_counts_as_load_that_is_to_be_served_within_the_given_time() -> None:
    config = TargetConfig(rate_per_instance=10, drain_queue_s=0.5)
    seen = observed(0, 1, offered_rps=20.0, queue_requests=15)
    decision = Target(config).decide(seen)
    assert (decision.wanted, "30/s of queue" in decision.reason) == (5, True)
