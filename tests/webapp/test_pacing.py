"""The pacer, in virtual time."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from webapp.pacing import Pacer


def turns(rate: int, gaps_s: list[float]) -> list[tuple[float, float]]:
    """When each request came and when its turn was."""
    now_s = 0.0
    pacer = Pacer(rate, clock=lambda: now_s)
    taken = []
    for gap_s in gaps_s:
        now_s += gap_s
        taken.append((now_s, now_s + pacer.reserve()))
    return taken


def test_requests_within_the_limit_do_not_wait() -> None:
    assert all(came == turn for came, turn in turns(10, [0.125] * 50))


def test_burst_is_spread_over_the_following_seconds() -> None:
    waits = [turn for _, turn in turns(10, [0.0] * 25)]
    assert waits == [0.0] * 10 + [1.0] * 10 + [2.0] * 5


@given(st.integers(1, 20), st.lists(st.floats(0, 0.5), max_size=100))
def test_no_second_admits_more_than_the_limit_and_nobody_overtakes(rate: int, gaps_s: list[float]) -> None:
    taken = [turn for _, turn in turns(rate, gaps_s)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(taken))
    assert all(later - earlier >= 1 - 1e-9 for earlier, later in zip(taken, taken[rate:], strict=False))
