"""A run's key figures: what is made of its journal, its requests and its capacity."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from experiments.metrics.capacity import RATE_LIMIT, Capacity, capacity_of
from experiments.metrics.causes import CAUSES
from experiments.summary import Account, oracle_figures, policy_of, read_requests, summarise
from loadgen.ledger import Record
from tests.experiments.build import QUEUE, REJECT, STEP, policy, simulated
from tests.experiments.story import Event, decision, phase, rejected, served, start, tick

TEN = Capacity(RATE_LIMIT, (10.0,))


def journal(rate_limit: int = 10, minimum: int = 1, total_ms: tuple[float, ...] = (300.0,)) -> list[Event]:
    entered = [phase(0.5, "web-1", "IN_SERVICE", total_ms=each) for each in total_ms]
    ticks = [tick(float(t_s), 3, 3) for t_s in range(31)]
    return [start(rate_limit=rate_limit, minimum=minimum), ticks[0], *entered, *ticks[1:]]


def requests(*due_s: float) -> list[Record]:
    return [served(t_s) for t_s in due_s]


STEADY = requests(*(5.0 + k / 16 for k in range(16 * 20)))  # 16 a second: two instances of ten


def test_oracle_keeps_the_minimum_all_along_and_orders_ahead() -> None:
    steps = Account(journal(), STEADY, TEN).oracle
    assert steps is not None
    assert (steps.times_s[0], steps.end_s) == (0.0, 30.0)
    assert steps.at(0.0) == steps.at(29.0) == 1
    assert steps.at(15.0) == 2
    first = next(t_s for t_s, count in zip(steps.times_s, steps.counts, strict=True) if count == 2)
    assert first == pytest.approx(5.0 + 10 / 16 - 0.3)


def test_oracle_waits_as_long_as_the_run_did() -> None:
    slow = Account(journal(total_ms=(2000.0, 1000.0, 9000.0)), STEADY, TEN).oracle
    assert slow is not None
    assert slow.times_s[1] == pytest.approx(5.0 + 10 / 16 - 2.0)


def test_oracle_and_demand_know_the_capacity_that_was_measured() -> None:
    account = Account(journal(), STEADY, Capacity("capacity-1", (8.0, 12.0)))
    assert account.oracle is not None and account.demand is not None
    assert account.oracle.at(15.0) == account.demand.at(15.0) == 3


@pytest.mark.parametrize("events", [journal(rate_limit=0), journal()[1:], journal()[:1]])
def test_without_a_capacity_or_a_tick_there_is_no_oracle_and_no_demand(events: list[Event]) -> None:
    account = Account(events, STEADY, capacity_of(policy_of(events)))
    assert account.oracle is None
    assert account.demand is None


def test_cost_ratio_is_how_many_times_the_oracle_s_cost_was_paid() -> None:
    steps = Account(journal(), STEADY, TEN).oracle
    assert steps is not None
    found = oracle_figures(90.0, steps)
    assert found["oracle_instance_seconds"] == round(steps.instance_seconds, 1)
    assert found["cost_ratio"] == pytest.approx(90.0 / steps.instance_seconds, abs=1e-3)
    assert oracle_figures(90.0, None) == {"oracle_instance_seconds": None, "cost_ratio": None}


def test_without_a_minimum_and_without_requests_nothing_is_divided() -> None:
    found = summarise(journal(minimum=0), [], 30.0)
    assert found["cost_ratio"] is found["theta_u_percent"] is found["mean_in_service_instances"] is None
    assert (found["slo_violation_s"], found["not_served_share"]) == (0, 0)


def test_elasticity_is_that_of_the_time_with_load() -> None:
    """Three instances all along; needed are 2 from the eleventh request on, 1 before it."""
    found = summarise(journal(), STEADY, 20.0)
    length_s, one_s = STEADY[-1].due_s - 5.0, 10 / 16
    assert found["mean_in_service_instances"] == 3
    assert found["mean_demand_instances"] == pytest.approx(2 - one_s / length_s, abs=1e-3)
    assert found["accuracy_o_instances"] == pytest.approx(1 + one_s / length_s, abs=1e-3)
    assert found["tau_o_percent"] == 100
    assert found["theta_u_percent"] == found["tau_u_percent"] == 0
    assert found["upsilon_dt_s"] == 1


def test_without_a_capacity_what_needs_no_demand_is_told_all_the_same() -> None:
    found = summarise(journal(rate_limit=0), STEADY, 20.0)
    assert found["theta_u_percent"] is found["mean_demand_instances"] is None
    assert found["mean_in_service_instances"] == 3


def test_decisions_outside_the_load_adapt_to_nothing() -> None:
    events = [*journal(), decision(2.0, 1, 3), decision(9.5, 3, 4), decision(12.0, 4, 3), decision(28.0, 3, 4)]
    late = [rejected(record.due_s) if 10 <= record.due_s < 13 else record for record in STEADY]
    found = summarise(events, late, 20.0)
    assert found["time_to_adapt_s"] == 13.0 - 9.5
    assert (found["slo_violation_s"], found["recovery_s"]) == (3, 3)
    assert found["contradictory_actions"] == 1
    assert found["slo"] == {"latency_ms": 500.0, "share": 0.99}


@pytest.mark.parametrize("service", [REJECT, QUEUE])
def test_causes_of_a_simulated_run_add_up(service: dict[str, Any]) -> None:
    found = simulated(policy(service=service, boot="exec", policy={"static": {"wanted": 2}}), STEP).figures
    by_cause = found["not_served_by_cause"]
    assert tuple(by_cause) == CAUSES
    assert sum(by_cause.values()) == found["offered"] - found["served"] > 0
    assert by_cause["queue timeout" if service is QUEUE else "too small"] > 0.9 * sum(by_cause.values())


def test_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    records = [*STEADY[:-1], rejected(24.9375)]
    account = Account(journal(), records, TEN)
    account.write(tmp_path)
    assert read_requests(tmp_path / "requests.csv", 0.0) == records
    causes = pd.read_csv(tmp_path / "requests.csv", keep_default_na=False)["cause"]
    assert list(causes) == account.causes == [""] * (len(records) - 1) + ["other"]
    demand = pd.read_csv(tmp_path / "demand.csv")
    assert account.demand is not None
    assert list(demand["t_s"]) == pytest.approx([*account.demand.times_s, account.demand.end_s], abs=1e-6)
    assert list(demand["instances"]) == [*account.demand.counts, account.demand.counts[-1]]
    assert len(pd.read_csv(tmp_path / "samples.csv")) == 31
    assert pd.read_csv(tmp_path / "oracle.csv")["instances"].max() == 2
