"""The search for what a fleet sustains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.capacity import CLOSE, HIGHEST_RPS, Trial, capacity_rps, judged, search
from experiments.metrics.service import SLO
from loadgen.ledger import Record


def trial(rps: float, limit_rps: float) -> Trial:
    return Trial(rps, rps <= limit_rps, 1.0, None)


@given(limit_rps=st.floats(min_value=2, max_value=150), guess_rps=st.floats(min_value=2, max_value=150))
def test_search_ends_close_below_the_limit(limit_rps: float, guess_rps: float) -> None:
    trials = search(lambda rps: trial(rps, limit_rps), guess_rps)
    assert limit_rps * (1 - CLOSE) <= capacity_rps(trials) <= limit_rps
    assert len(trials) < 40


def test_search_gives_up_at_its_highest_rate() -> None:
    trials = search(lambda rps: trial(rps, 1e9), 100)
    assert max(each.rps for each in trials) <= HIGHEST_RPS
    assert capacity_rps(trials) == trials[-1].rps


def test_search_that_never_holds_finds_nothing() -> None:
    assert capacity_rps(search(lambda rps: trial(rps, 0), 10)) == 0


def test_a_rate_that_held_above_one_that_did_not_is_not_believed() -> None:
    assert capacity_rps([trial(10, 10), Trial(12, False, 0.9, None), Trial(13, True, 1.0, None)]) == 10


@pytest.mark.parametrize(("late", "holds"), [(0, True), (1, False)])
def test_a_trial_is_judged_without_its_warm_up(late: int, holds: bool) -> None:
    """Of fifty requests that count, each one is two per cent."""
    warm = [Record(k / 10, k / 10, None, "get", 503, "failed", "status 503") for k in range(10)]
    rest = [
        Record(1 + k / 10, 1 + k / 10, 1 + k / 10 + (0.6 if k < late else 0.1), "get", 200, "served") for k in range(50)
    ]
    found = judged([*warm, *rest], SLO(), 10)
    assert (found.holds, found.served_share) == (holds, 1 - late / 50)
