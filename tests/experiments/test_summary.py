"""A run's key figures: the oracle's part."""

from typing import Any

import pytest

from experiments.summary import oracle_figures, oracle_of
from loadgen.ledger import Record


def journal(rate_limit: int = 10, minimum: int = 1, total_ms: tuple[float, ...] = (300.0,)) -> list[dict[str, Any]]:
    policy = {"service": {"rate_limit": rate_limit}, "instances": {"min": minimum}}
    entered = [{"t_s": 0.5, "event": "instance", "phase": "IN_SERVICE", "total_ms": each} for each in total_ms]
    ticks = [{"t_s": float(t_s), "event": "tick", "in_service": 3} for t_s in range(31)]
    return [{"t_s": 0.0, "event": "start", "policy": policy}, *entered, *ticks]


def records(*due_s: float) -> list[Record]:
    return [Record(t_s, t_s, t_s + 0.005, "get", 200, "served") for t_s in due_s]


STEADY = records(*(5.0 + k / 16 for k in range(16 * 20)))  # 16 a second: two instances of ten


def test_oracle_keeps_the_minimum_all_along_and_orders_ahead() -> None:
    steps = oracle_of(journal(), STEADY)
    assert steps is not None
    assert (steps.times_s[0], steps.end_s) == (0.0, 30.0)
    assert steps.at(0.0) == steps.at(29.0) == 1
    assert steps.at(15.0) == 2
    first = next(t_s for t_s, count in zip(steps.times_s, steps.counts, strict=True) if count == 2)
    assert first == pytest.approx(5.0 + 10 / 16 - 0.3)


def test_oracle_waits_as_long_as_the_run_did() -> None:
    slow = oracle_of(journal(total_ms=(2000.0, 1000.0, 9000.0)), STEADY)
    assert slow is not None
    assert slow.times_s[1] == pytest.approx(5.0 + 10 / 16 - 2.0)


@pytest.mark.parametrize("events", [journal(rate_limit=0), journal()[1:], journal()[:2]])
def test_without_a_rate_limit_or_a_tick_there_is_no_oracle(events: list[dict[str, Any]]) -> None:
    assert oracle_of(events, STEADY) is None


def test_cost_ratio_is_how_many_times_the_oracle_s_cost_was_paid() -> None:
    steps = oracle_of(journal(), STEADY)
    assert steps is not None
    found = oracle_figures(90.0, steps)
    assert found["oracle_instance_seconds"] == round(steps.instance_seconds, 1)
    assert found["cost_ratio"] == pytest.approx(90.0 / steps.instance_seconds, abs=1e-3)
    assert oracle_figures(90.0, None) == {"oracle_instance_seconds": None, "cost_ratio": None}


def test_without_a_minimum_and_without_requests_nothing_is_divided() -> None:
    assert oracle_figures(90.0, oracle_of(journal(minimum=0), []))["cost_ratio"] is None
